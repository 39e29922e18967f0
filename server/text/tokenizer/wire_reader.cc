#include "server/text/tokenizer/wire_reader.h"

#include <string>

#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

uint64_t LittleEndian(std::string_view bytes) {
  uint64_t value = 0;
  for (size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<uint8_t>(bytes[i]);
  return value;
}

}  // namespace

absl::Status WireReader::Error(std::string_view what) const {
  return absl::InvalidArgumentError(std::string(what) + " at byte " + std::to_string(position_) + " of a message of " +
                                    std::to_string(bytes_.size()));
}

absl::StatusOr<uint64_t> WireReader::Varint() {
  uint64_t value = 0;
  for (int shift = 0; shift < 70; shift += 7) {
    if (position_ == bytes_.size()) return Error("the message ends in a number");
    const auto byte = static_cast<uint8_t>(bytes_[position_++]);
    value |= shift < 64 ? uint64_t{byte & 0x7Fu} << shift : 0;
    if (byte < 0x80) return value;
  }
  return Error("a number has more than ten bytes");
}

absl::StatusOr<std::string_view> WireReader::Take(uint64_t size) {
  if (size > bytes_.size() - position_) return Error("a field of " + std::to_string(size) + " bytes goes too far");
  const std::string_view taken = bytes_.substr(position_, size);
  position_ += size;
  return taken;
}

absl::StatusOr<bool> WireReader::Next(Field* field) {
  if (position_ == bytes_.size()) return false;
  FOREGATE_ASSIGN_OR_RETURN(const uint64_t tag, Varint());
  if (tag >> 3 == 0 || tag >> 32 != 0) return Error("bad field number");
  *field = {};
  field->number = static_cast<uint32_t>(tag >> 3);
  field->type = static_cast<Type>(tag & 7);
  switch (tag & 7) {
    case 0: {
      FOREGATE_ASSIGN_OR_RETURN(field->value, Varint());
      return true;
    }
    case 1:
    case 5: {
      FOREGATE_ASSIGN_OR_RETURN(const std::string_view number, Take((tag & 7) == 1 ? 8 : 4));
      field->value = LittleEndian(number);
      return true;
    }
    case 2: {
      FOREGATE_ASSIGN_OR_RETURN(const uint64_t size, Varint());
      FOREGATE_ASSIGN_OR_RETURN(field->bytes, Take(size));
      return true;
    }
    default:
      return Error("bad field type " + std::to_string(tag & 7));
  }
}

}  // namespace foregate
