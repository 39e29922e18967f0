#include "engine/moe/replay/decode_trace.h"

#include <algorithm>
#include <map>
#include <random>
#include <span>
#include <string>
#include <utility>

#include "kernels/base/check.h"
#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

// Tokens that wait for their last layers: a step's rows.
constexpr size_t kMaxOpenTokens = kMaxTraceRows;

struct TokenKey {
  uint64_t request = 0;
  int32_t position = 0;
  auto operator<=>(const TokenKey&) const = default;
};
struct OpenToken {
  std::vector<int32_t> choices;  // [layers so far, top_k]
  TracePhase phase = TracePhase::kDecode;
};
struct WholeToken {
  TokenKey key;
  std::vector<int32_t> choices;
};

// Puts the layers of a token together.
class TokenAssembly {
 public:
  TokenAssembly(const TraceHeader& header, size_t max_tokens)
      : top_k_(static_cast<size_t>(header.top_k)), num_layers_(header.layers.size()), max_tokens_(max_tokens) {}

  void Add(const TraceVisit& visit) {
    if (visit.layer_index == 0) open_.clear();  // what is not whole now never will be
    for (size_t row = 0; row < visit.rows.size(); ++row) {
      const TokenKey key{visit.rows[row].request, visit.rows[row].position};
      if (visit.layer_index == 0 && open_.size() < kMaxOpenTokens) open_[key].phase = visit.rows[row].phase;
      const auto found = open_.find(key);
      if (found == open_.end()) continue;
      std::vector<int32_t>& choices = found->second.choices;
      if (choices.size() != static_cast<size_t>(visit.layer_index) * top_k_) continue;
      const auto begin = visit.experts.begin() + static_cast<ptrdiff_t>(row * top_k_);
      choices.insert(choices.end(), begin, begin + static_cast<ptrdiff_t>(top_k_));
      if (choices.size() == num_layers_ * top_k_) End(key, found->second);
    }
  }
  bool is_full() const { return decoded_.size() >= max_tokens_; }
  bool has_dropped(TracePhase phase) const {
    return phase == TracePhase::kDecode ? has_dropped_decoded_ : has_dropped_prompts_;
  }
  std::vector<WholeToken>& decoded() { return decoded_; }
  std::vector<WholeToken>& prompts() { return prompts_; }

 private:
  void End(const TokenKey& key, OpenToken& token) {
    std::vector<WholeToken>& list = token.phase == TracePhase::kDecode ? decoded_ : prompts_;
    if (list.size() < max_tokens_) {
      list.push_back({key, std::move(token.choices)});
    } else {
      (token.phase == TracePhase::kDecode ? has_dropped_decoded_ : has_dropped_prompts_) = true;
    }
    open_.erase(key);
  }

  const size_t top_k_;
  const size_t num_layers_;
  const size_t max_tokens_;
  std::map<TokenKey, OpenToken> open_;
  std::vector<WholeToken> decoded_;
  std::vector<WholeToken> prompts_;
  bool has_dropped_decoded_ = false;
  bool has_dropped_prompts_ = false;
};

// Streams side by side: `row_of(step, stream)` is a token's choices in all layers.
template <typename RowOf>
ReplayTrace SideBySide(const TraceHeader& header, size_t num_streams, size_t num_steps, RowOf row_of) {
  const auto top_k = static_cast<size_t>(header.top_k);
  std::vector<TraceVisit> visits(header.layers.size());
  ReplayTrace::Builder builder(header);
  for (size_t step = 0; step < num_steps; ++step) {
    for (TraceVisit& visit : visits) visit.experts.clear();
    for (size_t stream = 0; stream < num_streams; ++stream) {
      const std::span<const int32_t> row = row_of(step, stream);
      for (size_t layer = 0; layer < visits.size(); ++layer) {
        const std::span<const int32_t> choices = row.subspan(layer * top_k, top_k);
        visits[layer].experts.insert(visits[layer].experts.end(), choices.begin(), choices.end());
      }
    }
    for (size_t layer = 0; layer < visits.size(); ++layer)
      builder.Add(step, static_cast<int32_t>(layer), num_streams, visits[layer].experts);
  }
  return std::move(builder).Build();
}

}  // namespace

