#include "server/text/tokenizer/replacement.h"

#include <utility>
#include <vector>

#include "kernels/base/status_macros.h"

namespace foregate {

absl::StatusOr<std::unique_ptr<const Regex>> ReadPattern(const JsonNode& pattern) {
  FOREGATE_ASSIGN_OR_RETURN(const std::optional<JsonNode> literal, pattern.OptionalChild("String"));
  if (literal.has_value()) {
    FOREGATE_ASSIGN_OR_RETURN(const std::string text, literal->AsString());
    auto regex = Regex::CompileLiteral(text);
    if (!regex.ok()) return literal->Error(std::string(regex.status().message()));
    return regex;
  }
  FOREGATE_ASSIGN_OR_RETURN(const JsonNode expression, pattern.Child("Regex"));
  FOREGATE_ASSIGN_OR_RETURN(const std::string text, expression.AsString());
  auto regex = Regex::Compile(text);
  if (!regex.ok()) return expression.Error(std::string(regex.status().message()));
  return regex;
}

absl::StatusOr<Replacement> Replacement::Read(const JsonNode& json) {
  Replacement replacement;
  FOREGATE_ASSIGN_OR_RETURN(const JsonNode pattern, json.Child("pattern"));
  FOREGATE_ASSIGN_OR_RETURN(replacement.pattern_, ReadPattern(pattern));
  FOREGATE_ASSIGN_OR_RETURN(replacement.content_, json.String("content"));
  return replacement;
}

absl::Status Replacement::Apply(std::string* text) const {
  std::vector<TextRange> matches;
  FOREGATE_RETURN_IF_ERROR(pattern_->FindAll(*text, &matches));
  if (matches.empty()) return absl::OkStatus();
  std::string out;
  size_t position = 0;
  for (const TextRange& match : matches) {
    out.append(*text, position, match.begin - position);
    out += content_;
    position = match.end;
  }
  out.append(*text, position);
  *text = std::move(out);
  return absl::OkStatus();
}

}  // namespace foregate
