// The header of a packed container, as bytes of a whole file: preamble, directory, table of files, payload.
#include <cstdint>
#include <string_view>

#include "engine/formats/container/container_format.h"
#include "engine/model/container/container_directory.h"
#include "kernels/base/check.h"

namespace foregate {
namespace {

constexpr uint64_t kPayloadBytes = uint64_t{1} << 40;

void CheckDirectory(std::string_view json) {
  const auto directory = ParseContainerDirectory(json, kPayloadBytes, "fuzz.fgw");
  if (!directory.ok()) return;
  for (const ContainerDirectory::Tensor& tensor : directory->tensors)
    FOREGATE_CHECK(tensor.offset <= kPayloadBytes && tensor.num_bytes <= kPayloadBytes - tensor.offset);
  for (const ContainerDirectory::Expert& expert : directory->experts) {
    FOREGATE_CHECK(expert.parts.size() >= kProjections.size());
    for (const ContainerDirectory::Part& part : expert.parts)
      FOREGATE_CHECK(part.offset % kContainerAlignment == 0 && part.num_bytes <= kPayloadBytes - part.offset);
  }
  // What was read is written as it was.
  const auto again = ParseContainerDirectory(SerializeContainerDirectory(*directory), kPayloadBytes, "again");
  FOREGATE_CHECK(again.ok() && again->DescribesSame(*directory));
}

void CheckFiles(std::string_view table) {
  const auto files = ParseEmbeddedFiles(table, kPayloadBytes, "fuzz.fgw");
  if (!files.ok()) return;
  for (const EmbeddedFile& file : *files)
    FOREGATE_CHECK(IsEmbeddedFileName(file.name) && file.num_bytes <= kPayloadBytes - file.offset);
  FOREGATE_CHECK(SerializeEmbeddedFiles(*files) == table);
}

}  // namespace
}  // namespace foregate

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view file(reinterpret_cast<const char*>(data), size);
  const auto preamble =
      foregate::ParseContainerPreamble(file.substr(0, foregate::kContainerPreambleBytes), size, "fuzz.fgw");
  if (preamble.ok()) {
    FOREGATE_CHECK_EQ(preamble->payload_offset + preamble->payload_bytes, static_cast<uint64_t>(size));
    FOREGATE_CHECK_LE(preamble->header_bytes(), preamble->payload_offset);
    foregate::CheckDirectory(file.substr(foregate::kContainerPreambleBytes, preamble->directory_bytes));
    foregate::CheckFiles(
        file.substr(foregate::kContainerPreambleBytes + preamble->directory_bytes, preamble->table_bytes));
  }
  // The parts by themselves as well, for few inputs have a preamble that fits their length.
  foregate::CheckDirectory(file);
  foregate::CheckFiles(file);
  return 0;
}
