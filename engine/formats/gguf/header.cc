#include "engine/formats/gguf/header.h"

#include <algorithm>
#include <span>
#include <utility>

#include "engine/formats/gguf/header_parser.h"
#include "kernels/base/check.h"
#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

constexpr uint64_t kFirstPrefixBytes = 1 << 20;

}  // namespace

uint64_t GgufTensor::num_elements() const {
  uint64_t count = 1;
  for (const int64_t extent : shape) count *= static_cast<uint64_t>(extent);
  return count;
}

const GgufValue* GgufHeader::Find(std::string_view key) const {
  const auto found = metadata_.find(key);
  return found == metadata_.end() ? nullptr : &found->second;
}

std::string GgufHeader::MetadataFile() const {
  constexpr size_t kNumTensorsOffset = 8;  // behind magic and version
  std::string file = bytes_->substr(0, metadata_end_);
  std::fill_n(file.begin() + kNumTensorsOffset, sizeof(uint64_t), '\0');
  return file;
}

absl::StatusOr<GgufHeader> GgufHeader::Parse(std::string prefix, uint64_t file_bytes, const std::string& file) {
  FOREGATE_CHECK_LE(prefix.size(), file_bytes);
  GgufHeader header;
  header.bytes_ = std::make_unique<const std::string>(std::move(prefix));
  header.file_ = file;
  FOREGATE_RETURN_IF_ERROR(GgufHeaderParser(*header.bytes_, file_bytes, file).Run(header));
  return header;
}

absl::StatusOr<GgufHeader> GgufHeader::Read(const ReadOnlyFile& file) {
  const uint64_t limit = std::min(file.num_bytes(), kMaxGgufHeaderBytes);
  // Growing by four reads at most a third of the bytes again.
  for (uint64_t size = std::min(kFirstPrefixBytes, limit);; size = std::min(size * 4, limit)) {
    std::string prefix(size, '\0');
    FOREGATE_RETURN_IF_ERROR(file.Read(0, std::as_writable_bytes(std::span(prefix))));
    absl::StatusOr<GgufHeader> header = Parse(std::move(prefix), file.num_bytes(), file.path());
    if (!absl::IsOutOfRange(header.status())) return header;
    if (size == limit)
      return absl::InvalidArgumentError(file.path() + ": the header exceeds the limit of " +
                                        std::to_string(kMaxGgufHeaderBytes) + " bytes");
  }
}

bool LooksLikeGguf(std::string_view first_bytes) { return first_bytes.starts_with("GGUF"); }

}  // namespace foregate
