// Dispatcher: runs the routed entries of one layer through their experts where those live, and combines the outputs in
// ascending expert id whatever the order of arrival (house contract 9.1).
//
// When the cache holds every expert, one wave serves all and the host never looks at the routing. Otherwise the chosen
// experts are read back (one wait, bounded by a deadline) and run in waves of as many as there are slots; two slots
// suffice, and the bits are those of one wave.
#ifndef FOREGATE_ENGINE_MOE_DISPATCHER_H_
#define FOREGATE_ENGINE_MOE_DISPATCHER_H_

#include <chrono>
#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "engine/moe/expert_cache.h"
#include "engine/moe/routing_table.h"
#include "kernels/api/kernels.h"

namespace foregate {

struct DispatchBuffers {
  TensorView scratch;  // [T*k, 2*F]
  TensorView y;        // [T*k, H]
};

// Thread-compatible.
class Dispatcher {
 public:
  // Both must outlive the dispatcher.
  Dispatcher(ExpertCache& cache, const Backend& backend) : cache_(cache), backend_(backend) {}

  // acc[t] += sum of weight * expert(x[t]) over the entries of `table`. DEADLINE_EXCEEDED when the routing is not
  // known by `wait_deadline`.
  absl::Status Run(int32_t layer, const TensorView& x, const RoutingTable& table, const DispatchBuffers& buffers,
                   const TensorView& acc, std::chrono::steady_clock::time_point wait_deadline, Stream& stream);

 private:
  // Fills chosen_ with the ids of the experts to run, ascending.
  absl::Status ChooseExperts(const RoutingTable& table, std::chrono::steady_clock::time_point wait_deadline,
                             Stream& stream);
  // Leases chosen_[first...] until the slots run out; returns how many.
  absl::StatusOr<size_t> LeaseWave(int32_t layer, size_t first, Stream& stream);

  ExpertCache& cache_;
  const Backend& backend_;
  std::vector<int32_t> chosen_;
  std::vector<ExpertLease> leases_;
  GroupedFfnArgs ffn_;  // kept for its capacity
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_DISPATCHER_H_
