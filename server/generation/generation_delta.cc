#include "server/generation/generation_delta.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace foregate {
namespace {

template <typename T>
void MoveAppend(std::vector<T> from, std::vector<T>* to) {
  if (to->empty()) {
    *to = std::move(from);
    return;
  }
  to->insert(to->end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end()));
}

// Tag, id, float, rank and the lengths of two strings, rounded up.
constexpr size_t kScoreOverheadBytes = 24;
constexpr size_t kSampleOverheadBytes = 16;
// A varint of an id below 2^21; larger vocabularies do not exist.
constexpr size_t kTokenIdBytes = 3;

size_t Bytes(const TokenScore& score) { return kScoreOverheadBytes + score.text.size() + score.bytes.size(); }

size_t Bytes(const std::vector<ScoredToken>& tokens) {
  size_t total = 0;
  for (const ScoredToken& token : tokens) {
    total += Bytes(token.token);
    for (const TokenScore& alternative : token.top) total += Bytes(alternative);
  }
  return total;
}

size_t Bytes(const ReplyDelta& message) {
  size_t total = message.content.size() + message.reasoning.size();
  for (const ReplyToolCall& call : message.tool_calls) {
    total += kScoreOverheadBytes + call.id.size() + call.name.size() + call.arguments.size();
  }
  return total;
}

void Append(ReplyDelta message, ReplyDelta* total) {
  total->content += message.content;
  total->reasoning += message.reasoning;
  MoveAppend(std::move(message.tool_calls), &total->tool_calls);
}

}  // namespace

void AppendDelta(GenerationDelta delta, GenerationDelta* total) {
  MoveAppend(std::move(delta.prompt_logprobs), &total->prompt_logprobs);
  for (SampleDelta& sample : delta.samples) {
    auto same = std::find_if(total->samples.begin(), total->samples.end(),
                             [&](const SampleDelta& s) { return s.index == sample.index; });
    if (same == total->samples.end()) {
      total->samples.push_back(std::move(sample));
      continue;
    }
    same->text += sample.text;
    MoveAppend(std::move(sample.token_ids), &same->token_ids);
    MoveAppend(std::move(sample.logprobs), &same->logprobs);
    if (sample.message.has_value()) {
      if (!same->message.has_value()) same->message.emplace();
      Append(*std::move(sample.message), &*same->message);
    }
    if (sample.end.has_value()) same->end = std::move(sample.end);
  }
}

size_t ApproximateBytes(const GenerationDelta& delta) {
  size_t total = Bytes(delta.prompt_logprobs);
  for (const SampleDelta& sample : delta.samples) {
    total += kSampleOverheadBytes + sample.text.size() + sample.token_ids.size() * kTokenIdBytes +
             Bytes(sample.logprobs) + (sample.message ? Bytes(*sample.message) : 0) +
             (sample.end ? sample.end->stop_string.size() : 0);
  }
  return total;
}

}  // namespace foregate
