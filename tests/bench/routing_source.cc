#include "tests/bench/routing_source.h"

#include <algorithm>
#include <fstream>
#include <optional>
#include <utility>

#include "engine/moe/replay/decode_trace.h"
#include "engine/moe/trace/route_trace_reader.h"
#include "kernels/base/check.h"
#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

// SplitMix64: 64 well mixed bits of a counter.
class Random {
 public:
  explicit Random(uint64_t seed) : state_(seed) {}
  uint64_t Next() {
    uint64_t z = state_ += 0x9E3779B97F4A7C15;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
  }
  int32_t Below(int32_t bound) { return static_cast<int32_t>(Next() % static_cast<uint64_t>(bound)); }
  double Fraction() { return static_cast<double>(Next() >> 11) * 0x1p-53; }

 private:
  uint64_t state_;
};

constexpr size_t kMaxTokens = 1 << 20;

bool Contains(std::span<const int32_t> ids, int32_t id) { return std::find(ids.begin(), ids.end(), id) != ids.end(); }

class EvenRouting final : public RoutingSource {
 public:
  EvenRouting(const RoutedModel& model, uint64_t seed) : model_(model), seed_(seed) {}

  void Choose(uint64_t step, int32_t layer_index, size_t row, size_t, std::span<int32_t> experts) const override {
    Random random(((seed_ * 1000003 + step) * 1000003 + static_cast<uint64_t>(layer_index)) * 1000003 + row);
    for (size_t i = 0; i < experts.size(); ++i) {
      do experts[i] = random.Below(model_.num_experts);
      while (Contains(experts.first(i), experts[i]));
    }
  }
  std::string description() const override { return "even routing"; }

 private:
  const RoutedModel model_;
  const uint64_t seed_;
};

class TracedRouting final : public RoutingSource {
 public:
  TracedRouting(const RoutedModel& model, std::string path) : model_(model), path_(std::move(path)) {}

  absl::Status Read() {
    std::ifstream file(path_, std::ios::binary);
    if (!file) return absl::NotFoundError("cannot read " + path_);
    FOREGATE_ASSIGN_OR_RETURN(TraceReader reader, TraceReader::Open(file, path_));
    FOREGATE_RETURN_IF_ERROR(CheckShape(reader.header()));
    absl::StatusOr<DecodeTokens> tokens = DecodeTokens::Read(reader, kMaxTokens);
    if (!tokens.ok())
      return absl::Status(tokens.status().code(), path_ + ": " + std::string(tokens.status().message()));
    FOREGATE_RETURN_IF_ERROR(reader.torn());
    if (tokens->is_cut())
      return absl::ResourceExhaustedError(path_ + " has more than " + std::to_string(kMaxTokens) + " tokens");
    tokens_ = *std::move(tokens);
    return absl::OkStatus();
  }

  void Choose(uint64_t step, int32_t layer_index, size_t row, size_t num_rows,
              std::span<int32_t> experts) const override {
    const size_t token = (row * num_tokens() / num_rows + static_cast<size_t>(step)) % num_tokens();
    const auto top_k = static_cast<size_t>(model_.top_k);
    std::ranges::copy(tokens_->choices(token).subspan(static_cast<size_t>(layer_index) * top_k, top_k),
                      experts.begin());
  }
  std::string description() const override {
    return "routing replayed from " + path_.substr(path_.rfind('/') + 1) + " (" + std::to_string(num_tokens()) +
           " tokens)";
  }

 private:
  size_t num_tokens() const { return tokens_->num_tokens(); }
  absl::Status CheckShape(const TraceHeader& trace) const {
    const auto shape = [](size_t layers, int32_t top_k, int32_t experts) {
      return std::to_string(layers) + " layers with " + std::to_string(top_k) + " of " + std::to_string(experts) +
             " experts";
    };
    if (trace.num_experts == model_.num_experts && trace.top_k == model_.top_k &&
        trace.layers.size() >= static_cast<size_t>(model_.num_layers))
      return absl::OkStatus();
    return absl::InvalidArgumentError(path_ + " has " + shape(trace.layers.size(), trace.top_k, trace.num_experts) +
                                      ", the model " +
                                      shape(static_cast<size_t>(model_.num_layers), model_.top_k, model_.num_experts));
  }

  const RoutedModel model_;
  const std::string path_;
  std::optional<DecodeTokens> tokens_;
};

}  // namespace

std::unique_ptr<RoutingSource> MakeEvenRouting(const RoutedModel& model, uint64_t seed) {
  return std::make_unique<EvenRouting>(model, seed);
}

absl::StatusOr<std::unique_ptr<RoutingSource>> ReadRoutingTrace(const RoutedModel& model, const std::string& path) {
  auto routing = std::make_unique<TracedRouting>(model, path);
  FOREGATE_RETURN_IF_ERROR(routing->Read());
  return routing;
}

bool HasEnoughExperts(size_t num_chosen, size_t num_guesses, int32_t num_experts, double accuracy) {
  return (accuracy < 1 ? num_chosen : 0) + num_guesses <= static_cast<size_t>(num_experts);
}

void GuessWithAccuracy(std::span<const int32_t> truth, int32_t num_experts, double accuracy, uint64_t seed,
                       std::span<int32_t> guess) {
  FOREGATE_CHECK(HasEnoughExperts(truth.size(), guess.size(), num_experts, accuracy));
  Random random(seed);
  for (size_t i = 0; i < guess.size(); ++i) {
    if (i < truth.size() && random.Fraction() < accuracy) {
      guess[i] = truth[i];
      continue;
    }
    do guess[i] = random.Below(num_experts);
    while (Contains(truth, guess[i]) || Contains(guess.first(i), guess[i]));
  }
}

}  // namespace foregate
