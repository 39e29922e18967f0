// ModelFiles: the small files of a model by their names, those of a directory, of a directory and of another one below
// it, or those inside a packed container.
#ifndef FOREGATE_ENGINE_FORMATS_MODEL_FILES_H_
#define FOREGATE_ENGINE_FORMATS_MODEL_FILES_H_

#include <cstddef>
#include <cstdio>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/formats/container/container_file.h"

namespace foregate {

// A value. Immutable and thread-safe; a container stays open as long as one of them lives.
class ModelFiles {
 public:
  ModelFiles() = default;
  explicit ModelFiles(std::string directory) : directory_(std::move(directory)) {}
  // As though the files of `directory` were copied over those of `base_directory`.
  ModelFiles(std::string directory, std::string base_directory)
      : directory_(std::move(directory)), base_directory_(std::move(base_directory)) {}
  explicit ModelFiles(std::shared_ptr<const ContainerFile> container) : container_(std::move(container)) {}

  // "DIR/NAME", or "FILE.fgw: NAME": for messages.
  std::string PathOf(const std::string& name) const;
  // Whether there is something of that name.
  bool Has(const std::string& name) const;
  // The names of the regular files in a folder, without it, ascending; empty when there is no such folder.
  std::vector<std::string> List(const std::string& folder) const;

  // NOT_FOUND when there is none, INVALID_ARGUMENT when it is larger than max_bytes; errors name the file.
  absl::StatusOr<std::string> ReadText(const std::string& name, size_t max_bytes) const;
  // The same file as a stream. A container's damage reads as an error of the stream.
  using Stream = std::unique_ptr<FILE, int (*)(FILE*)>;
  absl::StatusOr<Stream> Open(const std::string& name) const;

 private:
  const EmbeddedFile* Find(std::string_view name) const;

  std::string directory_;
  std::string base_directory_;                      // empty: none
  std::shared_ptr<const ContainerFile> container_;  // null: the directory's
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_FORMATS_MODEL_FILES_H_
