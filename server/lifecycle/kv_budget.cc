#include "server/lifecycle/kv_budget.h"

#include <algorithm>

#include "server/lifecycle/memory_reserve.h"

namespace foregate {
namespace {

std::string Bytes(uint64_t bytes) { return std::to_string(bytes) + " bytes (" + std::to_string(bytes >> 20) + " MiB)"; }

}  // namespace

uint64_t SequenceKvBytes(const KvBudgetInput& input) {
  const uint64_t block_tokens = static_cast<uint64_t>(input.block_tokens);
  const uint64_t blocks = (static_cast<uint64_t>(input.sequence_tokens) + block_tokens - 1) / block_tokens;
  return blocks * block_tokens * input.kv_bytes_per_token;
}

absl::StatusOr<int64_t> ChooseKvBytes(const KvBudgetInput& input) {
  const uint64_t sequence_bytes = SequenceKvBytes(input);
  const uint64_t fixed_bytes = input.weights_bytes + input.workspace_bytes + kProcessReserveBytes;
  const uint64_t wanted_bytes =
      input.configured_bytes ? static_cast<uint64_t>(*input.configured_bytes) : sequence_bytes;
  if (wanted_bytes < sequence_bytes)
    return absl::FailedPreconditionError("engine.kv_bytes " + Bytes(wanted_bytes) + " hold less than one sequence of " +
                                         std::to_string(input.sequence_tokens) + " tokens, which takes " +
                                         Bytes(sequence_bytes) + "; raise it or lower engine.max_sequence_tokens");
  if (fixed_bytes > input.limit_bytes || wanted_bytes > input.limit_bytes - fixed_bytes)
    return absl::FailedPreconditionError(
        "the model does not fit: weights " + Bytes(input.weights_bytes) + ", buffers " + Bytes(input.workspace_bytes) +
        ", process " + Bytes(kProcessReserveBytes) + (input.configured_bytes ? ", KV " : ", KV of one sequence ") +
        Bytes(wanted_bytes) + " are more than " + Bytes(input.limit_bytes) + " of " + input.limit_source);
  if (input.configured_bytes) return *input.configured_bytes;
  const uint64_t left_bytes = input.limit_bytes - fixed_bytes;
  const uint64_t useful_bytes = sequence_bytes * static_cast<uint64_t>(input.max_running_requests);
  return static_cast<int64_t>(std::max(sequence_bytes, std::min(useful_bytes, left_bytes / 2)));
}

}  // namespace foregate
