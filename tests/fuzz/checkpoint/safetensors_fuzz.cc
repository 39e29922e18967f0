// The header of a safetensors file, as bytes of a whole file: length, header, data.
#include <cstdint>
#include <string_view>

#include "engine/model/safetensors.h"
#include "kernels/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view file(reinterpret_cast<const char*>(data), size);
  const auto length = foregate::SafetensorsHeaderLength(file.substr(0, 8), size, "fuzz.safetensors");
  if (!length.ok()) return 0;
  const auto entries = foregate::ParseSafetensorsHeader(file.substr(8, *length), size, "fuzz.safetensors");
  if (!entries.ok()) return 0;
  // What is accepted lies inside the file, in order, without overlaps.
  uint64_t covered = 8 + *length;
  for (const foregate::TensorEntry& entry : *entries) {
    FOREGATE_CHECK_EQ(entry.offset, covered);
    covered += entry.num_bytes;
  }
  FOREGATE_CHECK_EQ(covered, static_cast<uint64_t>(size));
  return 0;
}
