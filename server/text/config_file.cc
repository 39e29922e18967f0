#include "server/text/config_file.h"

#include "kernels/base/status_macros.h"

namespace foregate {

absl::StatusOr<ConfigFile> ConfigFile::Read(const std::string& path) {
  ConfigFile file;
  file.path_ = path;
  const absl::StatusOr<std::string> text = ReadWholeFile(path, kMaxConfigBytes);
  if (absl::IsNotFound(text.status())) return file;
  if (!text.ok()) return text.status();
  FOREGATE_ASSIGN_OR_RETURN(file.document_, ParseJsonText(*text, path));
  if (!file.document_.is_object()) return file.root().Error("must be an object");
  file.exists_ = true;
  return file;
}

}  // namespace foregate
