// How far one model's prediction of a token is from another's, as far as their likeliest tokens tell. Pure.
#ifndef FOREGATE_CLIENT_EVALUATION_DIVERGENCE_H_
#define FOREGATE_CLIENT_EVALUATION_DIVERGENCE_H_

#include "client/evaluation/task_result.h"

namespace foregate {

// A lower bound of KL(reference || other) in nats, at least 0, for one place in a text that both models read. Both are
// scores of the same token.
//
// A token counts by itself where both list it, or are asked for it as the text's own; all others are one bucket, whose
// two masses are what is left of 1. So a token that one list lacks is in the bucket on both sides: of its probability
// there only a bound is known, while the bucket's mass is known exactly. Putting outcomes together never raises KL (the
// log-sum inequality), hence the bound. What the log-probabilities' rounding to 24 bits may have added is taken off.
double DivergenceBound(const ScoredToken& reference, const ScoredToken& other);

}  // namespace foregate

#endif  // FOREGATE_CLIENT_EVALUATION_DIVERGENCE_H_
