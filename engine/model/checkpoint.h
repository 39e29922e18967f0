// Checkpoint: the tensors of a Hugging Face directory, single or sharded safetensors, alone or over another one (an
// overlay), or of a GGUF model, single or split. Untrusted input. Whatever the file, tensors have the names, shapes and
// order of rows of the safetensors checkpoint.
//
// Bytes are read with pread into memory of the caller's, never mapped: a file that shrinks is an error, not a SIGBUS.
// Thread-safe after Open (reads have no shared state).
#ifndef FOREGATE_ENGINE_MODEL_CHECKPOINT_H_
#define FOREGATE_ENGINE_MODEL_CHECKPOINT_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/formats/gguf/gguf_files.h"
#include "engine/formats/overlay.h"
#include "engine/formats/read_only_file.h"
#include "engine/model/gguf/row_reader.h"
#include "engine/model/model_config.h"
#include "engine/model/safetensors.h"
#include "kernels/api/weight_matrix.h"

namespace foregate {

// The file names of a sharded checkpoint's index by tensor. INVALID_ARGUMENT naming the tensor when a shard is not a
// plain name in the same directory. `file` names the index in errors.
absl::StatusOr<std::map<std::string, std::string>> ParseCheckpointIndex(std::string_view json, const std::string& file);

class Checkpoint {
 public:
  // Opens model.safetensors, or the shards that model.safetensors.index.json names, or the GGUF model that `path` is or
  // that is alone in it (FindGguf), and checks every header.
  static absl::StatusOr<std::unique_ptr<Checkpoint>> Open(const std::string& path);
  // The overlay in `directory` with its base: a tensor of both is the overlay's, and that of the base is never read.
  // INVALID_ARGUMENT or NOT_FOUND naming the key when `overlay` does not name exactly the files of the base; what is in
  // them is not looked at (CheckBase). A base that cannot be opened: its error behind the key.
  static absl::StatusOr<std::unique_ptr<Checkpoint>> OpenOverlay(const std::string& directory, const Overlay& overlay);
  // One safetensors file.
  static absl::StatusOr<std::unique_ptr<Checkpoint>> OpenFile(const std::string& path);

  struct Tensor {
    TensorEntry entry;  // as Read delivers it: quantized types of GGUF as f32
    const ReadOnlyFile* file = nullptr;
    std::optional<GgufPlacement> gguf = std::nullopt;  // how and where a GGUF file stores it; entry.offset says nothing
  };
  // By name.
  const std::map<std::string, Tensor>& tensors() const { return tensors_; }
  // Null when there is none.
  const Tensor* Find(const std::string& name) const;
  // Bytes [offset, offset + destination.size()) of the tensor; of a GGUF file's, both multiples of its element's size.
  absl::Status Read(const Tensor& tensor, uint64_t offset, std::span<std::byte> destination) const;

  // The bytes of rows as they are stored, for formats that are repacked exactly: as many rows from `first_row` as
  // `destination`, a multiple of StoredRowBytes, has room for. In the order of the checkpoint's rows.
  size_t StoredRowBytes(const Tensor& tensor) const;
  // The weight format that holds the tensor exactly: as it is stored; GGUF's Q8_0 and Q5_0 as int8-g32, Q4_0 as
  // int4-g32, other block types in the format of their name; f32 for Q4_1 and Q5_1, which none holds. Not for I32.
  static WeightFormat StoredFormat(const Tensor& tensor);
  absl::Status ReadStoredRows(const Tensor& tensor, int64_t first_row, std::span<std::byte> destination) const;

  // A weight file of an overlay's base.
  struct BaseFile {
    const ReadOnlyFile* file = nullptr;
    std::string sha256;  // what it must have
    std::string where;   // the key that says so, for messages
  };
  // In the order of their names; empty where there is no base.
  const std::vector<BaseFile>& base_files() const { return base_files_; }

  // The text of the config.json that belongs to a GGUF model; empty for safetensors, which have the file.
  const std::string& config_json() const { return config_json_; }

 private:
  static absl::StatusOr<std::unique_ptr<Checkpoint>> OpenGgufModel(const std::string& path);
  absl::Status AddFile(const std::string& path);
  absl::Status AddGgufPart(GgufPart part, const ModelConfig& config);
  absl::Status Add(Tensor tensor);

  std::string config_json_;
  std::vector<std::unique_ptr<ReadOnlyFile>> files_;
  std::vector<BaseFile> base_files_;
  std::map<std::string, Tensor> tensors_;
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MODEL_CHECKPOINT_H_
