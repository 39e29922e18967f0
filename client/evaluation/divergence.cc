#include "client/evaluation/divergence.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace foregate {
namespace {

// Half a unit in the last place of a float.
constexpr double kRounding = 0x1p-24;
// Of sums of probabilities in double.
constexpr double kSummation = 1e-14;

// By ascending id, each once.
std::vector<TokenAlternative> KnownTokens(const ScoredToken& token) {
  std::vector<TokenAlternative> known = token.top;
  known.push_back({token.token_id, token.logprob});
  const auto by_id = [](const TokenAlternative& a, const TokenAlternative& b) { return a.token_id < b.token_id; };
  const auto same_id = [](const TokenAlternative& a, const TokenAlternative& b) { return a.token_id == b.token_id; };
  std::sort(known.begin(), known.end(), by_id);
  known.erase(std::unique(known.begin(), known.end(), same_id), known.end());
  return known;
}

// What is left of 1, and by how much the tokens' rounding may have moved it.
struct Rest {
  double mass = 1;
  double error = kSummation;

  void TakeOff(double probability, double rounding) {
    mass -= probability;
    error += probability * rounding;
  }
};

// The least p ln(p / q) that the errors of both masses allow: p ln(p / q) falls with q, and in p it is convex with its
// minimum at q / e.
double LeastTerm(const Rest& p, const Rest& q) {
  const double most_q = std::max(q.mass, 0.0) + q.error;
  const double least_p = std::max(p.mass - p.error, 0.0);
  const double most_p = std::max(p.mass, 0.0) + p.error;
  const double x = std::clamp(most_q / std::exp(1.0), least_p, most_p);
  return x * std::log(x / most_q);
}

}  // namespace

double DivergenceBound(const ScoredToken& reference, const ScoredToken& other) {
  const std::vector<TokenAlternative> ps = KnownTokens(reference);
  const std::vector<TokenAlternative> qs = KnownTokens(other);
  Rest rest_p, rest_q;
  double sum = 0;
  for (auto p = ps.begin(), q = qs.begin(); p != ps.end() && q != qs.end();) {
    if (p->token_id != q->token_id) {
      ++(p->token_id < q->token_id ? p : q);
      continue;
    }
    const double probability = std::exp(static_cast<double>(p->logprob));
    const double ratio = static_cast<double>(p->logprob) - static_cast<double>(q->logprob);
    const double p_rounding = kRounding * -static_cast<double>(p->logprob);
    const double q_rounding = kRounding * -static_cast<double>(q->logprob);
    sum += probability * (ratio - p_rounding - q_rounding - p_rounding * std::abs(ratio));
    rest_p.TakeOff(probability, p_rounding);
    rest_q.TakeOff(std::exp(static_cast<double>(q->logprob)), q_rounding);
    ++p;
    ++q;
  }
  return std::max(0.0, sum + LeastTerm(rest_p, rest_q));
}

}  // namespace foregate
