#include "server/text/tokenizer/recovered_merges.h"

#include <algorithm>
#include <numeric>
#include <string_view>
#include <tuple>
#include <unordered_map>

namespace foregate {
namespace {

struct Cut {
  size_t at;
  int32_t left;
  int32_t right;
};

bool ContinuesCharacter(char byte) { return (static_cast<uint8_t>(byte) & 0xC0) == 0x80; }

}  // namespace

std::vector<RecoveredMerge> RecoverMerges(const std::vector<RankedToken>& tokens, bool at_characters,
                                          MergeOrder order) {
  std::unordered_map<std::string_view, int32_t> ranks;
  ranks.reserve(tokens.size());
  for (const RankedToken& token : tokens) ranks.emplace(token.text, token.rank);
  std::vector<size_t> by_rank(tokens.size());
  std::iota(by_rank.begin(), by_rank.end(), size_t{0});
  std::stable_sort(by_rank.begin(), by_rank.end(), [&](size_t a, size_t b) { return tokens[a].rank < tokens[b].rank; });

  std::vector<RecoveredMerge> merges;
  std::vector<Cut> cuts;
  for (const size_t index : by_rank) {
    const std::string_view text = tokens[index].text;
    cuts.clear();
    for (size_t at = 1; at < text.size(); ++at) {
      if (at_characters && ContinuesCharacter(text[at])) continue;
      const auto left = ranks.find(text.substr(0, at));
      if (left == ranks.end()) continue;
      const auto right = ranks.find(text.substr(at));
      if (right != ranks.end()) cuts.push_back({at, left->second, right->second});
    }
    if (order == MergeOrder::kLowRankFirst) {
      std::stable_sort(cuts.begin(), cuts.end(), [](const Cut& a, const Cut& b) {
        return std::tie(a.left, a.right) < std::tie(b.left, b.right);
      });
    }
    for (const Cut& cut : cuts) merges.push_back({index, cut.at});
  }
  return merges;
}

}  // namespace foregate
