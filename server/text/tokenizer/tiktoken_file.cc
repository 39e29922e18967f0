#include "server/text/tokenizer/tiktoken_file.h"

#include <algorithm>
#include <charconv>
#include <string>
#include <unordered_set>
#include <utility>

#include "kernels/base/status_macros.h"
#include "server/text/base64.h"
#include "server/text/tokenizer/token_model.h"

namespace foregate {
namespace {

// Published ones stay under 200 bytes; recovering merges is quadratic in it.
constexpr size_t kMaxTokenBytes = 4096;

absl::StatusOr<RankedToken> ParseLine(std::string_view line) {
  const size_t blank = line.find(' ');
  if (blank == std::string_view::npos) return absl::InvalidArgumentError("must be a token, a blank and a rank");
  RankedToken token;
  FOREGATE_ASSIGN_OR_RETURN(token.text, DecodeBase64(line.substr(0, blank)));
  const std::string_view rank = line.substr(blank + 1);
  const auto [end, error] = std::from_chars(rank.data(), rank.data() + rank.size(), token.rank);
  if (error != std::errc() || end != rank.data() + rank.size() || token.rank < 0 || token.rank >= kMaxVocabulary) {
    return absl::InvalidArgumentError("must have a rank from 0 to " + std::to_string(kMaxVocabulary - 1));
  }
  if (token.text.empty()) return absl::InvalidArgumentError("has an empty token");
  if (token.text.size() > kMaxTokenBytes) return absl::InvalidArgumentError("has a token longer than 4096 bytes");
  return token;
}

std::string_view TakeLine(std::string_view* bytes) {
  const size_t end = std::min(bytes->find('\n'), bytes->size());
  std::string_view line = bytes->substr(0, end);
  bytes->remove_prefix(std::min(end + 1, bytes->size()));
  if (line.ends_with('\r')) line.remove_suffix(1);
  return line;
}

}  // namespace

bool LooksLikeTiktoken(std::string_view bytes) { return ParseLine(TakeLine(&bytes)).ok(); }

absl::StatusOr<std::vector<RankedToken>> ParseTiktoken(std::string_view bytes) {
  std::vector<RankedToken> tokens;
  std::unordered_set<std::string> texts;
  std::unordered_set<int32_t> ranks;
  for (size_t number = 1; !bytes.empty(); ++number) {
    const std::string_view line = TakeLine(&bytes);
    if (line.empty()) continue;
    const auto error = [&](std::string_view what) {
      return absl::InvalidArgumentError("line " + std::to_string(number) + " " + std::string(what));
    };
    absl::StatusOr<RankedToken> token = ParseLine(line);
    if (!token.ok()) return error(std::string(token.status().message()));
    if (!texts.insert(token->text).second) return error("repeats a token");
    if (!ranks.insert(token->rank).second) return error("repeats rank " + std::to_string(token->rank));
    tokens.push_back(*std::move(token));
  }
  if (tokens.empty()) return absl::InvalidArgumentError("has no tokens");
  return tokens;
}

}  // namespace foregate