ReplayTrace UniformDecodeTrace(const TraceHeader& header, size_t num_streams, size_t num_steps, uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto top_k = static_cast<size_t>(header.top_k);
  const auto num_experts = static_cast<size_t>(header.num_experts);
  std::vector<int32_t> experts(num_experts);
  for (size_t i = 0; i < num_experts; ++i) experts[i] = static_cast<int32_t>(i);
  std::vector<int32_t> row(header.layers.size() * top_k);
  return SideBySide(header, num_streams, num_steps, [&](size_t /*step*/, size_t /*stream*/) {
    for (size_t i = 0; i < row.size(); ++i) {
      // The first top_k of a shuffle, begun anew in each layer.
      const size_t rank = i % top_k;
      std::swap(experts[rank], experts[rank + random() % (num_experts - rank)]);
      row[i] = experts[rank];
    }
    return std::span<const int32_t>(row);
  });
}

absl::StatusOr<DecodeTokens> DecodeTokens::Read(TraceReader& reader, size_t max_tokens) {
  const TraceHeader& header = reader.header();
  TokenAssembly assembly(header, max_tokens);
  TraceVisit visit;
  while (!assembly.is_full()) {
    FOREGATE_ASSIGN_OR_RETURN(const bool has_visit, reader.Next(&visit));
    if (!has_visit) break;
    assembly.Add(visit);
  }
  DecodeTokens tokens;
  tokens.row_size_ = header.layers.size() * static_cast<size_t>(header.top_k);
  std::vector<WholeToken>& taken = assembly.decoded();
  std::vector<WholeToken>& prompts = assembly.prompts();
  tokens.has_prompts_ = taken.size() < std::min(kMinTokens, max_tokens) && !prompts.empty();
  tokens.is_cut_ = assembly.has_dropped(tokens.has_prompts_ ? TracePhase::kPrefill : TracePhase::kDecode);
  if (assembly.is_full() && !tokens.is_cut_) {
    FOREGATE_ASSIGN_OR_RETURN(tokens.is_cut_, reader.Next(&visit));
  }
  if (tokens.has_prompts_) {
    // Decoded tokens come first.
    const size_t room = max_tokens - taken.size();
    if (prompts.size() > room) {
      prompts.resize(room);
      tokens.is_cut_ = true;
    }
    std::move(prompts.begin(), prompts.end(), std::back_inserter(taken));
  }
  if (taken.empty()) return absl::InvalidArgumentError("the trace has no token with all of its layers");
  std::stable_sort(taken.begin(), taken.end(), [](const WholeToken& a, const WholeToken& b) { return a.key < b.key; });
  for (const WholeToken& token : taken)
    tokens.choices_.insert(tokens.choices_.end(), token.choices.begin(), token.choices.end());
  return tokens;
}

absl::StatusOr<ReplayTrace> DecodeTokens::Compose(const TraceHeader& header, size_t num_streams,
                                                  size_t num_steps) const {
  FOREGATE_CHECK_EQ(header.layers.size() * static_cast<size_t>(header.top_k), row_size_);
  if (num_streams < 1 || num_streams > num_tokens())
    return absl::InvalidArgumentError(std::to_string(num_streams) + " streams of a trace with " +
                                      std::to_string(num_tokens()) + " tokens");
  return SideBySide(header, num_streams, num_steps, [&](size_t step, size_t stream) {
    const size_t first = stream * num_tokens() / num_streams;
    const size_t end = (stream + 1) * num_tokens() / num_streams;
    return choices(first + step % (end - first));
  });
}

}  // namespace foregate
