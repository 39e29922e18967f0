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
// How soon the sender of long prompts sees what it waits for.
constexpr std::chrono::milliseconds kPoll(10);

class Runner {
 public:
  Runner(Client* client, const LoadRun& run, size_t num_clients)
      : client_(client), run_(run), num_clients_(num_clients), num_working_(num_clients) {
    records_.requests.resize(run.plan->size());
    if (run.long_plan != nullptr) records_.long_prompts.resize(run.long_plan->size());
  }

  // One client's life.
  void Work() {
    const std::vector<PlannedRequest>& plan = *run_.plan;
    for (bool first = true; !run_.cancellation->cancelled() && !long_prompts_ended_; first = false) {
      const size_t index = next_.fetch_add(1);
      if (index >= plan.size() || !WaitForTurn(plan[index])) break;
      Send(plan[index], std::to_string(index), &records_.requests[index], [&] {
        if (first) ++num_clients_with_tokens_;
      });
    }
    --num_working_;
  }

  // The long prompts' life, until there are no clients beside which to send one.
  void WorkLong() {
    for (size_t i = 0; i < run_.long_plan->size(); ++i) {
      while (num_clients_with_tokens_ < num_clients_ && num_working_ > 0)
        if (!run_.cancellation->SleepFor(kPoll)) return;
      if (!SleepWhileClientsWork(run_.long_gap_seconds)) return;
      Send((*run_.long_plan)[i], "long-" + std::to_string(i), &records_.long_prompts[i], [] {});
    }
    long_prompts_ended_ = true;
  }

  LoadRecords TakeRecords() { return std::move(records_); }

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

  // False when the test is over before.
  bool SleepWhileClientsWork(double seconds) const {
    const double end = Now() + seconds;
    while (num_working_ > 0 && !run_.cancellation->cancelled()) {
      const double left = end - Now();
      if (left <= 0) return true;
      run_.cancellation->SleepFor(std::min(kPoll, std::chrono::milliseconds(static_cast<int64_t>(left * 1000) + 1)));
    }
    return false;
  }

  // `name` is unique in the run.
  pb::GenerateStreamRequest Request(const PlannedRequest& planned, const std::string& name) const {
    const int32_t first = std::min(kSpecialIds, run_.vocab_size / 4);
    const auto ids = RandomPrompt(planned.prompt_seed, planned.prompt_tokens, first, run_.vocab_size - first);
    pb::GenerateStreamRequest request;
    request.mutable_token_ids()->mutable_ids()->Add(ids.begin(), ids.end());
    pb::GenerationOptions* options = request.mutable_options();
    options->mutable_sampling()->set_temperature(0);
    options->mutable_stop()->set_max_tokens(planned.output_tokens);
    options->mutable_stop()->set_ignore_eos(true);
    options->set_cache_salt(std::to_string(run_.salt) + "-" + name);
    return request;
  }

  // Calls `on_first` at the request's first token, or at its end when none came.
  template <typename OnFirst>
  void Send(const PlannedRequest& planned, const std::string& name, RequestRecord* record, const OnFirst& on_first) {
    const pb::GenerateStreamRequest request = Request(planned, name);
    const double now = Now();
    *record = RequestRecord(run_.open_loop ? planned.arrival_seconds : now, now, planned.prompt_tokens);
    CallOptions call;
    call.cancellation = run_.cancellation;
    call.retry = false;
    const absl::Status status = client_->GenerateStream(
        request,
        [&](const pb::GenerateStreamResponse& response) {
          int32_t count = 0;
          for (const pb::SampleDelta& delta : response.deltas()) count += delta.token_ids_size();
          if (count == 0) return;
          if (!record->ttft()) on_first();
          record->AddTokens(Now(), count);
        },
        call);
    if (!record->ttft()) on_first();
    record->End(Now(), status.code());
  }

  Client* const client_;
  const LoadRun& run_;
  const Clock::time_point start_ = Clock::now();
  const size_t num_clients_;
  std::atomic<size_t> num_working_;  // clients that may send more
  std::atomic<size_t> num_clients_with_tokens_ = 0;
  std::atomic<bool> long_prompts_ended_ = false;
  std::atomic<size_t> next_ = 0;
  LoadRecords records_;  // each written by the one thread that sent it
};

}  // namespace

absl::StatusOr<LoadRecords> RunLoad(Client* client, const LoadRun& run) {
  const size_t num_clients = std::min(static_cast<size_t>(run.clients), run.plan->size());
  Runner runner(client, run, num_clients);
  std::vector<std::thread> threads;
  threads.reserve(num_clients + 1);
  std::string failure;
  try {
    while (threads.size() < num_clients) threads.emplace_back([&runner] { runner.Work(); });
    if (run.long_plan != nullptr) threads.emplace_back([&runner] { runner.WorkLong(); });
  } catch (const std::system_error& error) {
    failure = error.what();
    run.cancellation->Cancel();
  }
  for (std::thread& thread : threads) thread.join();
  if (!failure.empty()) {
    return absl::ResourceExhaustedError("cannot start " + std::to_string(num_clients) + " clients: " + failure);
  }
  return runner.TakeRecords();
}

}  // namespace foregate
