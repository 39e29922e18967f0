#include "engine/sample/logprobs.h"

#include <algorithm>
#include <cmath>
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
  // Until the end its entries hold logits.
  const auto better = [](const TokenLogprob& a, const TokenLogprob& b) {
    return a.logprob != b.logprob ? a.logprob > b.logprob : a.token < b.token;
  };
  std::vector<TokenLogprob>& best = record.top;
  best.reserve(wanted);
  for (size_t i = 0; i < logits.size(); ++i) {
    const TokenLogprob entry{static_cast<int32_t>(i), logits[i], 0};
    if (best.size() == wanted) {
      if (!better(entry, best.front())) continue;
      std::pop_heap(best.begin(), best.end(), better);
      best.pop_back();
    }
    best.push_back(entry);
    std::push_heap(best.begin(), best.end(), better);
  }
  std::sort(best.begin(), best.end(), better);
  for (size_t i = 0; i < best.size(); ++i)
    best[i] = {best[i].token, logprob(best[i].token), static_cast<int32_t>(i) + 1};
  return record;
}

}  // namespace foregate
