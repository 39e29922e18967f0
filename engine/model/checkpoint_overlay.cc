// Checkpoint over an overlay's directory and its base's.
#include <utility>

#include "engine/model/checkpoint.h"
#include "kernels/base/status_macros.h"

namespace foregate {

absl::StatusOr<std::unique_ptr<Checkpoint>> Checkpoint::OpenOverlay(const std::string& directory,
                                                                    const Overlay& overlay) {
  FOREGATE_ASSIGN_OR_RETURN(std::unique_ptr<Checkpoint> checkpoint, Open(directory));
  absl::StatusOr<std::unique_ptr<Checkpoint>> base = Open(overlay.base_directory);
  if (!base.ok()) return overlay.BaseError(base.status());
  std::map<std::string, std::string> digests = overlay.files;
  for (std::unique_ptr<ReadOnlyFile>& file : (*base)->files_) {
    const std::string name = file->path().substr(file->path().rfind('/') + 1);
    const auto digest = digests.extract(name);
    if (digest.empty()) return overlay.FileError(absl::StatusCode::kInvalidArgument, name, "missing");
    checkpoint->base_files_.push_back(
        {.file = file.get(), .sha256 = digest.mapped(), .where = overlay.where + "files: " + name + ": "});
    checkpoint->files_.push_back(std::move(file));
  }
  if (!digests.empty())
    return overlay.FileError(absl::StatusCode::kNotFound, digests.begin()->first,
                             "not among the weights of " + overlay.base_directory);
  // What both have stays behind.
  checkpoint->tensors_.merge((*base)->tensors_);
  return checkpoint;
}

}  // namespace foregate
