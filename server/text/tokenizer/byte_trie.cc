#include "server/text/tokenizer/byte_trie.h"

#include <algorithm>

namespace foregate {
namespace {

// Entries [begin, end) share their first `depth` bytes, which lead to `node`.
struct Range {
  size_t begin;
  size_t end;
  size_t depth;
  uint32_t node;
};

}  // namespace

ByteTrie::ByteTrie(std::vector<std::pair<std::string_view, int32_t>> entries) : nodes_(1) {
  std::stable_sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<Range> queue = {{0, entries.size(), 0, 0}};
  for (size_t next = 0; next < queue.size(); ++next) {  // `queue` grows below: no references into it
    const Range range = queue[next];
    size_t begin = range.begin;
    for (; begin < range.end && entries[begin].first.size() == range.depth; ++begin) {
      if (range.depth > 0) nodes_[range.node].value = entries[begin].second;
    }
    while (begin < range.end) {
      const auto byte = static_cast<uint8_t>(entries[begin].first[range.depth]);
      size_t end = begin + 1;
      while (end < range.end && static_cast<uint8_t>(entries[end].first[range.depth]) == byte) ++end;
      const auto child = static_cast<uint32_t>(nodes_.size());
      Node& parent = nodes_[range.node];
      if (parent.children[byte >> 6] == 0) parent.first_child[byte >> 6] = child;
      parent.children[byte >> 6] |= uint64_t{1} << (byte & 63);
      nodes_.emplace_back();
      queue.push_back({begin, end, range.depth + 1, child});
      begin = end;
    }
  }
}

}  // namespace foregate
