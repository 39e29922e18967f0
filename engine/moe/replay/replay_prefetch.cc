#include "engine/moe/replay/replay_prefetch.h"

#include <algorithm>
#include <string>

#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

// A well mixed number of three.
uint64_t Mix(uint64_t a, uint64_t b, uint64_t c) {
  uint64_t x = a * 0x9E3779B97F4A7C15 + b * 0xBF58476D1CE4E5B9 + c * 0x94D049BB133111EB + 1;
  for (int i = 0; i < 2; ++i) {
    x ^= x >> 31;
    x *= 0xD6E8FEB86659FD93;
  }
  return x ^ (x >> 32);
}

// How far the first rank's accuracy is above the mean and the last one's below, of the way to 1 or 0, whichever is
// near.
constexpr double kSpread = 0.8;

}  // namespace

absl::StatusOr<ReplayPrefetch> ReplayPrefetch::Create(const ReplayTrace& trace, const PrefetchSource& source) {
  if (source.lead < 1 || source.lead > 4)
    return absl::InvalidArgumentError("replay: a lead of " + std::to_string(source.lead) + " layers, want 1 to 4");
  if (!(source.accuracy >= 0 && source.accuracy <= 1))
    return absl::InvalidArgumentError("replay: an accuracy of " + std::to_string(source.accuracy));
  std::optional<RoutePredictor> predictor;
  if (source.kind == PrefetchSource::Kind::kPredictor) {
    FOREGATE_ASSIGN_OR_RETURN(predictor,
                              RoutePredictor::Create({.num_layers = static_cast<int32_t>(trace.header().layers.size()),
                                                      .num_experts = trace.header().num_experts,
                                                      .top_k = trace.header().top_k,
                                                      .lead = source.lead}));
  }
  return ReplayPrefetch(trace, source, std::move(predictor));
}

ReplayPrefetch::ReplayPrefetch(const ReplayTrace& trace, const PrefetchSource& source,
                               std::optional<RoutePredictor> predictor)
    : trace_(&trace),
      source_(source),
      predictor_(std::move(predictor)),
      ranks_(static_cast<int32_t>(trace.header().layers.size()),
             std::vector<float>(static_cast<size_t>(trace.header().top_k), 0.6f)),
      judge_(static_cast<int32_t>(trace.header().layers.size()), trace.header().num_experts, source.lead),
      union_(trace.header().num_experts),
      prior_(static_cast<size_t>(trace.header().num_experts)) {}

std::optional<size_t> ReplayPrefetch::Target(size_t number) const {
  const size_t target = number + static_cast<size_t>(source_.lead);
  if (source_.kind == PrefetchSource::Kind::kNone || target >= trace_->num_visits()) return std::nullopt;
  const ReplayTrace::Visit here = trace_->visit(number), there = trace_->visit(target);
  if (there.step != here.step || there.layer_index != here.layer_index + source_.lead) return std::nullopt;
  return target;
}

bool ReplayPrefetch::IsTarget(size_t number) const {
  const auto lead = static_cast<size_t>(source_.lead);
  return number >= lead && Target(number - lead) == number;
}

void ReplayPrefetch::Observe(size_t number) {
  const ReplayTrace::Visit visit = trace_->visit(number);
  if (predictor_) predictor_->Observe(visit.layer_index, visit.ranked);
  judge_.Judge(visit.layer_index, visit.choices);
  if (source_.kind != PrefetchSource::Kind::kSpeculation || !IsTarget(number)) return;
  const auto top_k = static_cast<size_t>(trace_->header().top_k);
  for (size_t i = 0; i < visit.ranked.size(); ++i) {
    const std::span<const int32_t> row = visit.ranked.subspan(i / top_k * top_k, top_k);
    const bool was_needed = std::find(row.begin(), row.end(), Guessed(number, i / top_k, i % top_k)) != row.end();
    ranks_.Record(visit.layer_index, static_cast<int32_t>(i % top_k), was_needed);
  }
}

int32_t ReplayPrefetch::Guessed(size_t target, size_t row, size_t rank) const {
  const auto top_k = static_cast<size_t>(trace_->header().top_k);
  const std::span<const int32_t> chosen = trace_->visit(target).ranked.subspan(row * top_k, top_k);
  // 1 for the first rank to -1 for the last.
  const double place = top_k == 1 ? 0 : 1 - 2 * static_cast<double>(rank) / static_cast<double>(top_k - 1);
  const double accuracy = source_.accuracy + kSpread * std::min(source_.accuracy, 1 - source_.accuracy) * place;
  const uint64_t random = Mix(target, row, rank);
  if (static_cast<double>(random >> 11) * 0x1p-53 < accuracy) return chosen[rank];
  const auto num_experts = static_cast<uint64_t>(trace_->header().num_experts);
  auto guess = static_cast<int32_t>(Mix(random, row, rank) % num_experts);
  if (top_k < num_experts)
    while (std::find(chosen.begin(), chosen.end(), guess) != chosen.end())
      guess = static_cast<int32_t>((static_cast<uint64_t>(guess) + 1) % num_experts);
  return guess;
}

void ReplayPrefetch::Speculate(size_t target) {
  const ReplayTrace::Visit visit = trace_->visit(target);
  const auto top_k = static_cast<size_t>(trace_->header().top_k);
  for (size_t i = 0; i < visit.ranked.size(); ++i)
    union_.Add(Guessed(target, i / top_k, i % top_k),
               ranks_.probability(visit.layer_index, static_cast<int32_t>(i % top_k)));
}

void ReplayPrefetch::Guess(size_t target, const ExpertUsage& usage, std::vector<ExpertGuess>* guesses) {
  const ReplayTrace::Visit visit = trace_->visit(target);
  if (predictor_) {
    for (size_t e = 0; e < prior_.size(); ++e)
      prior_[e] = usage.probability(visit.layer_index, static_cast<int32_t>(e));
    predictor_->Predict(visit.layer_index, prior_, visit.num_rows, guesses);
    return;
  }
  union_.Clear();
  if (source_.kind == PrefetchSource::Kind::kCommitted) {
    for (const int32_t expert : visit.choices) union_.Add(expert, 1);
  } else {
    Speculate(target);
  }
  union_.Collect(guesses);
}

void ReplayPrefetch::Grade(size_t target, std::span<ExpertGuess> guesses) {
  if (source_.kind != PrefetchSource::Kind::kCommitted) judge_.Grade(trace_->visit(target).layer_index, guesses);
}

}  // namespace foregate
