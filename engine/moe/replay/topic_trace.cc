#include "engine/moe/replay/topic_trace.h"

#include <algorithm>
#include <numeric>
#include <random>
#include <span>
#include <utility>
#include <vector>

namespace foregate {
namespace {

// What a topic's tokens draw from in one layer: [experts].
struct Draws {
  std::vector<double> heats;
  std::vector<double> sums;  // of the heats so far
};

// Of a draw that may hit what was drawn before, which is faster than DrawOther, and would be for ever where that has
// nearly all of the heat.
constexpr int kMostTries = 32;

class TopicStreams {
 public:
  TopicStreams(const TraceHeader& header, const TopicMix& mix, uint64_t seed)
      : top_k_(static_cast<size_t>(header.top_k)), num_topics_(mix.num_topics), random_(seed) {
    const auto num_experts = static_cast<size_t>(header.num_experts);
    std::vector<size_t> ranks(num_experts);
    std::iota(ranks.begin(), ranks.end(), size_t{0});
    for (size_t layer = 0; layer < header.layers.size(); ++layer) {
      Shuffle(ranks);
      for (size_t topic = 0; topic < num_topics_; ++topic) {
        Draws& draws = draws_.emplace_back();
        double sum = 0;
        for (size_t expert = 0; expert < num_experts; ++expert) {
          const double heat = 1 / static_cast<double>(ranks[expert] + 8);
          // Hot and cold experts alike, whatever their topic.
          draws.heats.push_back(ranks[expert] % num_topics_ == topic ? heat * mix.strength : heat);
          sum += draws.heats.back();
          draws.sums.push_back(sum);
        }
      }
    }
  }

  // Appends a token's choice.
  void Draw(size_t layer, size_t topic, std::vector<int32_t>* choices) {
    const Draws& draws = draws_[layer * num_topics_ + topic];
    const size_t first = choices->size();
    while (choices->size() < first + top_k_) {
      const std::span<const int32_t> drawn = std::span(*choices).subspan(first);
      const auto is_drawn = [&](int32_t expert) {
        return std::find(drawn.begin(), drawn.end(), expert) != drawn.end();
      };
      int32_t expert = DrawAny(draws);
      for (int i = 0; i < kMostTries && is_drawn(expert); ++i) expert = DrawAny(draws);
      choices->push_back(is_drawn(expert) ? DrawOther(draws, drawn) : expert);
    }
  }

 private:
  int32_t DrawAny(const Draws& draws) {
    const double at = Uniform() * draws.sums.back();
    return static_cast<int32_t>(std::upper_bound(draws.sums.begin(), draws.sums.end() - 1, at) - draws.sums.begin());
  }
  // Of those that are not drawn yet. Their heat is summed up anew: less than all heat it might be less than an error.
  int32_t DrawOther(const Draws& draws, std::span<const int32_t> drawn) {
    others_ = draws.heats;
    for (const int32_t expert : drawn) others_[static_cast<size_t>(expert)] = 0;
    double left = Uniform() * std::accumulate(others_.begin(), others_.end(), 0.0);
    size_t last = 0;
    for (size_t expert = 0; expert < others_.size(); ++expert) {
      if (others_[expert] == 0) continue;
      last = expert;
      left -= others_[expert];
      if (left < 0) break;
    }
    return static_cast<int32_t>(last);
  }
  double Uniform() { return static_cast<double>(random_() >> 11) * 0x1p-53; }
  void Shuffle(std::vector<size_t>& values) {
    for (size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[random_() % i]);
  }

  const size_t top_k_;
  const size_t num_topics_;
  std::mt19937_64 random_;
  std::vector<Draws> draws_;    // [layers, topics]
  std::vector<double> others_;  // scratch of DrawOther
};

}  // namespace

ReplayTrace TopicDecodeTrace(const TraceHeader& header, const TopicMix& mix, size_t num_streams, size_t num_steps,
                             uint64_t seed) {
  TopicStreams streams(header, mix, seed);
  ReplayTrace::Builder builder(header);
  std::vector<int32_t> choices;
  for (size_t step = 0; step < num_steps; ++step) {
    const size_t turn = mix.tokens_per_topic == 0 ? 0 : step / mix.tokens_per_topic;
    for (size_t layer = 0; layer < header.layers.size(); ++layer) {
      choices.clear();
      for (size_t stream = 0; stream < num_streams; ++stream)
        streams.Draw(layer, (stream + turn) % mix.num_topics, &choices);
      builder.Add(step, static_cast<int32_t>(layer), num_streams, choices);
    }
  }
  return std::move(builder).Build();
}

}  // namespace foregate
