#include "engine/formats/config_file.h"

#include <memory>

#include "engine/formats/read_only_file.h"
#include "kernels/base/status_macros.h"

namespace foregate {

absl::StatusOr<std::string> ReadConfigFile(const std::string& directory) {
  FOREGATE_ASSIGN_OR_RETURN(const std::unique_ptr<ReadOnlyFile> file,
                            ReadOnlyFile::Open(directory + "/" + kConfigFile));
  return file->ReadText(kMaxModelConfigBytes);
}

}  // namespace foregate
