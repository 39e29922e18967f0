#include "server/text/template/parser.h"

#include <algorithm>
#include <initializer_list>
#include <utility>

#include "kernels/base/status_macros.h"
#include "server/text/template/expression_parser.h"
#include "server/text/template/lexer.h"
#include "server/text/template/limits.h"
#include "server/text/template/scopes.h"

namespace foregate::jinja {
namespace {

class Parser {
 public:
  explicit Parser(std::vector<Token> tokens) : tokens_(std::move(tokens)), expressions_(&tokens_) {}

  absl::StatusOr<std::unique_ptr<Template>> Run() {
    auto result = std::make_unique<Template>();
    FOREGATE_ASSIGN_OR_RETURN(result->body, ParseBody({}));
    result->names = tokens_.TakeNames();
    FOREGATE_RETURN_IF_ERROR(ResolveScopes(result.get()));
    return result;
  }

 private:
  using Kind = Statement::Kind;
  using StatementPtr = std::unique_ptr<Statement>;
  using Parsed = absl::StatusOr<StatementPtr>;

  StatementPtr Make(Kind kind) const {
    auto statement = std::make_unique<Statement>();
    statement->kind = kind;
    statement->place = {tokens_.current().line, tokens_.current().column};
    return statement;
  }

  // Statements up to a tag named in `ends`, whose name becomes the current token; without `ends`, up to the end.
  absl::StatusOr<Body> ParseBody(std::initializer_list<std::string_view> ends) {
    if (++depth_ > Limits::kMaxStatementDepth) return tokens_.Error("blocks are nested too deeply");
    Body body;
    while (true) {
      if (tokens_.Is(Token::Kind::kEnd)) {
        if (ends.size() == 0) break;
        return tokens_.Error("Unexpected end of template, expected '" + std::string(*(ends.end() - 1)) + "'");
      }
      if (tokens_.Is(Token::Kind::kText)) {
        StatementPtr text = Make(Kind::kText);
        text->text = tokens_.current().text;
        tokens_.Next();
        body.push_back(std::move(text));
      } else if (tokens_.Is(Token::Kind::kVariableBegin)) {
        tokens_.Next();
        StatementPtr output = Make(Kind::kOutput);
        FOREGATE_ASSIGN_OR_RETURN(output->expression, expressions_.ParseTuple(true));
        FOREGATE_RETURN_IF_ERROR(tokens_.Expect(Token::Kind::kVariableEnd, "end of print statement"));
        body.push_back(std::move(output));
      } else {
        FOREGATE_RETURN_IF_ERROR(tokens_.Expect(Token::Kind::kBlockBegin, "a tag"));
        const bool at_end = std::any_of(ends.begin(), ends.end(), [&](auto end) { return tokens_.IsName(end); });
        if (at_end) break;
        if (tokens_.SkipName("print")) {
          FOREGATE_RETURN_IF_ERROR(ParsePrint(&body));
        } else {
          FOREGATE_ASSIGN_OR_RETURN(StatementPtr statement, ParseStatement());
          body.push_back(std::move(statement));
        }
        FOREGATE_RETURN_IF_ERROR(tokens_.Expect(Token::Kind::kBlockEnd, "end of statement block"));
      }
    }
    --depth_;
    return body;
  }

  static bool HasAttribute(const Expression& target) {
    return target.kind == Expression::Kind::kAttribute ||
           std::ranges::any_of(target.operands, [](const auto& part) { return HasAttribute(*part); });
  }

  absl::Status EndOfTag() { return tokens_.Expect(Token::Kind::kBlockEnd, "end of statement block"); }

  // The rest of a block tag, its body, and the name of its end tag.
  absl::StatusOr<Body> ParseBlock(std::string_view end) {
    FOREGATE_RETURN_IF_ERROR(EndOfTag());
    FOREGATE_ASSIGN_OR_RETURN(Body body, ParseBody({end}));
    tokens_.Next();
    return body;
  }

  Parsed ParseStatement() {
    if (!tokens_.Is(Token::Kind::kName)) return tokens_.Unexpected("a tag's name");
    const std::string tag = tokens_.current().text;
    if (tag == "if") return ParseIf();
    if (tag == "for") return ParseFor();
    if (tag == "set") return ParseSet();
    if (tag == "macro") return ParseMacro();
    if (tag == "call") return ParseCallBlock();
    if (tag == "filter") return ParseFilterBlock();
    if (tag == "with") return ParseWith();
    if (tag == "generation") {
      StatementPtr block = Make(Kind::kCallBlock);
      block->name = "caller";
      tokens_.Next();
      FOREGATE_ASSIGN_OR_RETURN(block->body, ParseMacroBody("endgeneration"));
      return block;
    }
    if (tag == "break" || tag == "continue") {
      if (loops_ == 0) return tokens_.Error("'" + tag + "' outside of a loop");
      StatementPtr jump = Make(tag == "break" ? Kind::kBreak : Kind::kContinue);
      tokens_.Next();
      return jump;
    }
    for (const char* other : {"include", "import", "from", "extends", "block"}) {
      if (tag == other) return tokens_.Error("a chat template stands alone: '" + tag + "' is not supported");
    }
    return tokens_.Error("Encountered unknown tag '" + tag + "'");
  }

