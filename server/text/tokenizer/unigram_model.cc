#include "server/text/tokenizer/unigram_model.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <utility>

#include "kernels/base/status_macros.h"
#include "server/text/tokenizer/byte_tokens.h"
#include "server/text/utf8.h"

namespace foregate {
namespace {

// What an unknown character costs beyond the least likely token.
constexpr double kUnknownPenalty = 10.0;

// Words up to this length need no allocation.
constexpr size_t kShortWord = 255;

// Of all tokens together; published vocabularies have under 4 MB. The trie takes up to 56 bytes for each.
constexpr size_t kMaxVocabularyBytes = 16u << 20;

double PowerOfTen(int exponent) {
  double power = 1;
  const std::string text = "1e" + std::to_string(exponent);
  std::from_chars(text.data(), text.data() + text.size(), power);
  return power;
}

// serde_json, through which `tokenizers` reads a score, rounds twice: the digits as an integer, then the product or
// quotient with a power of ten. One score in eight is off by a unit in the last place, and runs of one letter have
// paths whose sums differ by less, so we do the same. Files hold the shortest digits that name a double, as we print.
double ScoreAsRead(double score) {
  char text[40];
  const auto [end, error] = std::to_chars(text, text + sizeof(text), std::fabs(score), std::chars_format::scientific);
  if (error != std::errc() || !std::isfinite(score)) return score;
  uint64_t digits = 0;
  int exponent = 0;
  const char* c = text;
  for (bool fraction = false; c < end && *c != 'e'; ++c) {
    if (*c == '.') {
      fraction = true;
      continue;
    }
    digits = digits * 10 + static_cast<uint64_t>(*c - '0');
    if (fraction) --exponent;
  }
  if (c < end) {
    if (*++c == '+') ++c;
    int written = 0;
    std::from_chars(c, end, written);
    exponent += written;
  }
  if (std::abs(exponent) > 300) return score;
  const auto whole = static_cast<double>(digits);
  return std::copysign(exponent < 0 ? whole / PowerOfTen(-exponent) : whole * PowerOfTen(exponent), score);
}

}  // namespace

absl::StatusOr<std::unique_ptr<const UnigramModel>> UnigramModel::Read(const JsonNode& json) {
  std::unique_ptr<UnigramModel> model(new UnigramModel());
  FOREGATE_ASSIGN_OR_RETURN(const std::vector<JsonNode> entries, json.Array("vocab"));
  FOREGATE_ASSIGN_OR_RETURN(const bool exact_scores, json.Bool("exact_scores", false));
  FOREGATE_RETURN_IF_ERROR(model->ReadVocabulary(entries, exact_scores));
  FOREGATE_RETURN_IF_ERROR(model->IndexTokens(json));
  FOREGATE_RETURN_IF_ERROR(model->ReadFallback(json));
  return model;
}

absl::Status UnigramModel::ReadVocabulary(const std::vector<JsonNode>& entries, bool exact_scores) {
  if (entries.size() > kMaxVocabulary) {
    return absl::InvalidArgumentError("vocab has " + std::to_string(entries.size()) + " tokens, limit " +
                                      std::to_string(kMaxVocabulary));
  }
  tokens_.reserve(entries.size());
  scores_.reserve(entries.size());
  double least = std::numeric_limits<double>::infinity();
  size_t bytes = 0;
  for (const JsonNode& entry : entries) {
    FOREGATE_ASSIGN_OR_RETURN(const std::vector<JsonNode> parts, entry.AsArray());
    if (parts.size() != 2) return entry.Error("must have two elements, has " + std::to_string(parts.size()));
    FOREGATE_ASSIGN_OR_RETURN(tokens_.emplace_back(), parts[0].AsString());
    FOREGATE_ASSIGN_OR_RETURN(const double score, parts[1].AsNumber());
    bytes += tokens_.back().size();
    if (bytes > kMaxVocabularyBytes) return entry.Error("is beyond the limit of 16 MiB for a vocabulary");
    scores_.push_back(exact_scores || parts[1].value().is_number_integer() ? score : ScoreAsRead(score));
    least = std::min(least, scores_.back());
  }
  unknown_score_ = least - kUnknownPenalty;
  return absl::OkStatus();
}

absl::Status UnigramModel::IndexTokens(const JsonNode& json) {
  std::vector<bool> unmatched(tokens_.size());
  FOREGATE_ASSIGN_OR_RETURN(const std::optional<JsonNode> list, json.OptionalChild("unmatched"));
  if (list.has_value()) {
    FOREGATE_ASSIGN_OR_RETURN(const std::vector<JsonNode> ids, list->AsArray());
    for (const JsonNode& node : ids) {
      FOREGATE_ASSIGN_OR_RETURN(const int32_t id, node.AsId());
      if (static_cast<size_t>(id) >= tokens_.size()) return node.Error("is not in the vocabulary");
      unmatched[id] = true;
    }
  }
  std::vector<std::pair<std::string_view, int32_t>> spellings;
  spellings.reserve(tokens_.size());
  ids_.reserve(tokens_.size());
  for (size_t id = 0; id < tokens_.size(); ++id) {
    if (!unmatched[id]) spellings.emplace_back(tokens_[id], static_cast<int32_t>(id));
    ids_[tokens_[id]] = static_cast<int32_t>(id);
  }
  trie_ = ByteTrie(std::move(spellings));
  return absl::OkStatus();
}

absl::Status UnigramModel::ReadFallback(const JsonNode& json) {
  FOREGATE_ASSIGN_OR_RETURN(const std::optional<JsonNode> unknown, json.OptionalChild("unk_id"));
  if (unknown.has_value()) {
    FOREGATE_ASSIGN_OR_RETURN(unknown_id_, unknown->AsId());
    if (static_cast<size_t>(*unknown_id_) >= tokens_.size()) {
      return unknown->Error("is " + std::to_string(*unknown_id_) + ", but the vocabulary has " +
                            std::to_string(tokens_.size()) + " tokens");
    }
  }
  FOREGATE_ASSIGN_OR_RETURN(const bool byte_fallback, json.Bool("byte_fallback", false));
  if (!byte_fallback) return absl::OkStatus();
  byte_tokens_.emplace();
  for (int byte = 0; byte < 256; ++byte) {
    (*byte_tokens_)[byte] = TokenToId(ByteTokenText(static_cast<uint8_t>(byte))).value_or(-1);
  }
  return absl::OkStatus();
}

std::optional<int32_t> UnigramModel::TokenToId(std::string_view token) const {
  const auto found = ids_.find(token);
  return found == ids_.end() ? std::nullopt : std::optional(found->second);
}

absl::Status UnigramModel::Encode(std::string_view word, std::vector<int32_t>* ids) const {
  if (word.empty()) return absl::OkStatus();
  if (word.size() > std::numeric_limits<int32_t>::max() - 1) {
    return absl::InvalidArgumentError("text too long to encode: " + std::to_string(word.size()) + " bytes");
  }
  std::array<Arrival, kShortWord + 1> few;
  std::vector<Arrival> many;
  Arrival* arrivals = few.data();
  if (word.size() > kShortWord) {
    many.resize(word.size() + 1);
    arrivals = many.data();
  }
  std::fill_n(arrivals, word.size() + 1, Arrival{0, -1, 0});
  FOREGATE_RETURN_IF_ERROR(FindBestPath(word, arrivals));
  AppendPath(word, arrivals, ids);
  return absl::OkStatus();
}

absl::Status UnigramModel::FindBestPath(std::string_view word, Arrival* arrivals) const {
  // The first of equally good paths stays.
  const auto arrive = [&](size_t begin, size_t end, double score, int32_t id) {
    Arrival& best = arrivals[end];
    if (best.begin < 0 || score > best.score) best = {score, static_cast<int32_t>(begin), id};
  };
  for (size_t begin = 0; begin < word.size();) {
    const size_t character = Utf8Length(word[begin]);
    const double score = arrivals[begin].score;
    bool has_own_token = false;
    trie_.FindPrefixes(word.substr(begin), [&](size_t length, int32_t id) {
      arrive(begin, begin + length, scores_[id] + score, id);
      has_own_token |= length == character;
    });
    if (!has_own_token) {
      const size_t end = begin + character;
      if (!unknown_id_.has_value() && (arrivals[end].begin < 0 || unknown_score_ + score > arrivals[end].score)) {
        return absl::InvalidArgumentError("the vocabulary has no token for '" +
                                          std::string(word.substr(begin, character)) + "' and no unknown token");
      }
      arrive(begin, end, unknown_score_ + score, unknown_id_.value_or(0));
    }
    begin += character;
  }
  return absl::OkStatus();
}

void UnigramModel::AppendPath(std::string_view word, const Arrival* arrivals, std::vector<int32_t>* ids) const {
  // From the end backwards; ids of one stretch are appended in order and the whole is reversed, hence twice reversed.
  const size_t first = ids->size();
  const auto append_unknown = [&](size_t begin, size_t end) {
    const size_t mark = ids->size();
    AppendUnknown(word.substr(begin, end - begin), ids);
    std::reverse(ids->begin() + static_cast<ptrdiff_t>(mark), ids->end());
  };
  size_t unknown_end = 0;  // of the unknown stretch that begins at `end`; 0 for none
  size_t end = word.size();
  while (end > 0) {
    const Arrival& arrival = arrivals[end];
    if (unknown_id_.has_value() && arrival.id == *unknown_id_) {
      if (unknown_end == 0) unknown_end = end;
    } else {
      if (unknown_end != 0) append_unknown(end, unknown_end);
      unknown_end = 0;
      ids->push_back(arrival.id);
    }
    end = static_cast<size_t>(arrival.begin);
  }
  if (unknown_end != 0) append_unknown(0, unknown_end);
  std::reverse(ids->begin() + static_cast<ptrdiff_t>(first), ids->end());
}

void UnigramModel::AppendUnknown(std::string_view text, std::vector<int32_t>* ids) const {
  if (const auto id = TokenToId(text); id.has_value()) {  // a token so unlikely that unknown characters were better
    ids->push_back(*id);
    return;
  }
  const auto byte_token = [&](char byte) { return (*byte_tokens_)[static_cast<uint8_t>(byte)]; };
  if (byte_tokens_.has_value() && std::ranges::all_of(text, [&](char byte) { return byte_token(byte) >= 0; })) {
    for (const char byte : text) ids->push_back(byte_token(byte));
    return;
  }
  ids->push_back(*unknown_id_);
}

}  // namespace foregate
