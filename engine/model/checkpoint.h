// Checkpoint: the tensors of a Hugging Face directory, single or sharded safetensors. Untrusted input.
//
// Bytes are read with pread into memory of the caller's, never mapped: a file that shrinks is an error, not a SIGBUS.
// Thread-safe after Open (reads have no shared state).
#ifndef FOREGATE_ENGINE_MODEL_CHECKPOINT_H_
#define FOREGATE_ENGINE_MODEL_CHECKPOINT_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/model/safetensors.h"
#include "engine/formats/read_only_file.h"

namespace foregate {

// The file names of a sharded checkpoint's index by tensor. INVALID_ARGUMENT naming the tensor when a shard is not a
// plain name in the same directory. `file` names the index in errors.
absl::StatusOr<std::map<std::string, std::string>> ParseCheckpointIndex(std::string_view json, const std::string& file);

class Checkpoint {
 public:
  // Opens model.safetensors, or the shards that model.safetensors.index.json names, and checks every header.
  static absl::StatusOr<std::unique_ptr<Checkpoint>> Open(const std::string& directory);
  // One safetensors file.
  static absl::StatusOr<std::unique_ptr<Checkpoint>> OpenFile(const std::string& path);

  struct Tensor {
    TensorEntry entry;
    const ReadOnlyFile* file = nullptr;
  };
  // By name.
  const std::map<std::string, Tensor>& tensors() const { return tensors_; }
  // Null when there is none.
  const Tensor* Find(const std::string& name) const;
  // Bytes [offset, offset + destination.size()) of the tensor.
  absl::Status Read(const Tensor& tensor, uint64_t offset, std::span<std::byte> destination) const;

 private:
  absl::Status AddFile(const std::string& path);
  std::vector<std::unique_ptr<ReadOnlyFile>> files_;
  std::map<std::string, Tensor> tensors_;
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MODEL_CHECKPOINT_H_
