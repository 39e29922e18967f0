#include "engine/sample/logprobs.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "kernels/base/check.h"

namespace foregate {

TokenRecord MakeTokenRecord(std::span<const float> logits, int32_t token, int32_t num_top) {
  FOREGATE_CHECK(token >= 0 && static_cast<size_t>(token) < logits.size());
  const double max_logit = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float logit : logits) sum += std::exp(static_cast<double>(logit) - max_logit);
  const double log_sum = max_logit + std::log(sum);
  const auto logprob = [&](int32_t id) {
    return static_cast<float>(static_cast<double>(logits[static_cast<size_t>(id)]) - log_sum);
  };

  TokenRecord record;
  record.token = token;
  record.has_logprob = true;
  record.logprob = TokenLogprob{token, logprob(token), 1};
  const float own = logits[static_cast<size_t>(token)];
  for (size_t i = 0; i < logits.size(); ++i)
    if (logits[i] > own || (logits[i] == own && i < static_cast<size_t>(token))) ++record.logprob.rank;

  const size_t wanted = std::min(logits.size(), static_cast<size_t>(std::max(num_top, 0)));
  if (wanted == 0) return record;
  // A heap of the best so far with the worst on top: one pass over the vocabulary, no copy of it.
  using Entry = std::pair<float, int32_t>;
  const auto better = [](const Entry& a, const Entry& b) {
    return a.first != b.first ? a.first > b.first : a.second < b.second;
  };
  std::vector<Entry> best;
  best.reserve(wanted + 1);
  for (size_t i = 0; i < logits.size(); ++i) {
    const Entry entry(logits[i], static_cast<int32_t>(i));
    if (best.size() == wanted && !better(entry, best.front())) continue;
    best.push_back(entry);
    std::push_heap(best.begin(), best.end(), better);
    if (best.size() > wanted) {
      std::pop_heap(best.begin(), best.end(), better);
      best.pop_back();
    }
  }
  std::sort(best.begin(), best.end(), better);
  record.top.reserve(wanted);
  for (const Entry& entry : best)
    record.top.push_back(
        TokenLogprob{entry.second, logprob(entry.second), static_cast<int32_t>(record.top.size()) + 1});
  return record;
}

}  // namespace foregate
