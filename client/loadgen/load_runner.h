// Sends the requests of a plan to a server and records what comes back.
#ifndef FOREGATE_CLIENT_LOADGEN_LOAD_RUNNER_H_
#define FOREGATE_CLIENT_LOADGEN_LOAD_RUNNER_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "client/client.h"
#include "client/loadgen/arrival_process.h"
#include "client/loadgen/load_statistics.h"

namespace foregate {

struct LoadRun {
  const std::vector<PlannedRequest>* plan = nullptr;
  int clients = 1;  // threads, and so most requests at a time
  bool open_loop = false;
  double duration_seconds = 0;  // closed loop: nothing is sent later; 0: the plan's end
  int32_t vocab_size = 0;       // prompts are ids below it
  // Unique per run: prompts are salted with it, so that no request finds another's prefix in the server's cache.
  uint64_t salt = 0;
  // Closed loop: sent one after the other beside the clients, each long_gap_seconds after the one before, the first
  // after every client has had a token. Clients send nothing after the last of them has ended. nullptr: none.
  const std::vector<PlannedRequest>* long_plan = nullptr;
  double long_gap_seconds = 0;
  Cancellation* cancellation = nullptr;  // ends the run early; running requests end with CANCELLED
};

struct LoadRecords {
  std::vector<RequestRecord> requests;      // of the plan
  std::vector<RequestRecord> long_prompts;  // of the long plan
};

// One record per planned request; those never sent are not finished(). Greedy, ignoring end tokens, over streams, no
// retries. In an open loop a request is sent at its arrival whatever the server does, as long as a client is free.
// RESOURCE_EXHAUSTED when no thread can be started.
absl::StatusOr<LoadRecords> RunLoad(Client* client, const LoadRun& run);

}  // namespace foregate

#endif  // FOREGATE_CLIENT_LOADGEN_LOAD_RUNNER_H_
