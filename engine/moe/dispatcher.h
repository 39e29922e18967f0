// Dispatcher: runs the routed entries of one layer through their experts where those live, and combines the outputs in
// ascending expert id whatever the order of arrival (house contract 9.1).
//
// When the cache holds every expert, one call serves all and the host never looks at the routing. Otherwise the chosen
// experts are read back (one wait), those in slots are leased first so that no fetch evicts them, the fetches of the
// others begin, and each expert is computed when it is there: the resident ones while the others are on their way, and
// a slot serves the next expert as soon as one is computed. Two slots suffice, and the bits are always the same,
// because an entry's output has a place of its own until all are combined. Once all of the layer's experts are leased,
// the prefetcher may fetch those of layers ahead.
//
// An expert that does not come ends only who needs it. While it is awaited, rows that nobody wants any more are
// forgotten, and with them the experts that they alone chose. When nothing has arrived until a wait's deadline, what is
// missing has failed: its fetch goes on in its slot, which serves again once the disk answers. Until then little time
// is given to it, whatever else the disk brings.
#ifndef FOREGATE_ENGINE_MOE_DISPATCHER_H_
#define FOREGATE_ENGINE_MOE_DISPATCHER_H_

#include <chrono>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/status/status.h"
#include "engine/moe/expert_cache.h"
#include "engine/moe/prefetcher.h"
#include "engine/moe/routing_table.h"
#include "engine/moe/waiting_rows.h"
#include "kernels/api/kernels.h"

namespace foregate {

struct DispatchBuffers {
  TensorView scratch;  // [T*k, 2*F]
  TensorView y;        // [T*k, H]
};

// An expert that could not be read.
struct ExpertFailure {
  int32_t expert = 0;
  absl::Status status;  // UNAVAILABLE or DATA_LOSS
};

// Thread-compatible. Nothing allocates once every list has reached its size.
class Dispatcher {
 public:
  // All must outlive the dispatcher. `prefetcher` may be null: nothing is fetched before a layer wants it.
  Dispatcher(ExpertCache& cache, Prefetcher* prefetcher, const Backend& backend)
      : cache_(cache), prefetcher_(prefetcher), backend_(backend) {}

  // acc[t] += sum of weight * expert(x[t]) over the entries of `table`. DEADLINE_EXCEEDED when the routing is not there
  // by the deadline of `rows`. When experts cannot be read, or nothing arrives until a deadline, failures() names them,
  // and the rows that chose one of them hold anything, as do rows that were dropped meanwhile; the others are right.
  absl::Status Run(int32_t layer, const TensorView& x, const RoutingTable& table, const DispatchBuffers& buffers,
                   const TensorView& acc, WaitingRows& rows, Stream& stream);

  // Of the last run; few or, nearly always, none.
  std::span<const ExpertFailure> failures() const { return failures_; }

 private:
  absl::Status RunChosen(int32_t layer, const RoutingTable& table, WaitingRows& rows, Stream& stream);
  // Fills missing_ with the ids of the experts to run, ascending.
  absl::Status ChooseExperts(int32_t layer, const RoutingTable& table,
                             std::chrono::steady_clock::time_point wait_deadline, Stream& stream);
  // Moves to leased_ what is in slots, then what gets one; missing_ keeps the rest.
  absl::Status LeaseResident(int32_t layer, Stream& stream);
  absl::Status LeaseMissing(int32_t layer, Stream& stream);
  // Computes those of leased_ that have arrived and returns the leases of all that have ended; how many.
  absl::StatusOr<size_t> ComputeArrived(Stream& stream);
  // Waits until more fetches than `seen` have ended or fewer experts are wanted; gives up what is missing when the wait
  // has lasted too long.
  absl::Status AwaitArrival(int32_t layer, const RoutingTable& table, uint64_t seen, WaitingRows& rows);
  // Takes out the missing experts that only dropped rows chose; whether there were any.
  bool ForgetDropped(const RoutingTable& table, WaitingRows& rows);
  // Nothing is awaited but what was given up before.
  bool is_overdue(int32_t layer) const;
  void GiveUp(int32_t layer, std::chrono::steady_clock::duration waited, const absl::Status& why);

  ExpertCache& cache_;
  Prefetcher* const prefetcher_;
  const Backend& backend_;
  std::vector<uint8_t> is_chosen_;
  std::vector<uint8_t> is_dropped_;  // [rows], scratch of ForgetDropped
  std::vector<int32_t> missing_;     // not leased yet, ascending
  std::vector<ExpertLease> leased_;
  std::vector<ExpertLease> ended_;
  std::vector<ExpertFailure> failures_;
  GroupedFfnArgs ffn_;  // kept for its capacity
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_DISPATCHER_H_
