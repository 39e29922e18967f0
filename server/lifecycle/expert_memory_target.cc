#include "server/lifecycle/expert_memory_target.h"

#include <algorithm>
#include <limits>

#include "server/lifecycle/memory_limit.h"
#include "server/lifecycle/memory_reserve.h"

namespace foregate {
namespace {

constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr int64_t kLooksAhead = 2;
constexpr double kStalledShare = 0.1;  // of the time, in which tasks wait for memory: too much

std::string Mebibytes(uint64_t bytes) { return std::to_string(bytes / kMiB); }

// Of all samples together.
struct Situation {
  const MemorySample* tightest = nullptr;
  int64_t reserve = 0;  // of the tightest
  int64_t free = 0;     // of the tightest, when what is on its way has arrived
  const MemorySample* squeezed = nullptr;
  const MemorySample* killed = nullptr;
};

Situation Assess(std::span<const MemorySample> samples, int64_t bytes_on_the_way_back) {
  Situation situation;
  int64_t least_room = std::numeric_limits<int64_t>::max();
  for (const MemorySample& sample : samples) {
    const auto reserve = static_cast<int64_t>(ReserveOf(sample));
    // A neighbour that grows by 200 MB/s is past the reserve within one look: the kernel would kill before the next.
    const int64_t ahead = kLooksAhead * std::max<int64_t>(0, sample.fallen_bytes);
    const int64_t free = static_cast<int64_t>(sample.free_bytes) - ahead + bytes_on_the_way_back;
    // With more free than that, tasks wait for something else: file pages of a neighbour, or our own that are read
    // once.
    if (free < 2 * reserve) {
      if (sample.stalled_share >= kStalledShare || sample.met_limit) situation.squeezed = &sample;
      if (sample.has_killed) situation.killed = &sample;
    }
    if (free - reserve >= least_room) continue;
    least_room = free - reserve;
    situation.tightest = &sample;
    situation.reserve = reserve;
    situation.free = free;
  }
  return situation;
}

std::string Leaves(const MemorySample& sample) {
  return sample.source + " leaves " + Mebibytes(sample.free_bytes) + " of " + Mebibytes(sample.limit_bytes) +
         " MiB free";
}

std::string SqueezeText(const MemorySample& sample) {
  std::string text;
  if (sample.stalled_share >= kStalledShare)
    text = "tasks waited for memory " + std::to_string(static_cast<int>(100 * sample.stalled_share)) + " % of the time";
  if (sample.met_limit) text += (text.empty() ? "" : ", ") + std::string("the limit was met");
  return text;
}

}  // namespace

uint64_t ReserveOf(const MemorySample& sample) {
  return sample.source == kMachineMemoryFile ? MachineReserveBytes(sample.limit_bytes)
                                             : GroupReserveBytes(sample.limit_bytes);
}

ExpertMemoryTarget NextExpertMemory(const ExpertMemoryTarget& last, std::span<const MemorySample> samples,
                                    uint64_t bytes_in_use, const ExpertMemoryBounds& bounds) {
  ExpertMemoryTarget next{.bytes = last.bytes, .reason = {}};
  const Situation now = Assess(samples, static_cast<int64_t>(bytes_in_use) - static_cast<int64_t>(last.bytes));
  if (now.tightest == nullptr) return next;
  const uint64_t step = (bounds.most_bytes - bounds.least_bytes) / 16;
  const uint64_t spare = last.bytes - std::min(last.bytes, bounds.least_bytes);
  const auto give_back = [&](uint64_t bytes, std::string reason) {
    const uint64_t given = std::min(spare, std::max(bytes, step / 4));
    if (given == 0) return next;
    next = {.bytes = last.bytes - given, .reason = std::move(reason)};
    return next;
  };

  if (now.killed != nullptr) return give_back(4 * step, "a process was killed for memory, and " + Leaves(*now.killed));
  if (now.free < now.reserve) {
    const bool is_urgent = now.free < now.reserve / 2;
    next.num_short = last.num_short + 1;
    if (!is_urgent && next.num_short < kShortSamples) return next;
    return give_back(static_cast<uint64_t>(now.reserve - now.free), Leaves(*now.tightest));
  }
  if (now.squeezed != nullptr) {
    next.num_squeezed = last.num_squeezed + 1;
    if (next.num_squeezed < kSqueezedSamples) return next;
    return give_back(step, SqueezeText(*now.squeezed) + ", and " + Leaves(*now.squeezed));
  }
  const int64_t room = now.free - 2 * now.reserve;
  const uint64_t missing = bounds.most_bytes - std::min(bounds.most_bytes, last.bytes);
  if (room <= 0 || missing == 0) return next;
  const uint64_t taken = std::min({static_cast<uint64_t>(room), missing, std::max<uint64_t>(step, 1)});
  // Not in crumbs: each change is a line in the log.
  if (taken < std::min(missing, step / 4)) return next;
  next.num_calm = last.num_calm + 1;
  if (next.num_calm < kCalmSamples) return next;
  return {.bytes = last.bytes + taken, .reason = Leaves(*now.tightest)};
}

}  // namespace foregate
