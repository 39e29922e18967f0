// What `foregate top` shows: two answers of the server, and what lies between them. Pure.
#ifndef FOREGATE_CLIENT_CLI_TOP_VIEW_H_
#define FOREGATE_CLIENT_CLI_TOP_VIEW_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "foregate/discovery/v1/discovery.pb.h"
#include "foregate/experts/v1/expert.pb.h"

namespace foregate {

struct TopSnapshot {
  double taken_s = 0;  // on a clock of the client's
  std::string model_name;
  discovery::v1::GetServerInfoResponse server;
  discovery::v1::GetLoadResponse load;
  experts::v1::GetExpertStatsResponse experts;
};

// Experts that layers wanted, by what was found.
struct TopFound {
  uint64_t hits = 0;
  uint64_t late = 0;
  uint64_t misses = 0;

  uint64_t acquired() const { return hits + late + misses; }
};

struct TopReads {
  uint64_t bytes = 0;
  uint64_t stall_us = 0;
  uint64_t experts = 0;
  uint64_t expert_us = 0;  // from asking to whole, of all of them
};

inline constexpr std::array kTopReadClasses = {"demand", "committed", "speculative"};

// What happened in some time.
struct TopPeriod {
  double seconds = 0;
  uint64_t steps = 0;
  uint64_t step_us = 0;
  uint64_t generated_tokens = 0;
  uint64_t computed_prompt_tokens = 0;
  uint64_t cached_prompt_tokens = 0;
  TopFound found;
  uint64_t evictions = 0;
  uint64_t stall_us = 0;
  uint64_t absent_bytes = 0;
  uint64_t guess_used_bytes = 0;
  uint64_t guess_wasted_bytes = 0;
  std::array<TopReads, kTopReadClasses.size()> reads;
  std::vector<TopFound> groups;  // as TopView::groups

  // Nothing where there is nothing to divide by.
  std::optional<double> PerSecond(uint64_t count) const;
  std::optional<double> stall_share(uint64_t us) const;  // of the steps' time
  std::optional<double> guess_precision() const;         // of what was guessed, what came true
  std::optional<double> guess_recall() const;            // of what would have been absent, what was guessed
};

std::optional<double> HitRate(const TopFound& found);
std::optional<double> LateRate(const TopFound& found);
std::optional<double> MeanReadSeconds(const TopReads& reads);

// Neighbouring MoE layers, grouped as the metrics are.
struct TopGroup {
  std::string name;  // "0-5"
  size_t num_experts = 0;
  size_t num_in_memory = 0;
};

struct TopExpert {
  int32_t layer = 0;
  int32_t expert = 0;
  double share = 0;  // of the layer's choices
  experts::v1::ExpertResidency residency = experts::v1::EXPERT_RESIDENCY_UNSPECIFIED;
};

struct TopView {
  TopSnapshot snapshot;  // the later one
  TopPeriod since_start;
  std::optional<TopPeriod> now;  // between the two
  std::vector<TopGroup> groups;
  size_t num_in_memory = 0;
  std::vector<TopExpert> busiest;  // between the two, or since the start where nothing was chosen meanwhile

  // Between the two, or since the start where there is one only.
  const TopPeriod& latest() const { return now.has_value() ? *now : since_start; }
};

inline constexpr size_t kTopExpertsShown = 8;

// `before` may be null: there is no earlier answer. One of a server that has been restarted since counts as none.
TopView MakeTopView(const TopSnapshot* before, const TopSnapshot& now);

// "resident", "absent", ...
const char* ResidencyName(experts::v1::ExpertResidency residency);

}  // namespace foregate

#endif  // FOREGATE_CLIENT_CLI_TOP_VIEW_H_
