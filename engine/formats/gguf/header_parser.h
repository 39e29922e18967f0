// GgufHeaderParser: one pass over the beginning of a GGUF file. Used by GgufHeader::Parse only.
#ifndef FOREGATE_ENGINE_FORMATS_GGUF_HEADER_PARSER_H_
#define FOREGATE_ENGINE_FORMATS_GGUF_HEADER_PARSER_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/formats/gguf/header.h"

namespace foregate {

// Borrows what it is given. Not thread-safe; used once.
class GgufHeaderParser {
 public:
  GgufHeaderParser(std::string_view bytes, uint64_t file_bytes, const std::string& file)
      : bytes_(bytes), file_bytes_(file_bytes), file_(file) {}

  // Fills version, metadata and tensors.
  absl::Status Run(GgufHeader& header);

 private:
  struct Counts {
    uint64_t tensors = 0;
    uint64_t entries = 0;
  };

  absl::StatusOr<Counts> ReadStart(GgufHeader& header);
  absl::Status ReadEntry(uint64_t index, GgufHeader& header);
  absl::Status SkipValue(GgufValueType type, int depth, const std::string& where);
  absl::Status SkipArray(int depth, const std::string& where);
  absl::Status CheckBools(uint64_t count, const std::string& where);
  absl::StatusOr<GgufTensor> ReadTensor(uint64_t index);
  absl::Status ReadShape(const std::string& where, GgufTensor& tensor);
  absl::StatusOr<uint64_t> Alignment(const GgufHeader& header) const;
  // Turns the tensors' offsets into the file's, and holds them against it and each other.
  absl::Status PlaceTensors(uint64_t alignment, std::vector<GgufTensor>& tensors) const;

  // Fails unless `count` more bytes are there: INVALID_ARGUMENT behind the file's end, OUT_OF_RANGE behind the
  // prefix's.
  absl::Status Need(uint64_t count, const std::string& where) const;
  template <typename T>
  absl::StatusOr<T> Number(const std::string& where);
  absl::StatusOr<std::string_view> String(const std::string& where);
  absl::StatusOr<GgufValueType> ValueType(const std::string& where);
  // "FILE: byte N: ".
  std::string Here() const;

  const std::string_view bytes_;
  const uint64_t file_bytes_;
  const std::string& file_;
  uint64_t position_ = 0;
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_FORMATS_GGUF_HEADER_PARSER_H_
