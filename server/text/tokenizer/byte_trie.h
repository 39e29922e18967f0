// All tokens of a vocabulary that begin at one place of a text, shortest first.
#ifndef FOREGATE_SERVER_TEXT_TOKENIZER_BYTE_TRIE_H_
#define FOREGATE_SERVER_TEXT_TOKENIZER_BYTE_TRIE_H_

#include <array>
#include <bit>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace foregate {

// A trie over bytes whose nodes lie in breadth-first order, so that the children of a node are neighbours and a bitmap
// says which there are: 56 bytes a node, one popcount a step. Immutable after construction and thread-safe.
class ByteTrie {
 public:
  ByteTrie() : nodes_(1) {}
  // Text and value, which must not be negative. Where a text comes twice, the later value counts; empty texts do not.
  explicit ByteTrie(std::vector<std::pair<std::string_view, int32_t>> entries);

  // Calls `found(length, value)` for every entry that `text` begins with, shortest first.
  template <typename Found>
  void FindPrefixes(std::string_view text, const Found& found) const {
    const Node* node = &nodes_[0];
    for (size_t i = 0; i < text.size(); ++i) {
      const auto byte = static_cast<uint8_t>(text[i]);
      const uint64_t word = node->children[byte >> 6];
      const uint64_t bit = uint64_t{1} << (byte & 63);
      if ((word & bit) == 0) return;
      node = &nodes_[node->first_child[byte >> 6] + std::popcount(word & (bit - 1))];
      if (node->value >= 0) found(i + 1, node->value);
    }
  }

 private:
  struct Node {
    std::array<uint64_t, 4> children = {};     // bit b of word w: there is a child for byte 64 w + b
    std::array<uint32_t, 4> first_child = {};  // of each word: index of its first child
    int32_t value = -1;
  };

  std::vector<Node> nodes_;
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_TEXT_TOKENIZER_BYTE_TRIE_H_
