// The header of a GGUF file, as bytes of a whole file.
#include <cstdint>
#include <string>

#include "engine/formats/gguf/header.h"
#include "kernels/base/check.h"

namespace foregate {
namespace {

// Every conversion stays inside the header's bytes.
void Convert(const GgufValue& value) {
  value.AsInteger();
  value.AsNumber();
  value.AsBool();
  value.AsString();
  value.AsIntegers();
  value.AsNumbers();
  value.AsStrings();
  if (const auto arrays = value.AsArrays()) {
    for (const GgufValue& array : *arrays) Convert(array);
  }
}

}  // namespace
}  // namespace foregate

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string file(reinterpret_cast<const char*>(data), size);
  const auto header = foregate::GgufHeader::Parse(file, size, "fuzz.gguf");
  // A whole file is never asked to be longer.
  FOREGATE_CHECK(!absl::IsOutOfRange(header.status()));
  // Nor does reading it in pieces change the verdict.
  const auto half = foregate::GgufHeader::Parse(file.substr(0, size / 2), size, "fuzz.gguf");
  if (half.ok()) FOREGATE_CHECK(header.ok());
  if (!header.ok()) return 0;
  for (const auto& [key, value] : header->metadata()) foregate::Convert(value);
  // What is accepted lies inside the file, in order, without overlaps.
  uint64_t covered = 0;
  for (const foregate::GgufTensor& tensor : header->tensors()) {
    FOREGATE_CHECK_LE(covered, tensor.offset);
    FOREGATE_CHECK(tensor.num_bytes > 0);
    covered = tensor.offset + tensor.num_bytes;
    FOREGATE_CHECK_LE(covered, static_cast<uint64_t>(size));
  }
  return 0;
}
