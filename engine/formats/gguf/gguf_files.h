// Which files make up a GGUF model: one, or the parts NAME-00001-of-0000N.gguf that llama-gguf-split writes.
#ifndef FOREGATE_ENGINE_FORMATS_GGUF_GGUF_FILES_H_
#define FOREGATE_ENGINE_FORMATS_GGUF_GGUF_FILES_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/formats/gguf/header.h"
#include "engine/formats/read_only_file.h"

namespace foregate {

// The (first) GGUF file that `path` means: the file itself, or the only model in a directory that has no
// model.safetensors (nor its index). Nothing when there is none, or no such path; INVALID_ARGUMENT naming two of them
// when there are several, or the first part when `path` is a later one.
absl::StatusOr<std::optional<std::string>> FindGguf(const std::string& path);

struct GgufPart {
  std::unique_ptr<ReadOnlyFile> file;
  GgufHeader header;
};

// Opens the file and, when its name is that of a first part, the others beside it; checks every header, and that the
// parts belong together (split.no, split.count, split.tensors.count). The first part has the metadata.
absl::StatusOr<std::vector<GgufPart>> OpenGguf(const std::string& path);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_FORMATS_GGUF_GGUF_FILES_H_
