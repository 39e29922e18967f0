#include "client/loadgen/load_runner.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <string>
#include <system_error>
#include <thread>

namespace foregate {
namespace {

namespace pb = ::foregate::inference::v1;

using Clock = std::chrono::steady_clock;

// The lowest ids are special tokens in most vocabularies, the highest in the others.
constexpr int32_t kSpecialIds = 16;

class Runner {
 public:
  Runner(Client* client, const LoadRun& run) : client_(client), run_(run), records_(run.plan->size()) {}

  // One client's life.
  void Work() {
    while (!run_.cancellation->cancelled()) {
      const size_t index = next_.fetch_add(1);
      if (index >= records_.size() || !WaitForTurn((*run_.plan)[index])) return;
      Send(index);
    }
  }

  std::vector<RequestRecord> TakeRecords() { return std::move(records_); }

 private:
  double Now() const { return std::chrono::duration<double>(Clock::now() - start_).count(); }

  // False when nothing more is to be sent.
  bool WaitForTurn(const PlannedRequest& planned) const {
    if (!run_.open_loop) return run_.duration_seconds == 0 || Now() < run_.duration_seconds;
    const double wait = planned.arrival_seconds - Now();
    // The last part in a sleep that does not round to milliseconds.
    const auto whole = std::chrono::milliseconds(static_cast<int64_t>(std::max(0.0, wait - 0.002) * 1000));
    if (whole.count() > 0 && !run_.cancellation->SleepFor(whole)) return false;
    std::this_thread::sleep_until(
        start_ + std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(planned.arrival_seconds)));
    return !run_.cancellation->cancelled();
  }

  pb::GenerateStreamRequest Request(size_t index) const {
    const PlannedRequest& planned = (*run_.plan)[index];
    const int32_t first = std::min(kSpecialIds, run_.vocab_size / 4);
    const auto ids = RandomPrompt(planned.prompt_seed, planned.prompt_tokens, first, run_.vocab_size - first);
    pb::GenerateStreamRequest request;
    request.mutable_token_ids()->mutable_ids()->Add(ids.begin(), ids.end());
    pb::GenerationOptions* options = request.mutable_options();
    options->mutable_sampling()->set_temperature(0);
    options->mutable_stop()->set_max_tokens(planned.output_tokens);
    options->mutable_stop()->set_ignore_eos(true);
    options->set_cache_salt(std::to_string(run_.salt) + "-" + std::to_string(index));
    return request;
  }

  void Send(size_t index) {
    const PlannedRequest& planned = (*run_.plan)[index];
    const pb::GenerateStreamRequest request = Request(index);
    const double now = Now();
    RequestRecord& record = records_[index];
    record = RequestRecord(run_.open_loop ? planned.arrival_seconds : now, now, planned.prompt_tokens);
    CallOptions call;
    call.cancellation = run_.cancellation;
    call.retry = false;
    const absl::Status status = client_->GenerateStream(
        request,
        [&](const pb::GenerateStreamResponse& response) {
          int32_t count = 0;
          for (const pb::SampleDelta& delta : response.deltas()) count += delta.token_ids_size();
          if (count > 0) record.AddTokens(Now(), count);
        },
        call);
    record.End(Now(), status.code());
  }

  Client* const client_;
  const LoadRun& run_;
  const Clock::time_point start_ = Clock::now();
  std::atomic<size_t> next_ = 0;
  std::vector<RequestRecord> records_;  // each written by the one client that took its index
};

}  // namespace

absl::StatusOr<std::vector<RequestRecord>> RunLoad(Client* client, const LoadRun& run) {
  Runner runner(client, run);
  const size_t num_threads = std::min(static_cast<size_t>(run.clients), run.plan->size());
  std::vector<std::thread> threads;
  threads.reserve(num_threads);
  std::string failure;
  try {
    while (threads.size() < num_threads) threads.emplace_back([&runner] { runner.Work(); });
  } catch (const std::system_error& error) {
    failure = error.what();
    run.cancellation->Cancel();
  }
  for (std::thread& thread : threads) thread.join();
  if (!failure.empty()) {
    return absl::ResourceExhaustedError("cannot start " + std::to_string(num_threads) + " clients: " + failure);
  }
  return runner.TakeRecords();
}

}  // namespace foregate
