#include "server/text/tokenizer/merge_table.h"

#include <bit>
#include <limits>
#include <queue>

namespace foregate {
namespace {

// Below this, scanning all pairs for the lowest rank is cheaper than a heap (a word of English has 2 to 12 bytes).
constexpr size_t kShortWord = 24;

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

void MergeTable::MergeAll(std::vector<int32_t>* symbols) const {
  if (symbols->size() < 2 || slots_.empty()) return;
  if (symbols->size() <= kShortWord) {
    MergeShort(symbols);
  } else {
    MergeLong(symbols);
  }
}

void MergeTable::MergeShort(std::vector<int32_t>* symbols) const {
  constexpr Merge kNone{std::numeric_limits<int32_t>::max(), -1};
  Merge merges[kShortWord];  // merges[i] is that of symbols i and i + 1
  size_t count = symbols->size();
  int32_t* ids = symbols->data();
  const auto look_up = [&](size_t i) {
    const Merge* merge = Find(ids[i], ids[i + 1]);
    merges[i] = merge == nullptr ? kNone : *merge;
  };
  for (size_t i = 0; i + 1 < count; ++i) look_up(i);
  while (count > 1) {
    size_t best = 0;
    for (size_t i = 1; i + 1 < count; ++i) {
      if (merges[i].rank < merges[best].rank) best = i;
    }
    if (merges[best].merged_id < 0) break;
    ids[best] = merges[best].merged_id;
    --count;
    for (size_t i = best + 1; i < count; ++i) ids[i] = ids[i + 1];
    for (size_t i = best + 1; i + 1 < count; ++i) merges[i] = merges[i + 1];
    if (best > 0) look_up(best - 1);
    if (best + 1 < count) look_up(best);
  }
  symbols->resize(count);
}

void MergeTable::MergeLong(std::vector<int32_t>* symbols) const {
  struct Candidate {
    int32_t rank;
    size_t position;
    int32_t left, right, merged;
    bool operator<(const Candidate& other) const {  // std::priority_queue gives the largest first
      return rank != other.rank ? rank > other.rank : position > other.position;
    }
  };
  constexpr size_t kEnd = std::numeric_limits<size_t>::max();
  std::vector<int32_t>& ids = *symbols;  // -1 once merged into its left neighbour
  std::vector<size_t> previous(ids.size());
  std::vector<size_t> next(ids.size());
  for (size_t i = 0; i < ids.size(); ++i) {
    previous[i] = i == 0 ? kEnd : i - 1;
    next[i] = i + 1 == ids.size() ? kEnd : i + 1;
  }
  std::priority_queue<Candidate> candidates;
  const auto consider = [&](size_t i) {
    if (i == kEnd || next[i] == kEnd) return;
    const Merge* merge = Find(ids[i], ids[next[i]]);
    if (merge != nullptr) candidates.push({merge->rank, i, ids[i], ids[next[i]], merge->merged_id});
  };
  for (size_t i = 0; i + 1 < ids.size(); ++i) consider(i);
  while (!candidates.empty()) {
    const Candidate top = candidates.top();
    candidates.pop();
    const size_t i = top.position;
    if (ids[i] != top.left || next[i] == kEnd || ids[next[i]] != top.right) continue;  // a neighbour merged meanwhile
    const size_t right = next[i];
    ids[i] = top.merged;
    ids[right] = -1;
    next[i] = next[right];
    if (next[i] != kEnd) previous[next[i]] = i;
    consider(previous[i]);
    consider(i);
  }
  std::erase(ids, -1);
}

}  // namespace foregate
