#include "server/text/template/expression_parser.h"

#include <algorithm>

#include "kernels/base/status_macros.h"
#include "server/text/template/limits.h"

namespace foregate::jinja {

using Kind = Expression::Kind;
using ExprPtr = std::unique_ptr<Expression>;
using Parsed = ExpressionParser::Parsed;

ExprPtr ExpressionParser::Make(Kind kind) const {
  auto expression = std::make_unique<Expression>();
  expression->kind = kind;
  expression->place = {tokens_.current().line, tokens_.current().column};
  return expression;
}

Parsed ExpressionParser::Finish(ExprPtr expression) const {
  for (const auto& operand : expression->operands) {
    if (operand != nullptr) expression->depth = std::max(expression->depth, operand->depth + 1);
  }
  for (const auto& argument : expression->named) {
    expression->depth = std::max(expression->depth, argument.second->depth + 1);
  }
  for (const auto* argument : {&expression->star, &expression->star_star}) {
    if (*argument != nullptr) expression->depth = std::max(expression->depth, (*argument)->depth + 1);
  }
  if (expression->depth > Limits::kMaxExpressionDepth) return tokens_.Error("expression is nested too deeply");
  return expression;
}

Parsed ExpressionParser::Pair(Kind kind, ExprPtr left, ExprPtr right) const {
  ExprPtr pair = Make(kind);
  pair->place = left->place;
  pair->operands.push_back(std::move(left));
  pair->operands.push_back(std::move(right));
  return Finish(std::move(pair));
}

Parsed ExpressionParser::Parse(bool with_condition) {
  if (nesting_ >= Limits::kMaxExpressionDepth) return tokens_.Error("expression is nested too deeply");
  ++nesting_;
  Parsed expression = with_condition ? ParseCondition() : ParseOr();
  --nesting_;
  return expression;
}

Parsed ExpressionParser::ParseCondition() {
  FOREGATE_ASSIGN_OR_RETURN(ExprPtr value, ParseOr());
  while (tokens_.SkipName("if")) {
    ExprPtr condition = Make(Kind::kCondition);
    FOREGATE_ASSIGN_OR_RETURN(ExprPtr test, ParseOr());
    ExprPtr otherwise;
    if (tokens_.SkipName("else")) {
      FOREGATE_ASSIGN_OR_RETURN(otherwise, Parse());
    }
    condition->operands.push_back(std::move(test));
    condition->operands.push_back(std::move(value));
    condition->operands.push_back(std::move(otherwise));
    FOREGATE_ASSIGN_OR_RETURN(value, Finish(std::move(condition)));
  }
  return value;
}

Parsed ExpressionParser::ParseOr() {
  FOREGATE_ASSIGN_OR_RETURN(ExprPtr left, ParseAnd());
  while (tokens_.SkipName("or")) {
    FOREGATE_ASSIGN_OR_RETURN(ExprPtr right, ParseAnd());
    FOREGATE_ASSIGN_OR_RETURN(left, Pair(Kind::kOr, std::move(left), std::move(right)));
  }
  return left;
}

Parsed ExpressionParser::ParseAnd() {
  FOREGATE_ASSIGN_OR_RETURN(ExprPtr left, ParseNot());
  while (tokens_.SkipName("and")) {
    FOREGATE_ASSIGN_OR_RETURN(ExprPtr right, ParseNot());
    FOREGATE_ASSIGN_OR_RETURN(left, Pair(Kind::kAnd, std::move(left), std::move(right)));
  }
  return left;
}

Parsed ExpressionParser::ParseNot() {
  int count = 0;
  while (tokens_.SkipName("not")) ++count;
  if (count > Limits::kMaxExpressionDepth) return tokens_.Error("expression is nested too deeply");
  FOREGATE_ASSIGN_OR_RETURN(ExprPtr operand, ParseCompare());
  for (; count > 0; --count) {
    ExprPtr negation = Make(Kind::kNot);
    negation->operands.push_back(std::move(operand));
    FOREGATE_ASSIGN_OR_RETURN(operand, Finish(std::move(negation)));
  }
  return operand;
}

Parsed ExpressionParser::ParseCompare() {
  static constexpr std::pair<std::string_view, Comparison> kSymbols[] = {
      {"==", Comparison::kEqual},     {"!=", Comparison::kNotEqual}, {"<", Comparison::kLess},
      {"<=", Comparison::kLessEqual}, {">", Comparison::kGreater},   {">=", Comparison::kGreaterEqual}};
  FOREGATE_ASSIGN_OR_RETURN(ExprPtr first, ParseSum());
  ExprPtr compare = Make(Kind::kCompare);
  while (true) {
    const auto symbol = std::ranges::find_if(kSymbols, [&](const auto& s) { return tokens_.IsOperator(s.first); });
    if (symbol != std::end(kSymbols)) {
      compare->comparisons.push_back(symbol->second);
      tokens_.Next();
    } else if (tokens_.SkipName("in")) {
      compare->comparisons.push_back(Comparison::kIn);
    } else if (tokens_.IsName("not") && tokens_.ahead().kind == Token::Kind::kName && tokens_.ahead().text == "in") {
      tokens_.Next();
      tokens_.Next();
      compare->comparisons.push_back(Comparison::kNotIn);
    } else {
      break;
    }
    if (first != nullptr) compare->operands.push_back(std::move(first));
    FOREGATE_ASSIGN_OR_RETURN(ExprPtr next, ParseSum());
    compare->operands.push_back(std::move(next));
  }
  return compare->comparisons.empty() ? Parsed(std::move(first)) : Finish(std::move(compare));
}

Parsed ExpressionParser::ParseSum() {
  FOREGATE_ASSIGN_OR_RETURN(ExprPtr left, ParseConcat());
  while (tokens_.IsOperator("+") || tokens_.IsOperator("-")) {
    const BinaryOperator binary = tokens_.IsOperator("+") ? BinaryOperator::kAdd : BinaryOperator::kSubtract;
    tokens_.Next();
    FOREGATE_ASSIGN_OR_RETURN(ExprPtr right, ParseConcat());
    FOREGATE_ASSIGN_OR_RETURN(left, Pair(Kind::kBinary, std::move(left), std::move(right)));
    left->binary = binary;
  }
  return left;
}

Parsed ExpressionParser::ParseConcat() {
  FOREGATE_ASSIGN_OR_RETURN(ExprPtr first, ParseProduct());
  if (!tokens_.IsOperator("~")) return first;
  ExprPtr concat = Make(Kind::kConcat);
  concat->operands.push_back(std::move(first));
  while (tokens_.SkipOperator("~")) {
    FOREGATE_ASSIGN_OR_RETURN(ExprPtr next, ParseProduct());
    concat->operands.push_back(std::move(next));
  }
  return Finish(std::move(concat));
}

Parsed ExpressionParser::ParseProduct() {
  static constexpr std::pair<std::string_view, BinaryOperator> kSymbols[] = {{"*", BinaryOperator::kMultiply},
                                                                             {"/", BinaryOperator::kDivide},
                                                                             {"//", BinaryOperator::kFloorDivide},
                                                                             {"%", BinaryOperator::kModulo}};
  FOREGATE_ASSIGN_OR_RETURN(ExprPtr left, ParsePower());
  while (true) {
    const auto symbol = std::ranges::find_if(kSymbols, [&](const auto& s) { return tokens_.IsOperator(s.first); });
    if (symbol == std::end(kSymbols)) return left;
    tokens_.Next();
    FOREGATE_ASSIGN_OR_RETURN(ExprPtr right, ParsePower());
    FOREGATE_ASSIGN_OR_RETURN(left, Pair(Kind::kBinary, std::move(left), std::move(right)));
    left->binary = symbol->second;
  }
}

Parsed ExpressionParser::ParsePower() {
  FOREGATE_ASSIGN_OR_RETURN(ExprPtr left, ParseUnary(true));
  while (tokens_.SkipOperator("**")) {
    FOREGATE_ASSIGN_OR_RETURN(ExprPtr right, ParseUnary(true));
    FOREGATE_ASSIGN_OR_RETURN(left, Pair(Kind::kBinary, std::move(left), std::move(right)));
    left->binary = BinaryOperator::kPower;
  }
  return left;
}

Parsed ExpressionParser::ParseUnary(bool with_filter) {
  ExprPtr operand;
  if (tokens_.IsOperator("-") || tokens_.IsOperator("+")) {
    if (nesting_ >= Limits::kMaxExpressionDepth) return tokens_.Error("expression is nested too deeply");
    ExprPtr sign = Make(tokens_.IsOperator("-") ? Kind::kNegate : Kind::kPositive);
    tokens_.Next();
    ++nesting_;
    Parsed inner = ParseUnary(false);
    --nesting_;
    if (!inner.ok()) return inner;
    sign->operands.push_back(*std::move(inner));
    FOREGATE_ASSIGN_OR_RETURN(operand, Finish(std::move(sign)));
  } else {
    FOREGATE_ASSIGN_OR_RETURN(operand, ParsePrimary());
  }
  FOREGATE_ASSIGN_OR_RETURN(operand, ParsePostfix(std::move(operand)));
  return with_filter ? ParseFilters(std::move(operand)) : Parsed(std::move(operand));
}

bool ExpressionParser::AtTupleEnd() const {
  return tokens_.Is(Token::Kind::kVariableEnd) || tokens_.Is(Token::Kind::kBlockEnd) || tokens_.IsOperator(")");
}

Parsed ExpressionParser::ParseTuple(bool with_condition) {
  ExprPtr tuple = Make(Kind::kTuple);
  bool is_tuple = false;
  do {
    if (AtTupleEnd()) break;
    FOREGATE_ASSIGN_OR_RETURN(ExprPtr item, Parse(with_condition));
    tuple->operands.push_back(std::move(item));
  } while (tokens_.SkipOperator(",") && (is_tuple = true));
  if (is_tuple) return Finish(std::move(tuple));
  if (tuple->operands.empty()) return tokens_.Unexpected("an expression");
  return std::move(tuple->operands[0]);
}

Parsed ExpressionParser::ParseTarget(bool with_tuple) {
  ExprPtr tuple = Make(Kind::kTuple);
  bool is_tuple = false;
  do {
    if (!tuple->operands.empty() && AtTupleEnd()) break;
    if (with_tuple && tokens_.SkipOperator("(")) {
      if (nesting_ >= Limits::kMaxExpressionDepth) return tokens_.Error("expression is nested too deeply");
      ++nesting_;
      Parsed inner = ParseTarget(true);
      --nesting_;
      if (!inner.ok()) return inner;
      FOREGATE_RETURN_IF_ERROR(tokens_.ExpectOperator(")"));
      tuple->operands.push_back(*std::move(inner));
      continue;
    }
    if (!tokens_.Is(Token::Kind::kName)) return tokens_.Unexpected("a name to assign to");
    FOREGATE_ASSIGN_OR_RETURN(ExprPtr target, ParseNameOrConstant());
    if (target->kind != Kind::kName) return tokens_.Error("can't assign to a constant");
    if (tokens_.IsOperator(".")) {
      FOREGATE_ASSIGN_OR_RETURN(target, ParseAttribute(std::move(target)));
    }
    tuple->operands.push_back(std::move(target));
  } while (with_tuple && tokens_.SkipOperator(",") && (is_tuple = true));
  if (is_tuple) return Finish(std::move(tuple));
  return std::move(tuple->operands[0]);
}

}  // namespace foregate::jinja
