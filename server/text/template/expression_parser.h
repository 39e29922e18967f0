// Parses expressions, with jinja2's precedence.
#ifndef FOREGATE_SERVER_TEXT_TEMPLATE_EXPRESSION_PARSER_H_
#define FOREGATE_SERVER_TEXT_TEMPLATE_EXPRESSION_PARSER_H_

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/text/template/ast.h"
#include "server/text/template/token_stream.h"

namespace foregate::jinja {

class ExpressionParser {
 public:
  using Parsed = absl::StatusOr<std::unique_ptr<Expression>>;

  explicit ExpressionParser(TokenStream* tokens) : tokens_(*tokens) {}

  // "a if b else c", or only what may stand before an "if".
  Parsed Parse(bool with_condition = true);
  // An expression, or a tuple without parentheses.
  Parsed ParseTuple(bool with_condition);
  // What can be assigned to: a name, an attribute of a name, or (with_tuple) a tuple of these.
  Parsed ParseTarget(bool with_tuple);
  // "upper | trim": a chain of filters, applied to `operand`, which may be null.
  Parsed ParseFilterChain(std::unique_ptr<Expression> operand, bool starts_inline);

 private:
  std::unique_ptr<Expression> Make(Expression::Kind kind) const;
  // Checks that the tree does not become too deep, which left-associative chains do without nesting.
  Parsed Finish(std::unique_ptr<Expression> expression) const;
  Parsed Pair(Expression::Kind kind, std::unique_ptr<Expression> left, std::unique_ptr<Expression> right) const;

  Parsed ParseCondition();
  Parsed ParseOr();
  Parsed ParseAnd();
  Parsed ParseNot();
  Parsed ParseCompare();
  Parsed ParseSum();
  Parsed ParseConcat();
  Parsed ParseProduct();
  Parsed ParsePower();
  Parsed ParseUnary(bool with_filter);
  Parsed ParsePrimary();
  Parsed ParseNameOrConstant();
  Parsed ParseNumber();
  Parsed ParseParentheses();
  Parsed ParseListLiteral();
  Parsed ParseDictLiteral();
  Parsed ParsePostfix(std::unique_ptr<Expression> operand);
  Parsed ParseFilters(std::unique_ptr<Expression> operand);
  Parsed ParseTest(std::unique_ptr<Expression> operand);
  Parsed ParseTestArguments(std::unique_ptr<Expression> test);
  Parsed ParseAttribute(std::unique_ptr<Expression> operand);
  Parsed ParseSubscript(std::unique_ptr<Expression> operand);
  absl::StatusOr<bool> ParseSlice(std::vector<std::unique_ptr<Expression>>* parts);
  absl::Status ParseArguments(Expression* call);
  absl::Status ParseArgument(Expression* call);
  absl::StatusOr<std::string> ParseDottedName(std::string_view what);
  bool AtTupleEnd() const;

  TokenStream& tokens_;
  int nesting_ = 0;
};

}  // namespace foregate::jinja

#endif  // FOREGATE_SERVER_TEXT_TEMPLATE_EXPRESSION_PARSER_H_