  absl::Status ParsePrint(Body* body) {
    for (bool first = true; !tokens_.Is(Token::Kind::kBlockEnd); first = false) {
      if (!first) FOREGATE_RETURN_IF_ERROR(tokens_.ExpectOperator(","));
      StatementPtr output = Make(Kind::kOutput);
      FOREGATE_ASSIGN_OR_RETURN(output->expression, expressions_.Parse());
      body->push_back(std::move(output));
    }
    return absl::OkStatus();
  }

  Parsed ParseIf() {
    StatementPtr statement = Make(Kind::kIf);
    do {
      tokens_.Next();  // "if" or "elif"
      Statement::Branch branch;
      FOREGATE_ASSIGN_OR_RETURN(branch.test, expressions_.ParseTuple(false));
      FOREGATE_RETURN_IF_ERROR(EndOfTag());
      FOREGATE_ASSIGN_OR_RETURN(branch.body, ParseBody({"elif", "else", "endif"}));
      statement->branches.push_back(std::move(branch));
    } while (tokens_.IsName("elif"));
    if (tokens_.SkipName("else")) {
      FOREGATE_ASSIGN_OR_RETURN(statement->otherwise, ParseBlock("endif"));
    } else {
      tokens_.Next();
    }
    return statement;
  }

  Parsed ParseFor() {
    StatementPtr statement = Make(Kind::kFor);
    tokens_.Next();
    FOREGATE_ASSIGN_OR_RETURN(statement->target, expressions_.ParseTarget(true));
    if (HasAttribute(*statement->target)) return tokens_.Error("a loop cannot assign to an attribute");
    FOREGATE_RETURN_IF_ERROR(tokens_.ExpectName("in"));
    FOREGATE_ASSIGN_OR_RETURN(statement->expression, expressions_.ParseTuple(false));
    if (tokens_.SkipName("if")) {
      FOREGATE_ASSIGN_OR_RETURN(statement->filter, expressions_.Parse());
    }
    statement->recursive = tokens_.SkipName("recursive");
    FOREGATE_RETURN_IF_ERROR(EndOfTag());
    ++loops_;
    FOREGATE_ASSIGN_OR_RETURN(statement->body, ParseBody({"else", "endfor"}));
    --loops_;
    if (tokens_.SkipName("else")) {
      FOREGATE_ASSIGN_OR_RETURN(statement->otherwise, ParseBlock("endfor"));
    } else {
      tokens_.Next();
    }
    return statement;
  }

  Parsed ParseSet() {
    StatementPtr statement = Make(Kind::kSet);
    tokens_.Next();
    FOREGATE_ASSIGN_OR_RETURN(statement->target, expressions_.ParseTarget(true));
    if (tokens_.SkipOperator("=")) {
      FOREGATE_ASSIGN_OR_RETURN(statement->expression, expressions_.ParseTuple(true));
      return statement;
    }
    statement->kind = Kind::kSetBlock;
    FOREGATE_ASSIGN_OR_RETURN(statement->expression, expressions_.ParseFilterChain(nullptr, false));
    FOREGATE_ASSIGN_OR_RETURN(statement->body, ParseBlock("endset"));
    return statement;
  }

  absl::StatusOr<std::string> ParseNewName(std::string_view what) {
    if (!tokens_.Is(Token::Kind::kName)) return tokens_.Unexpected(what);
    std::string name = tokens_.current().text;
    for (const char* constant : {"true", "false", "none", "True", "False", "None"}) {
      if (name == constant) return tokens_.Error("can't assign to '" + name + "'");
    }
    tokens_.Next();
    return name;
  }

