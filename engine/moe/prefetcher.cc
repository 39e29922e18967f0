#include "engine/moe/prefetcher.h"

#include <algorithm>
#include <utility>

#include "engine/moe/host_ids.h"
#include "kernels/base/check.h"
#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

constexpr float kUsualRate = 0.1f;            // of one step
constexpr uint64_t kLeastGuessedExperts = 2;  // that a layer may be given, whatever was missing lately

}  // namespace

RouteShape Prefetcher::ShapeOf(const ExpertDirectory& directory, int32_t top_k) {
  return {.num_layers = static_cast<int32_t>(directory.layers().size()),
          .num_experts = directory.num_experts(),
          .top_k = top_k};
}

Prefetcher::Prefetcher(ExpertCache& cache, const ExpertDirectory& directory, GuessSource source,
                       RoutePredictor predictor)
    : cache_(cache),
      directory_(directory),
      source_(source),
      num_ranks_(NumRanks(predictor.shape().top_k, directory.num_experts())),
      predictor_(std::move(predictor)),
      crowd_(directory.num_experts()),
      union_(directory.num_experts()),
      prior_(static_cast<size_t>(directory.num_experts())) {
  guesses_.reserve(static_cast<size_t>(directory.num_experts()));
}

std::optional<int32_t> Prefetcher::GuessedLayer(int32_t layer, int64_t num_rows) const {
  const auto target = static_cast<size_t>(directory_.layer_index({layer, 0})) + 1;
  if (source_ != GuessSource::kRouter || num_rows > kMaxGuessRows || target >= directory_.layers().size() ||
      !SpeculatesNext(governor_))
    return std::nullopt;
  return directory_.layers()[target];
}

absl::Status Prefetcher::Routed(int32_t layer, std::span<const int32_t> experts, Stream& stream) {
  const int32_t layer_index = directory_.layer_index({layer, 0});
  Learn(layer_index, experts);
  const bool is_committed = committed_.layer >= 0;
  FOREGATE_RETURN_IF_ERROR(FetchCommitted(stream));
  if (is_committed || source_ == GuessSource::kNone) return absl::OkStatus();
  const size_t num_rows = experts.size() / static_cast<size_t>(predictor_.shape().top_k);
  num_rows_ = std::max(num_rows_, num_rows);
  if (num_rows > static_cast<size_t>(kMaxGuessRows)) return FetchForCrowd(layer_index + 1, num_rows, stream);
  if (!CollectGuesses(layer_index, num_rows)) return absl::OkStatus();
  return FetchGuesses(layer_index + 1, stream);
}

void Prefetcher::Learn(int32_t layer_index, std::span<const int32_t> experts) {
  if (source_ == GuessSource::kNone) return;
  crowd_.Judge(layer_index, experts);
  judge().Judge(layer_index, experts);
  if (source_ == GuessSource::kPredictor) return predictor_.Observe(layer_index, experts);
  const auto top_k = static_cast<size_t>(predictor_.shape().top_k);
  const auto num_ranks = static_cast<size_t>(num_ranks_);
  // Rows that were dropped meanwhile leave no way to tell which guess was whose.
  const bool is_ours =
      std::exchange(ranked_layer_index_, -1) == layer_index && ranked_.size() / num_ranks == experts.size() / top_k;
  if (!is_ours) return;
  for (size_t i = 0; i < ranked_.size(); ++i) {
    const std::span<const int32_t> row = experts.subspan(i / num_ranks * top_k, top_k);
    const bool was_needed = std::find(row.begin(), row.end(), ranked_[i]) != row.end();
    predictor_.router_ranks().Record(layer_index, static_cast<int32_t>(i % num_ranks), was_needed);
  }
}

absl::Status Prefetcher::FetchCommitted(Stream& stream) {
  const Ahead ahead = std::exchange(committed_, {});
  if (ahead.layer < 0) return absl::OkStatus();
  for (const int32_t expert : IdsOf(ahead.host_ids)) cache_.Foresee({ahead.layer, expert}, 1);
  // Prefetch of what has a slot already is nothing, so experts that several rows chose are fetched once.
  for (const int32_t expert : IdsOf(ahead.host_ids)) {
    FOREGATE_RETURN_IF_ERROR(cache_.Prefetch({ahead.layer, expert}, FetchClass::kCommitted, 1, stream).status());
  }
  return absl::OkStatus();
}

