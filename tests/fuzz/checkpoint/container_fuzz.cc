// The header of a packed container, as bytes of a whole file: preamble, directory, payload.
#include <cstdint>
#include <string_view>

#include "engine/model/container/container_header.h"
#include "kernels/base/check.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view file(reinterpret_cast<const char*>(data), size);
  const auto preamble =
      foregate::ParseContainerPreamble(file.substr(0, foregate::kContainerPreambleBytes), size, "fuzz.fgw");
  if (preamble.ok()) {
    FOREGATE_CHECK_EQ(preamble->payload_offset + preamble->payload_bytes, static_cast<uint64_t>(size));
  }
  // The directory by itself as well, for few inputs have a preamble that fits their length.
  constexpr uint64_t kPayloadBytes = uint64_t{1} << 40;
  const std::string_view json = file.substr(0, 4) == "FORE" ? file.substr(size < 40 ? size : 40) : file;
  const auto directory = foregate::ParseContainerDirectory(json, kPayloadBytes, "fuzz.fgw");
  if (!directory.ok()) return 0;
  for (const foregate::ContainerDirectory::Tensor& tensor : directory->tensors)
    FOREGATE_CHECK(tensor.offset <= kPayloadBytes && tensor.num_bytes <= kPayloadBytes - tensor.offset);
  // What was read is written as it was.
  const auto again =
      foregate::ParseContainerDirectory(foregate::SerializeContainerDirectory(*directory), kPayloadBytes, "again");
  FOREGATE_CHECK(again.ok() && again->DescribesSame(*directory));
  return 0;
}
