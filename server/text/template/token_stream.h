// A cursor over the tokens of a template, and the names that it mentions.
#ifndef FOREGATE_SERVER_TEXT_TEMPLATE_TOKEN_STREAM_H_
#define FOREGATE_SERVER_TEXT_TEMPLATE_TOKEN_STREAM_H_

#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "server/text/template/ast.h"
#include "server/text/template/lexer.h"

namespace foregate::jinja {

class TokenStream {
 public:
  // `tokens` ends with kEnd.
  explicit TokenStream(std::vector<Token> tokens) : tokens_(std::move(tokens)) {}

  const Token& current() const { return tokens_[position_]; }
  const Token& ahead() const { return tokens_[std::min(position_ + 1, tokens_.size() - 1)]; }
  void Next() {
    if (position_ + 1 < tokens_.size()) ++position_;
  }

  bool Is(Token::Kind kind) const { return current().kind == kind; }
  bool IsOperator(std::string_view symbol) const { return Is(Token::Kind::kOperator) && current().text == symbol; }
  bool IsName(std::string_view name) const { return Is(Token::Kind::kName) && current().text == name; }
  bool SkipOperator(std::string_view symbol) { return IsOperator(symbol) && (Next(), true); }
  bool SkipName(std::string_view name) { return IsName(name) && (Next(), true); }

  static absl::Status ErrorAt(Place place, std::string_view what) {
    return absl::InvalidArgumentError("line " + std::to_string(place.line) + ", column " +
                                      std::to_string(place.column) + ": " + std::string(what));
  }
  absl::Status Error(std::string_view what) const { return ErrorAt({current().line, current().column}, what); }
  absl::Status Unexpected(std::string_view wanted) const {
    const std::string got = Is(Token::Kind::kEnd) ? "end of template" : "'" + current().text + "'";
    return Error("expected " + std::string(wanted) + ", got " + got);
  }
  absl::Status ExpectOperator(std::string_view symbol) {
    return SkipOperator(symbol) ? absl::OkStatus() : Unexpected("'" + std::string(symbol) + "'");
  }
  absl::Status ExpectName(std::string_view name) {
    return SkipName(name) ? absl::OkStatus() : Unexpected("'" + std::string(name) + "'");
  }
  absl::Status Expect(Token::Kind kind, std::string_view wanted) {
    if (!Is(kind)) return Unexpected(wanted);
    Next();
    return absl::OkStatus();
  }

  int NameId(const std::string& name) {
    const auto [entry, is_new] = ids_.try_emplace(name, static_cast<int>(names_.size()));
    if (is_new) names_.push_back(name);
    return entry->second;
  }
  std::vector<std::string> TakeNames() { return std::move(names_); }

 private:
  std::vector<Token> tokens_;
  size_t position_ = 0;
  std::unordered_map<std::string, int> ids_;
  std::vector<std::string> names_;
};

}  // namespace foregate::jinja

#endif  // FOREGATE_SERVER_TEXT_TEMPLATE_TOKEN_STREAM_H_
