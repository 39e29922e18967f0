// Reads the fields of a protocol buffer message in the order in which they lie in its bytes. SentencePiece models are
// such messages; we need eight of their fields, and protobuf stays in server/rpc.
#ifndef FOREGATE_SERVER_TEXT_TOKENIZER_WIRE_READER_H_
#define FOREGATE_SERVER_TEXT_TOKENIZER_WIRE_READER_H_

#include <cstdint>
#include <string_view>

#include "absl/status/statusor.h"

namespace foregate {

// Borrows the bytes. Not thread-safe.
class WireReader {
 public:
  enum class Type { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

  struct Field {
    uint32_t number = 0;
    Type type = Type::kVarint;
    uint64_t value = 0;      // of a number, its bits
    std::string_view bytes;  // of a string or message

    bool IsBytes(uint32_t wanted) const { return number == wanted && type == Type::kBytes; }
    bool IsVarint(uint32_t wanted) const { return number == wanted && type == Type::kVarint; }
  };

  explicit WireReader(std::string_view bytes) : bytes_(bytes) {}

  // False at the end. INVALID_ARGUMENT with the byte offset for what is no field.
  absl::StatusOr<bool> Next(Field* field);

 private:
  absl::StatusOr<uint64_t> Varint();
  absl::StatusOr<std::string_view> Take(uint64_t size);
  absl::Status Error(std::string_view what) const;

  std::string_view bytes_;
  size_t position_ = 0;
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_TOKENIZER_WIRE_READER_H_
