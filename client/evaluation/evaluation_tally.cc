#include "client/evaluation/evaluation_tally.h"

#include <algorithm>
#include <cmath>

#include "client/evaluation/divergence.h"

namespace foregate {
namespace {

std::optional<double> Share(double part, int64_t whole) {
  if (whole == 0) return std::nullopt;
  return part / static_cast<double>(whole);
}

void AddTokens(const ScoredText& scores, size_t begin, size_t end, TextScore* sum) {
  for (size_t i = begin; i < end; ++i) sum->nats -= static_cast<double>(scores.tokens[i].logprob);
  sum->num_tokens += static_cast<int64_t>(end - begin);
}

void AddToken(const ScoredToken& reference, const ScoredToken& own, double divergence, TextComparison* sum) {
  ++sum->num_tokens;
  sum->nats -= static_cast<double>(own.logprob);
  sum->reference_nats -= static_cast<double>(reference.logprob);
  sum->divergence += divergence;
  if (reference.top.empty() || own.top.empty()) return;
  ++sum->num_with_top;
  if (reference.top[0].token_id == own.top[0].token_id) ++sum->num_same_top;
}

absl::Status CheckSameTokens(const ScoredText& reference, const ScoredText& own, const std::string& family,
                             const std::string& task_id) {
  const auto differs = [&](const std::string& what) {
    return absl::InvalidArgumentError("the reference read the task " + task_id + " (" + family + ") as other tokens: " +
                                      what + "; perplexity and KL compare models of one tokenizer and chat template");
  };
  const size_t common = std::min(reference.tokens.size(), own.tokens.size());
  for (size_t i = 0; i < common; ++i) {
    if (reference.tokens[i].token_id != own.tokens[i].token_id) {
      return differs("token " + std::to_string(i) + " is " + std::to_string(reference.tokens[i].token_id) +
                     " there and " + std::to_string(own.tokens[i].token_id) + " here");
    }
  }
  if (reference.tokens.size() != own.tokens.size()) {
    return differs(std::to_string(reference.tokens.size()) + " there and " + std::to_string(own.tokens.size()) +
                   " here");
  }
  if (reference.answer_begin != own.answer_begin || reference.answer_end != own.answer_end) {
    return differs("the answer lies elsewhere");
  }
  return absl::OkStatus();
}

void Add(const TextScore& part, TextScore* sum) {
  sum->num_tokens += part.num_tokens;
  sum->nats += part.nats;
}

void Add(const TextComparison& part, TextComparison* sum) {
  sum->num_tokens += part.num_tokens;
  sum->nats += part.nats;
  sum->reference_nats += part.reference_nats;
  sum->divergence += part.divergence;
  sum->num_same_top += part.num_same_top;
  sum->num_with_top += part.num_with_top;
}

}  // namespace

std::optional<double> TextScore::perplexity() const {
  if (num_tokens == 0) return std::nullopt;
  return std::exp(nats / static_cast<double>(num_tokens));
}

std::optional<double> TextComparison::perplexity_ratio() const {
  if (num_tokens == 0) return std::nullopt;
  return std::exp((nats - reference_nats) / static_cast<double>(num_tokens));
}

std::optional<double> TextComparison::mean_divergence() const { return Share(divergence, num_tokens); }

std::optional<double> TextComparison::same_top_share() const {
  return Share(static_cast<double>(num_same_top), num_with_top);
}

std::optional<double> FamilyScore::accuracy() const { return Share(static_cast<double>(num_exact), num_answered); }

FamilyScore& EvaluationTally::Family(const std::string& name) {
  const auto [place, is_new] = places_.emplace(name, families_.size());
  if (is_new) families_.emplace_back().name = name;
  return families_[place->second];
}

void EvaluationTally::Add(const TaskResult& result) {
  FamilyScore& family = Family(result.family);
  if (!result.status.ok()) {
    ++family.num_failed;
    return;
  }
  ++family.num_answered;
  if (result.is_exact) ++family.num_exact;
  if (!result.scores) return;
  AddTokens(*result.scores, result.scores->answer_begin, result.scores->answer_end, &family.answer_tokens);
  AddTokens(*result.scores, 1, result.scores->tokens.size(), &family.all_tokens);
}

absl::Status EvaluationTally::AddPair(const TaskResult& reference, const TaskResult& result) {
  FamilyScore& family = Family(result.family);
  if (!reference.status.ok() || !result.status.ok()) {
    ++family.num_unpaired;
    return absl::OkStatus();
  }
  if (reference.is_exact) {
    ++(result.is_exact ? family.pairs.both : family.pairs.only_reference);
  } else {
    ++(result.is_exact ? family.pairs.only_this : family.pairs.neither);
  }
  if (reference.reply == result.reply) ++family.num_same_reply;
  if (!reference.scores || !result.scores) return absl::OkStatus();
  absl::Status same = CheckSameTokens(*reference.scores, *result.scores, result.family, result.task_id);
  if (!same.ok()) return same;
  for (size_t i = 1; i < result.scores->tokens.size(); ++i) {
    const ScoredToken& theirs = reference.scores->tokens[i];
    const ScoredToken& own = result.scores->tokens[i];
    const double divergence = DivergenceBound(theirs, own);
    AddToken(theirs, own, divergence, &family.all_comparison);
    const bool is_answer = i >= result.scores->answer_begin && i < result.scores->answer_end;
    if (is_answer) AddToken(theirs, own, divergence, &family.answer_comparison);
  }
  return absl::OkStatus();
}

FamilyScore EvaluationTally::overall() const {
  FamilyScore sum;
  for (const FamilyScore& family : families_) {
    sum.num_answered += family.num_answered;
    sum.num_exact += family.num_exact;
    sum.num_failed += family.num_failed;
    foregate::Add(family.answer_tokens, &sum.answer_tokens);
    foregate::Add(family.all_tokens, &sum.all_tokens);
    sum.pairs.both += family.pairs.both;
    sum.pairs.only_reference += family.pairs.only_reference;
    sum.pairs.only_this += family.pairs.only_this;
    sum.pairs.neither += family.pairs.neither;
    sum.num_same_reply += family.num_same_reply;
    sum.num_unpaired += family.num_unpaired;
    foregate::Add(family.answer_comparison, &sum.answer_comparison);
    foregate::Add(family.all_comparison, &sum.all_comparison);
  }
  return sum;
}

std::optional<double> EvaluationTally::mean_family_accuracy() const {
  double sum = 0;
  int64_t num_families = 0;
  for (const FamilyScore& family : families_) {
    const std::optional<double> accuracy = family.accuracy();
    if (!accuracy) continue;
    sum += *accuracy;
    ++num_families;
  }
  return Share(sum, num_families);
}

}  // namespace foregate
