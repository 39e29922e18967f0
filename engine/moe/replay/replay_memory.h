// ReplayMemory: which experts are in memory while a trace is replayed, and which give way, by the policy and the usage
// that a live cache has.
//
//   state     meaning                      leaves it by
//   absent    in no place                  TakeRoom -> loading
//   loading   has a place, is being read   Arrive -> resident
//   resident  in memory                    another expert's TakeRoom -> absent
//
// For a demand whatever is not wanted now may go; when nothing is left, what the running layer has computed already (a
// wave), then what was announced for the next layers, guesses first. A committed read takes no announced expert's
// place. A guess takes only the place of an expert that is expected to be used later than itself, and when it proves
// wrong it is the first to go: then what is in memory is again what demand alone would have there.
// Thread-compatible.
#ifndef FOREGATE_ENGINE_MOE_REPLAY_REPLAY_MEMORY_H_
#define FOREGATE_ENGINE_MOE_REPLAY_REPLAY_MEMORY_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "engine/moe/eviction_policy.h"
#include "engine/moe/expert_usage.h"
#include "engine/moe/replay/replay_trace.h"
#include "engine/moe/replay/virtual_disk.h"

namespace foregate {

class ReplayMemory : public ReadRoom {
 public:
  struct Options {
    EvictionPolicy policy = EvictFarthestExpectedUse;
    uint64_t memory_bytes = 0;
    uint64_t request_bytes = 0;  // EvictionMoment::request_bytes
  };
  // `trace` must outlive the memory.
  ReplayMemory(const ReplayTrace& trace, const Options& options);

  // The layer of visit `number` has routed; its experts are wanted from now on.
  void BeginVisit(size_t number) { BeginVisit(number, trace_.visit(number)); }
  // The same with a visit that the trace does not have: numbers still count up from 0.
  void BeginVisit(size_t number, const ReplayTrace::Visit& visit);
  // Visit `target`, which is to come, may want the expert with this probability.
  void Announce(size_t expert, size_t target, ReadClass read_class, float probability);
  // The running visit has computed it.
  void Compute(size_t expert) { experts_[expert].is_computed = true; }

  bool TakeRoom(size_t expert, ReadClass read_class) override;
  void Arrive(size_t expert) override;
  // Since the last call.
  const std::vector<size_t>& TakeArrivals();

  bool is_resident(size_t expert) const { return experts_[expert].state == State::kResident; }
  bool is_absent(size_t expert) const { return experts_[expert].state == State::kAbsent; }
  bool is_wanted(size_t expert) const { return experts_[expert].visit == number_; }
  const ExpertUsage& usage() const { return usage_; }
  uint64_t num_first_reads() const { return num_first_reads_; }
  uint64_t num_evictions() const { return num_evictions_; }
  // Of experts that a guess evicted and that were wanted while demand alone would still have held them.
  uint64_t regretted_bytes() const { return regretted_bytes_; }

 private:
  enum class State : uint8_t { kAbsent, kLoading, kResident };
  struct Expert {
    State state = State::kAbsent;
    bool was_read = false;
    bool is_computed = false;  // by `visit`
    size_t visit = SIZE_MAX;   // the last that wanted it
    uint64_t last_use = 0;
    uint32_t next_use = ReplayTrace::kNoVisit;
    size_t target = 0;  // the visit it is announced for; no longer when that has begun
    ReadClass target_class = ReadClass::kSpeculative;
    float probability = 0;       // at the target
    bool is_guess = false;       // read on a guess and not wanted since
    bool has_displaced = false;  // a guess that is there at another one's price
    bool is_lost = false;        // a guess evicted it
    bool is_regretted = false;   // and it is wanted again
  };
  // Who may give way, one after the other.
  enum class Tier : uint8_t { kOthers, kComputed, kGuessed, kCommitted };

  bool IsAnnounced(const Expert& expert) const { return expert.target > number_; }
  bool IsIn(const Expert& expert, Tier tier) const;
  void Gather(Tier tier);
  EvictionCandidate CandidateOf(size_t expert) const;
  EvictionMoment moment() const;
  bool EvictOne(size_t expert, ReadClass read_class);
  // A guess took the place of `evicted`.
  void Displace(size_t guess, size_t evicted);
  void Regret(size_t expert);
  // What the guess stands for is settled: demand alone would have evicted something by now as well.
  void SettleGuess(Expert* guess);
  bool IsWorthRoom(size_t guess, const EvictionCandidate& victim) const;
  uint64_t bytes(size_t expert) const { return trace_.expert_bytes(layer_of(expert)); }
  int32_t layer_of(size_t expert) const {
    return static_cast<int32_t>(expert / static_cast<size_t>(trace_.header().num_experts));
  }

  const ReplayTrace& trace_;
  const Options options_;
  ExpertUsage usage_;
  std::vector<Expert> experts_;
  std::vector<size_t> residents_;
  std::vector<size_t> arrivals_, taken_arrivals_;
  std::vector<EvictionCandidate> candidates_;
  std::vector<size_t> candidate_experts_;
  std::deque<size_t> lost_;      // what guesses evicted and demand alone would still hold, oldest first
  bool has_candidates_ = false;  // of the tier kOthers: while a visit lasts they only become fewer
  size_t number_ = 0;
  int32_t layer_index_ = 0;
  uint64_t used_bytes_ = 0;
  uint64_t num_uses_ = 0;
  uint64_t num_first_reads_ = 0;
  uint64_t num_evictions_ = 0;
  uint64_t regretted_bytes_ = 0;
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_REPLAY_REPLAY_MEMORY_H_