  absl::Status ParseParameters(Statement* statement) {
    FOREGATE_RETURN_IF_ERROR(tokens_.ExpectOperator("("));
    while (!tokens_.IsOperator(")")) {
      if (!statement->parameters.empty()) FOREGATE_RETURN_IF_ERROR(tokens_.ExpectOperator(","));
      Statement::Parameter parameter;
      FOREGATE_ASSIGN_OR_RETURN(parameter.name, ParseNewName("a parameter's name"));
      parameter.name_id = tokens_.NameId(parameter.name);
      if (std::ranges::any_of(statement->parameters, [&](const auto& p) { return p.name == parameter.name; })) {
        return tokens_.Error("duplicate argument '" + parameter.name + "' in function definition");
      }
      if (tokens_.SkipOperator("=")) {
        FOREGATE_ASSIGN_OR_RETURN(parameter.default_value, expressions_.Parse());
      } else if (!statement->parameters.empty() && statement->parameters.back().default_value != nullptr) {
        return tokens_.Error("non-default argument follows default argument");
      }
      statement->parameters.push_back(std::move(parameter));
    }
    tokens_.Next();
    return absl::OkStatus();
  }

  // The body of a macro is outside of the loop around it.
  absl::StatusOr<Body> ParseMacroBody(std::string_view end) {
    const int loops = std::exchange(loops_, 0);
    absl::StatusOr<Body> body = ParseBlock(end);
    loops_ = loops;
    return body;
  }

  Parsed ParseMacro() {
    StatementPtr statement = Make(Kind::kMacro);
    tokens_.Next();
    FOREGATE_ASSIGN_OR_RETURN(statement->name, ParseNewName("a macro's name"));
    statement->name_id = tokens_.NameId(statement->name);
    FOREGATE_RETURN_IF_ERROR(ParseParameters(statement.get()));
    FOREGATE_ASSIGN_OR_RETURN(statement->body, ParseMacroBody("endmacro"));
    return statement;
  }

  Parsed ParseCallBlock() {
    StatementPtr statement = Make(Kind::kCallBlock);
    tokens_.Next();
    statement->name = "caller";
    statement->name_id = tokens_.NameId("caller");
    if (tokens_.IsOperator("(")) FOREGATE_RETURN_IF_ERROR(ParseParameters(statement.get()));
    FOREGATE_ASSIGN_OR_RETURN(statement->expression, expressions_.Parse());
    if (statement->expression->kind != Expression::Kind::kCall) return tokens_.Error("expected a call");
    FOREGATE_ASSIGN_OR_RETURN(statement->body, ParseMacroBody("endcall"));
    return statement;
  }

  Parsed ParseFilterBlock() {
    StatementPtr statement = Make(Kind::kFilterBlock);
    tokens_.Next();
    FOREGATE_ASSIGN_OR_RETURN(statement->expression, expressions_.ParseFilterChain(nullptr, true));
    FOREGATE_ASSIGN_OR_RETURN(statement->body, ParseBlock("endfilter"));
    return statement;
  }

  Parsed ParseWith() {
    StatementPtr statement = Make(Kind::kWith);
    tokens_.Next();
    while (!tokens_.Is(Token::Kind::kBlockEnd)) {
      if (!statement->assignments.empty()) FOREGATE_RETURN_IF_ERROR(tokens_.ExpectOperator(","));
      Statement::Assignment assignment;
      FOREGATE_ASSIGN_OR_RETURN(assignment.target, expressions_.ParseTarget(true));
      if (HasAttribute(*assignment.target)) return tokens_.Error("'with' cannot assign to an attribute");
      FOREGATE_RETURN_IF_ERROR(tokens_.ExpectOperator("="));
      FOREGATE_ASSIGN_OR_RETURN(assignment.value, expressions_.Parse());
      statement->assignments.push_back(std::move(assignment));
    }
    FOREGATE_ASSIGN_OR_RETURN(statement->body, ParseBlock("endwith"));
    return statement;
  }

  TokenStream tokens_;
  ExpressionParser expressions_;
  int depth_ = 0;
  int loops_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<const Template>> ParseTemplate(std::string_view source, std::string name_for_errors) {
  if (source.size() > Limits::kMaxSourceBytes) {
    return absl::InvalidArgumentError(name_for_errors + ": " + std::to_string(source.size()) +
                                      " bytes of template, limit " + std::to_string(Limits::kMaxSourceBytes));
  }
  const auto in_file = [&](const absl::Status& status) {
    return absl::InvalidArgumentError(name_for_errors + ": " + std::string(status.message()));
  };
  auto tokens = Tokenize(source);
  if (!tokens.ok()) return in_file(tokens.status());
  auto parsed = Parser(*std::move(tokens)).Run();
  if (!parsed.ok()) return in_file(parsed.status());
  (*parsed)->name = std::move(name_for_errors);
  return std::unique_ptr<const Template>(*std::move(parsed));
}

}  // namespace foregate::jinja