absl::Status Prefetcher::FetchForCrowd(int32_t target_index, size_t num_rows, Stream& stream) {
  if (static_cast<size_t>(target_index) >= directory_.layers().size()) return absl::OkStatus();
  const std::span<const int32_t> foreseen = crowd_.Foresee(cache_.usage(), target_index, num_rows);
  double room = crowd_.max_bytes_ahead(num_rows);
  if (!crowd_.is_trusted() || room == 0) return absl::OkStatus();
  const int32_t target = directory_.layers()[static_cast<size_t>(target_index)];
  for (const int32_t expert : foreseen) cache_.Foresee({target, expert}, 1);
  for (const int32_t expert : foreseen) {
    if (cache_.has_slot({target, expert})) continue;
    const auto bytes = static_cast<double>(directory_.layout(directory_.index({target, expert})).block_bytes());
    if (bytes > room) break;
    FOREGATE_ASSIGN_OR_RETURN(const bool has_slot,
                              cache_.Prefetch({target, expert}, FetchClass::kCommitted, 1, stream));
    if (!has_slot) break;  // the cache is full of what runs, or is wanted sooner
    room -= bytes;
    crowd_bytes_ += bytes;
  }
  return absl::OkStatus();
}

bool Prefetcher::CollectGuesses(int32_t layer_index, size_t num_rows) {
  const int32_t target_index = layer_index + 1;
  const Ahead ahead = std::exchange(guessed_, {});
  if (source_ == GuessSource::kPredictor) {
    if (static_cast<size_t>(target_index) >= directory_.layers().size() || !SpeculatesNext(governor_)) return false;
    for (size_t expert = 0; expert < prior_.size(); ++expert)
      prior_[expert] = cache_.usage().probability(target_index, static_cast<int32_t>(expert));
    predictor_.Predict(target_index, prior_, num_rows, &guesses_);
    return true;
  }
  if (ahead.layer < 0) return false;
  FOREGATE_CHECK_EQ(directory_.layer_index({ahead.layer, 0}), target_index);
  const std::span<const int32_t> ids = IdsOf(ahead.host_ids);
  ranked_layer_index_ = target_index;
  ranked_.assign(ids.begin(), ids.end());
  union_.Clear();
  for (size_t i = 0; i < ids.size(); ++i) {
    const auto rank = static_cast<int32_t>(i % static_cast<size_t>(num_ranks_));
    union_.Add(ids[i], predictor_.router_ranks().probability(target_index, rank));
  }
  union_.Collect(&guesses_);
  return true;
}

absl::Status Prefetcher::FetchGuesses(int32_t target_index, Stream& stream) {
  const int32_t target = directory_.layers()[static_cast<size_t>(target_index)];
  for (const ExpertGuess& guess : guesses_) cache_.Foresee({target, guess.expert}, guess.probability);
  std::erase_if(guesses_, [&](const ExpertGuess& guess) { return cache_.has_slot({target, guess.expert}); });
  judge().Grade(target_index, guesses_);
  const uint64_t expert_bytes = directory_.layout(directory_.index({target, 0})).block_bytes();
  const GovernorLimits limits{.max_bytes_per_layer = std::max(static_cast<uint64_t>(usual_missing_bytes_),
                                                              kLeastGuessedExperts * expert_bytes)};
  const size_t num_selected = SelectGuesses(guesses_, expert_bytes, BudgetOf(governor_, limits));
  for (size_t i = 0; i < num_selected; ++i) {
    FOREGATE_ASSIGN_OR_RETURN(
        const bool has_slot,
        cache_.Prefetch({target, guesses_[i].expert}, FetchClass::kSpeculative, guesses_[i].probability, stream));
    if (!has_slot) break;  // what is resident is worth more than this guess and those behind it
  }
  return absl::OkStatus();
}

void Prefetcher::EndStep(double seconds) {
  // Of a step that failed before its layer had leased its experts: the next step's rows are others.
  committed_ = {};
  guessed_ = {};
  ranked_layer_index_ = -1;
  crowd_.Forget();
  const CachePrefetchBytes now = cache_.prefetch_bytes();
  const PrefetchCounters step{.seconds = seconds,
                              .stall_seconds = static_cast<double>(now.stall_us - seen_.stall_us) / 1e6,
                              .demand_bytes = now.demand - seen_.demand,
                              .used_bytes = now.used - seen_.used,
                              .wasted_bytes = now.wasted - seen_.wasted,
                              .regretted_bytes = now.regretted - seen_.regretted};
  seen_ = now;
  const double missing =
      static_cast<double>(step.demand_bytes + step.used_bytes) / static_cast<double>(directory_.layers().size());
  usual_missing_bytes_ += kUsualRate * (missing - usual_missing_bytes_);
  const double crowd_bytes = std::exchange(crowd_bytes_, 0) / static_cast<double>(directory_.layers().size());
  if (const size_t num_rows = std::exchange(num_rows_, 0); num_rows > static_cast<size_t>(kMaxGuessRows))
    crowd_.EndStep(num_rows, seconds, step.stall_seconds, missing + crowd_bytes);
  if (source_ == GuessSource::kNone) return;
  governor_ = Govern(governor_, step);
  cache_.PublishGovernor(governor_.is_on ? static_cast<int32_t>(governor_.level) : -1);
}

}  // namespace foregate
