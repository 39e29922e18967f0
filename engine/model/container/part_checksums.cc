#include "engine/model/container/part_checksums.h"

#include <xxhash.h>

#include <algorithm>

#include "kernels/base/check.h"

namespace foregate {

void PartChecksums::FreeState::operator()(XXH3_state_s* state) const { XXH3_freeState(state); }

PartChecksums::PartChecksums(ContainerDirectory& directory) : state_(XXH3_createState()) {
  FOREGATE_CHECK(state_ != nullptr);
  XXH3_64bits_reset(state_.get());
  for (ContainerDirectory::Expert& expert : directory.experts) {
    for (ContainerDirectory::Part& part : expert.parts) parts_.push_back(&part);
  }
  std::stable_sort(parts_.begin(), parts_.end(), [](const auto* a, const auto* b) { return a->offset < b->offset; });
}

PartChecksums::~PartChecksums() = default;

void PartChecksums::HashInto(ContainerDirectory::Part& part, std::span<const std::byte> bytes) {
  XXH3_64bits_update(state_.get(), bytes.data(), bytes.size());
  done_bytes_ += bytes.size();
  if (done_bytes_ < part.num_bytes) return;
  const uint64_t checksum = XXH3_64bits_digest(state_.get());
  XXH3_64bits_reset(state_.get());
  done_bytes_ = 0;
  // A base that several experts list is one place of the payload.
  for (const uint64_t offset = part.offset; next_ < parts_.size() && parts_[next_]->offset == offset; ++next_)
    parts_[next_]->checksum = checksum;
}

void PartChecksums::Add(uint64_t payload_offset, std::span<const std::byte> bytes) {
  const uint64_t end = payload_offset + bytes.size();
  while (next_ < parts_.size() && parts_[next_]->offset < end) {
    ContainerDirectory::Part& part = *parts_[next_];
    const uint64_t at = part.offset + done_bytes_;  // the first of its bytes that is missing
    FOREGATE_CHECK_GE(at, payload_offset);
    if (at >= end) return;
    HashInto(part, bytes.subspan(at - payload_offset, std::min(end - at, part.num_bytes - done_bytes_)));
  }
}

}  // namespace foregate
