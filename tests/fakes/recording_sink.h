// RecordingSink: keeps everything that the engine says of one request and checks the order of the calls. Thread-safe:
// any thread may read or wait while the engine thread writes.
#ifndef FOREGATE_TESTS_FAKES_RECORDING_SINK_H_
#define FOREGATE_TESTS_FAKES_RECORDING_SINK_H_

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <vector>

#include "engine/request/token_sink.h"

namespace foregate {

class RecordingSink final : public TokenSink {
 public:
  // Called after each token is recorded, on the engine thread.
  using TokenHook = std::function<void(int32_t sample, const TokenRecord& record)>;

  RecordingSink() = default;
  explicit RecordingSink(TokenHook on_token) : on_token_(std::move(on_token)) {}

  void OnPromptLogprobs(std::vector<TokenRecord> prompt) override;
  void OnToken(int32_t sample, TokenRecord record) override;
  void OnSampleFinish(int32_t sample, FinishReason reason) override;
  void OnDone(const absl::Status& status, const RequestSummary& summary) override;

  // Blocks until OnDone.
  void WaitUntilDone();
  bool done() const;
  absl::Status status() const;
  RequestSummary summary() const;
  std::vector<int32_t> tokens(int32_t sample) const;
  std::vector<TokenRecord> records(int32_t sample) const;
  std::vector<TokenRecord> prompt_logprobs() const;
  // Sample -> reason.
  std::map<int32_t, FinishReason> finished() const;

 private:
  const TokenHook on_token_;
  mutable std::mutex mutex_;
  std::condition_variable done_changed_;
  std::map<int32_t, std::vector<TokenRecord>> records_;
  std::map<int32_t, FinishReason> finished_;
  std::vector<TokenRecord> prompt_logprobs_;
  bool has_prompt_logprobs_ = false;
  bool done_ = false;
  absl::Status status_;
  RequestSummary summary_;
};

}  // namespace foregate

#endif  // FOREGATE_TESTS_FAKES_RECORDING_SINK_H_
