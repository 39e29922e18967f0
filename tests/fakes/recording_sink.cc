#include "tests/fakes/recording_sink.h"

#include <utility>

#include "kernels/base/check.h"

namespace foregate {

void RecordingSink::OnPromptLogprobs(std::vector<TokenRecord> prompt) {
  const std::lock_guard<std::mutex> lock(mutex_);
  FOREGATE_CHECK(!done_ && !has_prompt_logprobs_ && records_.empty());
  has_prompt_logprobs_ = true;
  prompt_logprobs_ = std::move(prompt);
}

void RecordingSink::OnToken(int32_t sample, TokenRecord record) {
  const TokenRecord copy = record;
  {
    const std::lock_guard<std::mutex> lock(mutex_);
    FOREGATE_CHECK(!done_ && !finished_.contains(sample));
    records_[sample].push_back(std::move(record));
  }
  if (on_token_) on_token_(sample, copy);
}

void RecordingSink::OnSampleFinish(int32_t sample, FinishReason reason) {
  const std::lock_guard<std::mutex> lock(mutex_);
  FOREGATE_CHECK(!done_ && !finished_.contains(sample));
  finished_[sample] = reason;
}

void RecordingSink::OnDone(const absl::Status& status, const RequestSummary& summary) {
  const std::lock_guard<std::mutex> lock(mutex_);
  FOREGATE_CHECK(!done_);
  done_ = true;
  status_ = status;
  summary_ = summary;
  done_changed_.notify_all();
}

void RecordingSink::WaitUntilDone() {
  std::unique_lock<std::mutex> lock(mutex_);
  done_changed_.wait(lock, [&] { return done_; });
}

bool RecordingSink::done() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return done_;
}

absl::Status RecordingSink::status() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return status_;
}

RequestSummary RecordingSink::summary() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return summary_;
}

std::vector<int32_t> RecordingSink::tokens(int32_t sample) const {
  std::vector<int32_t> tokens;
  for (const TokenRecord& record : records(sample)) tokens.push_back(record.token);
  return tokens;
}

std::vector<TokenRecord> RecordingSink::records(int32_t sample) const {
  const std::lock_guard<std::mutex> lock(mutex_);
  const auto found = records_.find(sample);
  return found == records_.end() ? std::vector<TokenRecord>() : found->second;
}

std::vector<TokenRecord> RecordingSink::prompt_logprobs() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return prompt_logprobs_;
}

std::map<int32_t, FinishReason> RecordingSink::finished() const {
  const std::lock_guard<std::mutex> lock(mutex_);
  return finished_;
}

}  // namespace foregate
