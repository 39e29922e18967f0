#include "server/text/tokenizer/merge_table.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <functional>
#include <limits>
#include <queue>
#include <utility>

namespace foregate {
namespace {

// Up to here, scanning all ranks for the lowest is cheaper than a heap: a word of English has 2 to 12 bytes, a run of
// Chinese between two punctuation marks 20 to 60.
constexpr size_t kShortWord = 64;
constexpr int32_t kNoRank = std::numeric_limits<int32_t>::max();

}  // namespace

void MergeTable::Reserve(size_t num_merges) {
  const size_t size = std::bit_ceil(2 * num_merges + 2);
  slots_.assign(size, Slot());
  shift_ = 64 - std::countr_zero(size);
}

void MergeTable::Insert(int32_t left, int32_t right, Merge merge) {
  const uint64_t key = Key(left, right);
  size_t i = Home(key);
  while (slots_[i].key != kEmpty && slots_[i].key != key) i = (i + 1) & (slots_.size() - 1);
  slots_[i] = {key, merge};
}

const MergeTable::Merge* MergeTable::Find(int32_t left, int32_t right) const {
  const uint64_t key = Key(left, right);
  for (size_t i = Home(key);; i = (i + 1) & (slots_.size() - 1)) {
    if (slots_[i].key == key) return &slots_[i].merge;
    if (slots_[i].key == kEmpty) return nullptr;
  }
}

size_t MergeTable::MergeAll(std::span<int32_t> symbols) const {
  if (symbols.size() < 2) return symbols.size();
  return symbols.size() <= kShortWord ? MergeShort(symbols) : MergeLong(symbols);
}

size_t MergeTable::MergeShort(std::span<int32_t> symbols) const {
  int32_t ranks[kShortWord];  // ranks[i] and merged[i] are of symbols i and i + 1
  int32_t merged[kShortWord];
  int32_t* ids = symbols.data();
  size_t pairs = symbols.size() - 1;
  const auto look_up = [&](size_t i) {
    const Merge* merge = Find(ids[i], ids[i + 1]);
    ranks[i] = merge == nullptr ? kNoRank : merge->rank;
    merged[i] = merge == nullptr ? -1 : merge->merged_id;
  };
  for (size_t i = 0; i < pairs; ++i) look_up(i);
  while (pairs > 0) {
    int32_t lowest = kNoRank;
    for (size_t i = 0; i < pairs; ++i) lowest = std::min(lowest, ranks[i]);
    if (lowest == kNoRank) break;
    const size_t best = static_cast<size_t>(std::find(ranks, ranks + pairs, lowest) - ranks);
    ids[best] = merged[best];
    const size_t after = pairs - best - 1;  // pairs to the right of the merged one
    std::memmove(ids + best + 1, ids + best + 2, after * sizeof(int32_t));
    std::memmove(ranks + best, ranks + best + 1, after * sizeof(int32_t));
    std::memmove(merged + best, merged + best + 1, after * sizeof(int32_t));
    --pairs;
    if (best > 0) look_up(best - 1);
    if (best < pairs) look_up(best);
  }
  return pairs + 1;
}

size_t MergeTable::MergeLong(std::span<int32_t> ids) const {
  struct Candidate {
    int32_t rank;
    uint32_t position;
    int32_t left, right, merged;
    bool operator<(const Candidate& other) const {  // std::priority_queue gives the largest first
      return rank != other.rank ? rank > other.rank : position > other.position;
    }
  };
  constexpr uint32_t kEnd = std::numeric_limits<uint32_t>::max();
  const auto size = static_cast<uint32_t>(ids.size());
  std::vector<uint32_t> previous(size);
  std::vector<uint32_t> next(size);
  for (uint32_t i = 0; i < size; ++i) {
    previous[i] = i == 0 ? kEnd : i - 1;
    next[i] = i + 1 == size ? kEnd : i + 1;
  }
  std::vector<Candidate> initial;
  initial.reserve(size);
  const auto candidate_at = [&](uint32_t i, const auto& take) {
    if (i == kEnd || next[i] == kEnd) return;
    const Merge* merge = Find(ids[i], ids[next[i]]);
    if (merge != nullptr) take(Candidate{merge->rank, i, ids[i], ids[next[i]], merge->merged_id});
  };
  for (uint32_t i = 0; i < size; ++i) candidate_at(i, [&](const Candidate& c) { initial.push_back(c); });
  std::priority_queue<Candidate> candidates(std::less<Candidate>(), std::move(initial));
  while (!candidates.empty()) {
    const Candidate top = candidates.top();
    candidates.pop();
    const uint32_t i = top.position;
    if (ids[i] != top.left || next[i] == kEnd || ids[next[i]] != top.right) continue;  // a neighbour merged meanwhile
    const uint32_t right = next[i];
    ids[i] = top.merged;
    ids[right] = -1;  // merged into its left neighbour
    next[i] = next[right];
    if (next[i] != kEnd) previous[next[i]] = i;
    candidate_at(previous[i], [&](const Candidate& c) { candidates.push(c); });
    candidate_at(i, [&](const Candidate& c) { candidates.push(c); });
  }
  return static_cast<size_t>(std::remove(ids.begin(), ids.end(), -1) - ids.begin());
}

}  // namespace foregate
