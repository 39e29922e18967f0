#include "server/text/config_file.h"

#include "kernels/base/status_macros.h"

namespace foregate {

absl::StatusOr<ConfigFile> ConfigFile::Read(const ModelFiles& files, const std::string& name) {
  ConfigFile file;
  file.path_ = files.PathOf(name);
  const absl::StatusOr<std::string> text = files.ReadText(name, kMaxConfigBytes);
  if (absl::IsNotFound(text.status())) return file;
  if (!text.ok()) return text.status();
  FOREGATE_ASSIGN_OR_RETURN(file.document_, ParseJsonText(*text, file.path_));
  if (!file.document_.is_object()) return file.root().Error("must be an object");
  file.exists_ = true;
  return file;
}

}  // namespace foregate
