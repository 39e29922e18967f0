#include "server/text/template/expression_parser.h"

#include <algorithm>
#include <charconv>

#include "kernels/base/status_macros.h"
#include "server/text/template/limits.h"

namespace foregate::jinja {

using Kind = Expression::Kind;
using ExprPtr = std::unique_ptr<Expression>;
using Parsed = ExpressionParser::Parsed;

ExprPtr ExpressionParser::Make(Kind kind) const {
  auto expression = std::make_unique<Expression>();
  expression->kind = kind;
  expression->line = tokens_.current().line;
  return expression;
}

Parsed ExpressionParser::Finish(ExprPtr expression) const {
  for (const auto& operand : expression->operands) {
    if (operand != nullptr) expression->depth = std::max(expression->depth, operand->depth + 1);
  }
  for (const auto& argument : expression->named) {
    expression->depth = std::max(expression->depth, argument.second->depth + 1);
  }
  if (expression->depth > Limits::kMaxExpressionDepth) return tokens_.Error("expression is nested too deeply");
  return expression;
}

Parsed ExpressionParser::Pair(Kind kind, ExprPtr left, ExprPtr right) const {
  ExprPtr pair = Make(kind);
  pair->line = left->line;
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

Parsed ExpressionParser::ParsePrimary() {
  switch (tokens_.current().kind) {
    case Token::Kind::kName:
      return ParseNameOrConstant();
    case Token::Kind::kInteger:
    case Token::Kind::kFloat:
      return ParseNumber();
    case Token::Kind::kString: {
      ExprPtr literal = Make(Kind::kConstant);
      std::string text;
      for (; tokens_.Is(Token::Kind::kString); tokens_.Next()) text += tokens_.current().text;
      literal->constant = Value::String(std::move(text));
      return literal;
    }
    default:
      break;
  }
  if (tokens_.IsOperator("(")) return ParseParentheses();
  if (tokens_.IsOperator("[")) return ParseListLiteral();
  if (tokens_.IsOperator("{")) return ParseDictLiteral();
  return tokens_.Unexpected("an expression");
}

Parsed ExpressionParser::ParseNameOrConstant() {
  const std::string& name = tokens_.current().text;
  ExprPtr expression = Make(Kind::kConstant);
  if (name == "true" || name == "True") {
    expression->constant = Value::Bool(true);
  } else if (name == "false" || name == "False") {
    expression->constant = Value::Bool(false);
  } else if (name != "none" && name != "None") {
    expression->kind = Kind::kName;
    expression->name = name;
    expression->name_id = tokens_.NameId(name);
  }
  tokens_.Next();
  return expression;
}

Parsed ExpressionParser::ParseNumber() {
  ExprPtr expression = Make(Kind::kConstant);
  std::string digits = tokens_.current().text;
  std::erase(digits, '_');
  const bool is_float = tokens_.Is(Token::Kind::kFloat);
  const char prefix = digits.size() > 2 && digits[0] == '0' ? static_cast<char>(digits[1] | 0x20) : '0';
  const int base = prefix == 'x' ? 16 : prefix == 'o' ? 8 : prefix == 'b' ? 2 : 10;
  const char* begin = digits.data() + (base == 10 ? 0 : 2);
  const char* end = digits.data() + digits.size();
  int64_t integer = 0;
  double number = 0;
  const auto result = is_float ? std::from_chars(begin, end, number) : std::from_chars(begin, end, integer, base);
  if (result.ec != std::errc() || result.ptr != end) return tokens_.Error("number out of range: " + digits);
  expression->constant = is_float ? Value::Float(number) : Value::Int(integer);
  tokens_.Next();
  return expression;
}

Parsed ExpressionParser::ParseParentheses() {
  tokens_.Next();
  if (tokens_.SkipOperator(")")) return Make(Kind::kTuple);
  FOREGATE_ASSIGN_OR_RETURN(ExprPtr inner, ParseTuple(true));
  FOREGATE_RETURN_IF_ERROR(tokens_.ExpectOperator(")"));
  return inner;
}

Parsed ExpressionParser::ParseListLiteral() {
  ExprPtr list = Make(Kind::kList);
  tokens_.Next();
  while (!tokens_.IsOperator("]")) {
    if (!list->operands.empty()) FOREGATE_RETURN_IF_ERROR(tokens_.ExpectOperator(","));
    if (tokens_.IsOperator("]")) break;
    FOREGATE_ASSIGN_OR_RETURN(ExprPtr item, Parse());
    list->operands.push_back(std::move(item));
  }
  tokens_.Next();
  return Finish(std::move(list));
}

Parsed ExpressionParser::ParseDictLiteral() {
  ExprPtr dict = Make(Kind::kDict);
  tokens_.Next();
  while (!tokens_.IsOperator("}")) {
    if (!dict->operands.empty()) FOREGATE_RETURN_IF_ERROR(tokens_.ExpectOperator(","));
    if (tokens_.IsOperator("}")) break;
    FOREGATE_ASSIGN_OR_RETURN(ExprPtr key, Parse());
    FOREGATE_RETURN_IF_ERROR(tokens_.ExpectOperator(":"));
    FOREGATE_ASSIGN_OR_RETURN(ExprPtr value, Parse());
    dict->operands.push_back(std::move(key));
    dict->operands.push_back(std::move(value));
  }
  tokens_.Next();
  return Finish(std::move(dict));
}

bool ExpressionParser::AtTupleEnd(std::string_view end_name) const {
  return tokens_.Is(Token::Kind::kVariableEnd) || tokens_.Is(Token::Kind::kBlockEnd) || tokens_.IsOperator(")") ||
         (!end_name.empty() && tokens_.IsName(end_name));
}

Parsed ExpressionParser::ParseTuple(bool with_condition, std::string_view end_name) {
  ExprPtr tuple = Make(Kind::kTuple);
  bool is_tuple = false;
  do {
    if (AtTupleEnd(end_name)) break;
    FOREGATE_ASSIGN_OR_RETURN(ExprPtr item, Parse(with_condition));
    tuple->operands.push_back(std::move(item));
  } while (tokens_.SkipOperator(",") && (is_tuple = true));
  if (is_tuple) return Finish(std::move(tuple));
  if (tuple->operands.empty()) return tokens_.Unexpected("an expression");
  return std::unique_ptr<Expression>(const_cast<Expression*>(tuple->operands[0].release()));
}

Parsed ExpressionParser::ParseTarget(bool with_tuple, std::string_view end_name) {
  ExprPtr tuple = Make(Kind::kTuple);
  bool is_tuple = false;
  do {
    if (!tuple->operands.empty() && (tokens_.IsOperator("=") || AtTupleEnd(end_name))) break;
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
  return std::unique_ptr<Expression>(const_cast<Expression*>(tuple->operands[0].release()));
}

Parsed ExpressionParser::ParsePostfix(ExprPtr operand) {
  while (true) {
    if (tokens_.IsOperator(".")) {
      FOREGATE_ASSIGN_OR_RETURN(operand, ParseAttribute(std::move(operand)));
    } else if (tokens_.IsOperator("[")) {
      FOREGATE_ASSIGN_OR_RETURN(operand, ParseSubscript(std::move(operand)));
    } else if (tokens_.IsOperator("(")) {
      ExprPtr call = Make(Kind::kCall);
      call->operands.push_back(std::move(operand));
      FOREGATE_RETURN_IF_ERROR(ParseArguments(call.get()));
      FOREGATE_ASSIGN_OR_RETURN(operand, Finish(std::move(call)));
    } else {
      return operand;
    }
  }
}

Parsed ExpressionParser::ParseFilters(ExprPtr operand) {
  while (true) {
    if (tokens_.IsOperator("|")) {
      FOREGATE_ASSIGN_OR_RETURN(operand, ParseFilterChain(std::move(operand), false));
    } else if (tokens_.IsName("is")) {
      FOREGATE_ASSIGN_OR_RETURN(operand, ParseTest(std::move(operand)));
    } else if (tokens_.IsOperator("(")) {
      ExprPtr call = Make(Kind::kCall);
      call->operands.push_back(std::move(operand));
      FOREGATE_RETURN_IF_ERROR(ParseArguments(call.get()));
      FOREGATE_ASSIGN_OR_RETURN(operand, Finish(std::move(call)));
    } else {
      return operand;
    }
  }
}

Parsed ExpressionParser::ParseFilterChain(ExprPtr operand, bool starts_inline) {
  while (starts_inline || tokens_.SkipOperator("|")) {
    starts_inline = false;
    ExprPtr filter = Make(Kind::kFilter);
    FOREGATE_ASSIGN_OR_RETURN(filter->name, ParseDottedName("a filter's name"));
    filter->operands.push_back(std::move(operand));
    if (tokens_.IsOperator("(")) FOREGATE_RETURN_IF_ERROR(ParseArguments(filter.get()));
    FOREGATE_ASSIGN_OR_RETURN(operand, Finish(std::move(filter)));
  }
  return operand;
}

absl::StatusOr<std::string> ExpressionParser::ParseDottedName(std::string_view what) {
  std::string name;
  do {
    if (!tokens_.Is(Token::Kind::kName)) return tokens_.Unexpected(what);
    name += (name.empty() ? "" : ".") + tokens_.current().text;
    tokens_.Next();
  } while (tokens_.SkipOperator("."));
  return name;
}

Parsed ExpressionParser::ParseTest(ExprPtr operand) {
  ExprPtr test = Make(Kind::kTest);
  tokens_.Next();
  const bool negated = tokens_.SkipName("not");
  FOREGATE_ASSIGN_OR_RETURN(test->name, ParseDottedName("a test's name"));
  test->operands.push_back(std::move(operand));
  FOREGATE_ASSIGN_OR_RETURN(test, ParseTestArguments(std::move(test)));
  if (!negated) return test;
  ExprPtr negation = Make(Kind::kNot);
  negation->operands.push_back(std::move(test));
  return Finish(std::move(negation));
}

Parsed ExpressionParser::ParseTestArguments(ExprPtr test) {
  const Token::Kind kind = tokens_.current().kind;
  const bool begins_operand = kind == Token::Kind::kName || kind == Token::Kind::kString ||
                              kind == Token::Kind::kInteger || kind == Token::Kind::kFloat || tokens_.IsOperator("[") ||
                              tokens_.IsOperator("{");
  if (tokens_.IsOperator("(")) {
    FOREGATE_RETURN_IF_ERROR(ParseArguments(test.get()));
  } else if (begins_operand && !tokens_.IsName("else") && !tokens_.IsName("or") && !tokens_.IsName("and")) {
    if (tokens_.IsName("is")) return tokens_.Error("You cannot chain multiple tests with is");
    FOREGATE_ASSIGN_OR_RETURN(ExprPtr argument, ParsePrimary());
    FOREGATE_ASSIGN_OR_RETURN(argument, ParsePostfix(std::move(argument)));
    test->operands.push_back(std::move(argument));
  }
  return Finish(std::move(test));
}

Parsed ExpressionParser::ParseAttribute(ExprPtr operand) {
  tokens_.Next();
  if (tokens_.Is(Token::Kind::kInteger)) {
    ExprPtr item = Make(Kind::kItem);
    FOREGATE_ASSIGN_OR_RETURN(ExprPtr index, ParseNumber());
    item->operands.push_back(std::move(operand));
    item->operands.push_back(std::move(index));
    return Finish(std::move(item));
  }
  if (!tokens_.Is(Token::Kind::kName)) return tokens_.Unexpected("a name or a number");
  ExprPtr attribute = Make(Kind::kAttribute);
  attribute->name = tokens_.current().text;
  attribute->operands.push_back(std::move(operand));
  tokens_.Next();
  return Finish(std::move(attribute));
}

absl::StatusOr<bool> ExpressionParser::ParseSlice(std::vector<ExprPtr>* parts) {
  const auto at_end = [&] { return tokens_.IsOperator("]") || tokens_.IsOperator(",") || tokens_.IsOperator(":"); };
  bool is_slice = false;
  for (int part = 0; part < 3; ++part) {
    if (part > 0 && !tokens_.SkipOperator(":")) break;
    is_slice = is_slice || part > 0;
    ExprPtr value;
    if (!at_end()) {
      FOREGATE_ASSIGN_OR_RETURN(value, Parse());
    }
    parts->push_back(std::move(value));
  }
  return is_slice;
}

Parsed ExpressionParser::ParseSubscript(ExprPtr operand) {
  tokens_.Next();
  std::vector<ExprPtr> parts;
  FOREGATE_ASSIGN_OR_RETURN(const bool is_slice, ParseSlice(&parts));
  if (!is_slice && parts[0] == nullptr) return tokens_.Unexpected("an index");
  ExprPtr item = Make(is_slice ? Kind::kSlice : Kind::kItem);
  item->operands.push_back(std::move(operand));
  if (!is_slice && tokens_.IsOperator(",")) {
    ExprPtr tuple = Make(Kind::kTuple);
    tuple->operands.push_back(std::move(parts[0]));
    while (tokens_.SkipOperator(",")) {
      FOREGATE_ASSIGN_OR_RETURN(ExprPtr next, Parse());
      tuple->operands.push_back(std::move(next));
    }
    FOREGATE_ASSIGN_OR_RETURN(parts[0], Finish(std::move(tuple)));
  }
  parts.resize(is_slice ? 3 : 1);
  for (ExprPtr& part : parts) item->operands.push_back(std::move(part));
  FOREGATE_RETURN_IF_ERROR(tokens_.ExpectOperator("]"));
  return Finish(std::move(item));
}

absl::Status ExpressionParser::ParseArguments(Expression* call) {
  FOREGATE_RETURN_IF_ERROR(tokens_.ExpectOperator("("));
  bool first = true;
  while (!tokens_.IsOperator(")")) {
    if (!first) FOREGATE_RETURN_IF_ERROR(tokens_.ExpectOperator(","));
    first = false;
    if (tokens_.IsOperator(")")) break;
    if (tokens_.IsOperator("*") || tokens_.IsOperator("**")) {
      return tokens_.Error("* and ** arguments are not supported");
    }
    const bool is_named =
        tokens_.Is(Token::Kind::kName) && tokens_.ahead().kind == Token::Kind::kOperator && tokens_.ahead().text == "=";
    if (!is_named) {
      if (!call->named.empty()) return tokens_.Error("positional argument after a named one");
      FOREGATE_ASSIGN_OR_RETURN(ExprPtr value, Parse());
      call->operands.push_back(std::move(value));
      continue;
    }
    std::string name = tokens_.current().text;
    tokens_.Next();
    tokens_.Next();
    FOREGATE_ASSIGN_OR_RETURN(ExprPtr value, Parse());
    call->named.emplace_back(std::move(name), std::move(value));
  }
  tokens_.Next();
  return absl::OkStatus();
}

}  // namespace foregate::jinja
