#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "kernels/base/status_macros.h"
#include "server/text/template/builtins.h"
#include "server/text/template/expression_parser.h"
#include "server/text/template/limits.h"

// What operators work on: names, literals, and what follows them: attributes, items, calls, filters and tests.
namespace foregate::jinja {

using Kind = Expression::Kind;
using ExprPtr = std::unique_ptr<Expression>;
using Parsed = ExpressionParser::Parsed;

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
      literal->constant.Set(Value::String(std::move(text)));
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
    expression->constant.Set(Value::Bool(true));
  } else if (name == "false" || name == "False") {
    expression->constant.Set(Value::Bool(false));
  } else if (name != "none" && name != "None") {
    expression->kind = Kind::kName;
    expression->name = name;
    expression->name_id = tokens_.NameId(name);
    expression->constant.Set(Value::MakeUndefined("'" + name + "' is undefined"));
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
  if (is_float) {
    double number = 0;
    const auto result = std::from_chars(begin, end, number);
    if (result.ec == std::errc::result_out_of_range) number = std::strtod(digits.c_str(), nullptr);  // 0 or infinite
    expression->constant.Set(Value::Float(number));
  } else {
    const auto integer = BigInt::Parse({begin, static_cast<size_t>(end - begin)}, base);
    if (!integer.has_value() || integer->too_large()) return tokens_.Error("an integer of more than 4300 digits");
    expression->constant.Set(Value::Big(*integer));
  }
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

Parsed ExpressionParser::ParsePostfix(ExprPtr operand) {
  while (true) {
    if (tokens_.IsOperator(".")) {
      FOREGATE_ASSIGN_OR_RETURN(operand, ParseAttribute(std::move(operand)));
    } else if (tokens_.IsOperator("[")) {
      FOREGATE_ASSIGN_OR_RETURN(operand, ParseSubscript(std::move(operand)));
    } else if (tokens_.IsOperator("(")) {
      ExprPtr call = Make(Kind::kCall);
      call->place = operand->place;
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
      call->place = operand->place;
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
  attribute->members = FindMembers(attribute->name);
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
  if (tokens_.IsOperator("]")) {  // the empty tuple
    ExprPtr item = Make(Kind::kItem);
    item->operands.push_back(std::move(operand));
    item->operands.push_back(Make(Kind::kTuple));
    tokens_.Next();
    return Finish(std::move(item));
  }
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
    FOREGATE_RETURN_IF_ERROR(ParseArgument(call));
  }
  tokens_.Next();
  return absl::OkStatus();
}

absl::Status ExpressionParser::ParseArgument(Expression* call) {
  const auto misplaced = [&] { return tokens_.Error("an argument in the wrong order"); };
  if (tokens_.SkipOperator("*")) {
    if (call->star != nullptr || call->star_star != nullptr) return misplaced();
    FOREGATE_ASSIGN_OR_RETURN(call->star, Parse());
    return absl::OkStatus();
  }
  if (tokens_.SkipOperator("**")) {
    if (call->star_star != nullptr) return misplaced();
    FOREGATE_ASSIGN_OR_RETURN(call->star_star, Parse());
    return absl::OkStatus();
  }
  if (call->star_star != nullptr) return misplaced();
  const bool is_named =
      tokens_.Is(Token::Kind::kName) && tokens_.ahead().kind == Token::Kind::kOperator && tokens_.ahead().text == "=";
  if (!is_named) {
    if (call->star != nullptr || !call->named.empty()) return misplaced();
    FOREGATE_ASSIGN_OR_RETURN(ExprPtr value, Parse());
    call->operands.push_back(std::move(value));
    return absl::OkStatus();
  }
  std::string name = tokens_.current().text;
  if (std::ranges::any_of(call->named, [&](const auto& known) { return known.first == name; })) {
    return tokens_.Error("keyword argument repeated: " + name);
  }
  tokens_.Next();
  tokens_.Next();
  FOREGATE_ASSIGN_OR_RETURN(ExprPtr value, Parse());
  call->named.emplace_back(std::move(name), std::move(value));
  return absl::OkStatus();
}

}  // namespace foregate::jinja
