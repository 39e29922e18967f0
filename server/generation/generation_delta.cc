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
    if (sample.end.has_value()) same->end = std::move(sample.end);
  }
}

size_t ApproximateBytes(const GenerationDelta& delta) {
  size_t total = Bytes(delta.prompt_logprobs);
  for (const SampleDelta& sample : delta.samples) {
    total += kSampleOverheadBytes + sample.text.size() + sample.token_ids.size() * kTokenIdBytes +
             Bytes(sample.logprobs) + (sample.end ? sample.end->stop_string.size() : 0);
  }
  return total;
}

}  // namespace foregate
