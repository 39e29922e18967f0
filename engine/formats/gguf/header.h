// The header of a GGUF file: metadata, and which tensor lies where. Untrusted input.
//
// Layout, all little-endian: "GGUF", u32 version, u64 number of tensors, u64 number of metadata entries, the entries
// (key, type, value), the tensors' descriptions (name, extents, type, offset), padding, the tensors' bytes. Versions 2
// and 3 differ in nothing that a little-endian reader sees.
//
// Every length is held against the file's size before it is used. Memory: the header's bytes once, and a bounded record
// for each entry and tensor.
#ifndef FOREGATE_ENGINE_FORMATS_GGUF_HEADER_H_
#define FOREGATE_ENGINE_FORMATS_GGUF_HEADER_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/formats/gguf/tensor_type.h"
#include "engine/formats/gguf/value.h"
#include "engine/formats/read_only_file.h"

namespace foregate {

// Published headers have at most 30 MB (a vocabulary of 262,144 with its merges), 60 entries and 2,000 tensors.
inline constexpr uint64_t kMaxGgufHeaderBytes = uint64_t{256} << 20;
inline constexpr uint64_t kMaxGgufEntries = 1 << 16;
inline constexpr uint64_t kMaxGgufTensors = 1 << 18;
inline constexpr size_t kMaxGgufNameBytes = 64;        // of a tensor; the format's own limit
inline constexpr size_t kMaxGgufKeyBytes = 65'535;     // the format's own limit
inline constexpr uint32_t kMaxGgufDimensions = 4;      // the format's own limit
inline constexpr int kMaxGgufArrayDepth = 4;           // published files have 1
inline constexpr uint64_t kDefaultGgufAlignment = 32;  // in bytes, unless general.alignment says otherwise

struct GgufTensor {
  std::string name;
  GgufTensorType type = GgufTensorType::kF32;
  std::vector<int64_t> shape;  // outermost first, 1 to 4 extents, none zero; the last is a whole number of blocks
  uint64_t offset = 0;         // from the start of the file
  uint64_t num_bytes = 0;

  uint64_t num_elements() const;
};

// Owns the header's bytes; immutable and thread-safe.
class GgufHeader {
 public:
  // `prefix` is the beginning of a file of `file_bytes` bytes. OUT_OF_RANGE when the header goes on behind the prefix;
  // INVALID_ARGUMENT for what is malformed, UNIMPLEMENTED for a version, byte order or tensor type that is not
  // supported; each names file, key or tensor, and byte offset.
  static absl::StatusOr<GgufHeader> Parse(std::string prefix, uint64_t file_bytes, const std::string& file);
  // Reads as much of the file as the header takes.
  static absl::StatusOr<GgufHeader> Read(const ReadOnlyFile& file);

  uint32_t version() const { return version_; }
  const std::string& file() const { return file_; }
  const std::map<std::string_view, GgufValue>& metadata() const { return metadata_; }
  // Null when there is none.
  const GgufValue* Find(std::string_view key) const;
  // A GGUF file of the same metadata without tensors.
  std::string MetadataFile() const;
  // In ascending order of their offsets; none overlap.
  const std::vector<GgufTensor>& tensors() const { return tensors_; }

 private:
  friend class GgufHeaderParser;
  std::unique_ptr<const std::string> bytes_;  // on the heap: the values are views of it
  std::string file_;
  uint32_t version_ = 0;
  uint64_t metadata_end_ = 0;  // in bytes_
  std::map<std::string_view, GgufValue> metadata_;
  std::vector<GgufTensor> tensors_;
};

// Begins with the format's magic.
bool LooksLikeGguf(std::string_view first_bytes);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_FORMATS_GGUF_HEADER_H_
