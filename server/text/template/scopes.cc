#include "server/text/template/scopes.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "kernels/base/status_macros.h"
#include "server/text/template/builtins.h"
#include "server/text/template/name_search.h"
#include "server/text/template/symbols.h"
#include "server/text/template/token_stream.h"

namespace foregate::jinja {
namespace {

using Kind = Statement::Kind;

// Each condition copies the names of its scope, some hundred in large templates; the limit takes about a second.
constexpr int64_t kMaxCopies = 5'000'000;

// The first pass over a scope: which names it reads and assigns, in order, without the scopes inside of it.
class Analysis {
 public:
  // `copies_left` is what conditions may still copy; negative when they were too many.
  Analysis(Symbols* symbols, int64_t* copies_left) : symbols_(symbols), copies_left_(*copies_left) {}

  void Read(const Expression* expression) {
    if (expression == nullptr) return;
    if (expression->kind == Expression::Kind::kName) symbols_->Load(expression->name_id);
    for (const auto& operand : expression->operands) Read(operand.get());
    for (const auto& [name, value] : expression->named) Read(value.get());
    Read(expression->star.get());
    Read(expression->star_star.get());
  }

  void Assign(const Expression& target, bool as_parameter = false) {
    if (target.kind == Expression::Kind::kAttribute) {
      Read(&target);
    } else if (target.kind == Expression::Kind::kName) {
      if (as_parameter) {
        symbols_->DeclareParameter(target.name_id);
      } else {
        symbols_->Store(target.name_id);
      }
    } else {
      for (const auto& part : target.operands) Assign(*part, as_parameter);
    }
  }

  void Visit(const Body& body) {
    for (const auto& statement : body) Visit(*statement);
  }

 private:
  void Visit(const Statement& statement) {
    switch (statement.kind) {
      case Kind::kOutput:
      case Kind::kFor:
      case Kind::kCallBlock:
      case Kind::kFilterBlock:
        return Read(statement.expression.get());
      case Kind::kSet:
        Read(statement.expression.get());
        return Assign(*statement.target);
      case Kind::kSetBlock:
        return Assign(*statement.target);
      case Kind::kMacro:
        return symbols_->Store(statement.name_id);
      case Kind::kWith:
        for (const auto& assignment : statement.assignments) Read(assignment.value.get());
        return;
      case Kind::kIf:
        return VisitIf(statement, 0);
      case Kind::kText:
      case Kind::kBreak:
      case Kind::kContinue:
        return;
    }
  }

  // An elif is an `if` of its own inside of a branch.
  void VisitIf(const Statement& statement, size_t branch) {
    Read(statement.branches[branch].test.get());
    copies_left_ -= static_cast<int64_t>(3 * symbols_->size() + 1);
    if (copies_left_ < 0) return;
    std::vector<Symbols> outcomes(3, *symbols_);
    Analysis(&outcomes[0], &copies_left_).Visit(statement.branches[branch].body);
    if (branch == 0) {
      Analysis elifs(&outcomes[1], &copies_left_);
      for (size_t i = 1; i < statement.branches.size(); ++i) elifs.VisitIf(statement, i);
      Analysis(&outcomes[2], &copies_left_).Visit(statement.otherwise);
    }
    symbols_->Merge(outcomes);
  }

  Symbols* symbols_;
  int64_t& copies_left_;
};

std::unique_ptr<Expression> CloneTarget(const Expression& target) {
  auto clone = std::make_unique<Expression>();
  clone->kind = target.kind;
  clone->place = target.place;
  clone->name = target.name;
  clone->name_id = target.name_id;
  for (const auto& part : target.operands) clone->operands.push_back(CloneTarget(*part));
  return clone;
}

// A scope, and whether it stands inside of a condition, where unknown filters are forgiven until they are reached.
struct Scope {
  const Symbols& symbols;
  bool in_condition = false;
};

// The second pass: gives every name its slot.
class Resolver {
 public:
  explicit Resolver(Template* parsed) : parsed_(*parsed) {}

  absl::Status Run() {
    FunctionSlots function(nullptr);
    Symbols symbols(nullptr, &function);
    Analysis(&symbols, &copies_left_).Visit(parsed_.body);
    absl::Status status = Visit(Scope{symbols}, parsed_.body);
    if (copies_left_ < 0) status = TokenStream::ErrorAt({1, 1}, "too many conditions over too many names");
    FOREGATE_RETURN_IF_ERROR(status);
    parsed_.loads = symbols.loads();
    parsed_.num_slots = function.size();
    return absl::OkStatus();
  }

 private:
  int NameId(const std::string& name) {
    const auto found = std::find(parsed_.names.begin(), parsed_.names.end(), name);
    if (found != parsed_.names.end()) return static_cast<int>(found - parsed_.names.begin());
    parsed_.names.push_back(name);
    return static_cast<int>(parsed_.names.size()) - 1;
  }

  absl::Status Resolve(const Scope& scope, int name_id, Place place, Slot* slot) {
    const auto found = scope.symbols.Find(name_id);
    if (!found.has_value()) {  // jinja2 fails so too, in the filters of a set block
      return TokenStream::ErrorAt(place, "'" + parsed_.names[static_cast<size_t>(name_id)] + "' is not known here");
    }
    *slot = *found;
    return absl::OkStatus();
  }

  absl::Status Visit(const Scope& scope, Expression* expression) {
    if (expression == nullptr) return absl::OkStatus();
    using ExpressionKind = Expression::Kind;
    if (expression->kind == ExpressionKind::kName) {
      return Resolve(scope, expression->name_id, expression->place, &expression->slot);
    }
    if (expression->kind == ExpressionKind::kFilter) {
      expression->filter = FindFilter(expression->name);
      FOREGATE_RETURN_IF_ERROR(CheckKnown(scope, *expression, expression->filter != nullptr, "filter"));
    }
    if (expression->kind == ExpressionKind::kTest) {
      expression->test = FindTest(expression->name);
      FOREGATE_RETURN_IF_ERROR(CheckKnown(scope, *expression, expression->test != nullptr, "test"));
    }
    if (expression->kind == ExpressionKind::kCondition && !scope.in_condition) {
      const Scope inner{scope.symbols, true};
      return VisitOperands(inner, expression);
    }
    return VisitOperands(scope, expression);
  }

  absl::Status VisitOperands(const Scope& scope, Expression* expression) {
    for (const auto& operand : expression->operands) FOREGATE_RETURN_IF_ERROR(Visit(scope, operand.get()));
    for (const auto& [name, value] : expression->named) FOREGATE_RETURN_IF_ERROR(Visit(scope, value.get()));
    FOREGATE_RETURN_IF_ERROR(Visit(scope, expression->star.get()));
    return Visit(scope, expression->star_star.get());
  }

  static absl::Status CheckKnown(const Scope& scope, const Expression& expression, bool known, const char* what) {
    if (known || scope.in_condition) return absl::OkStatus();
    return TokenStream::ErrorAt(expression.place, std::string("No ") + what + " named '" + expression.name + "'.");
  }

  absl::Status Visit(const Scope& scope, Body& body) {
    for (const auto& statement : body) FOREGATE_RETURN_IF_ERROR(Visit(scope, statement.get()));
    return absl::OkStatus();
  }

  absl::Status Visit(const Scope& scope, Statement* statement) {
    switch (statement->kind) {
      case Kind::kText:
      case Kind::kBreak:
      case Kind::kContinue:
        return absl::OkStatus();
      case Kind::kOutput:
        return Visit(scope, statement->expression.get());
      case Kind::kSet:
        FOREGATE_RETURN_IF_ERROR(Visit(scope, statement->target.get()));
        return Visit(scope, statement->expression.get());
      case Kind::kIf:
        return VisitIf(scope, statement);
      case Kind::kFor:
        return VisitFor(scope, statement);
      case Kind::kMacro:
        FOREGATE_RETURN_IF_ERROR(VisitFunction(scope, statement));
        return Resolve(scope, statement->name_id, statement->place, &statement->slot);
      case Kind::kCallBlock:
        FOREGATE_RETURN_IF_ERROR(VisitFunction(scope, statement));
        return Visit(scope, statement->expression.get());
      case Kind::kSetBlock:
      case Kind::kFilterBlock:
      case Kind::kWith:
        return VisitBlock(scope, statement);
    }
    return absl::OkStatus();
  }

  absl::Status VisitIf(const Scope& scope, Statement* statement) {
    const Scope inner{scope.symbols, true};
    for (auto& branch : statement->branches) {
      FOREGATE_RETURN_IF_ERROR(Visit(inner, branch.test.get()));
      FOREGATE_RETURN_IF_ERROR(Visit(inner, branch.body));
    }
    return Visit(inner, statement->otherwise);
  }

  absl::Status VisitBlock(const Scope& scope, Statement* statement) {
    Symbols symbols(&scope.symbols, scope.symbols.function());
    Analysis analysis(&symbols, &copies_left_);
    for (const auto& assignment : statement->assignments) analysis.Assign(*assignment.target, true);
    analysis.Visit(statement->body);
    if (statement->kind == Kind::kFilterBlock) analysis.Read(statement->expression.get());
    const Scope inner{symbols};
    FOREGATE_RETURN_IF_ERROR(Visit(inner, statement->body));
    if (statement->kind != Kind::kWith) FOREGATE_RETURN_IF_ERROR(Visit(inner, statement->expression.get()));
    FOREGATE_RETURN_IF_ERROR(Visit(scope, statement->target.get()));
    for (auto& assignment : statement->assignments) {
      FOREGATE_RETURN_IF_ERROR(Visit(scope, assignment.value.get()));
      FOREGATE_RETURN_IF_ERROR(Visit(inner, assignment.target.get()));
    }
    statement->loads = symbols.loads();
    return absl::OkStatus();
  }

  absl::Status VisitFor(const Scope& scope, Statement* statement) {
    if (const auto place = FindAssignmentToLoop(*statement); place.has_value()) {
      return TokenStream::ErrorAt(*place, "Can't assign to special loop variable in for-loop target");
    }
    FOREGATE_RETURN_IF_ERROR(Visit(scope, statement->expression.get()));
    FunctionSlots own_function(scope.symbols.function());
    FunctionSlots* const function = statement->recursive ? &own_function : scope.symbols.function();
    FOREGATE_RETURN_IF_ERROR(VisitLoopFilter(scope, statement));

    Symbols symbols(&scope.symbols, function);
    if (statement->recursive || !FindUndeclared(statement->body, {"loop"}).empty()) {
      statement->loop_slot = symbols.DeclareParameter(NameId("loop"));
    }
    Analysis analysis(&symbols, &copies_left_);
    analysis.Assign(*statement->target, /*as_parameter=*/true);
    analysis.Visit(statement->body);
    const Scope inner{symbols};
    FOREGATE_RETURN_IF_ERROR(Visit(inner, statement->target.get()));
    FOREGATE_RETURN_IF_ERROR(Visit(inner, statement->body));
    statement->loads = symbols.loads();

    Symbols otherwise(&scope.symbols, function);
    Analysis(&otherwise, &copies_left_).Visit(statement->otherwise);
    FOREGATE_RETURN_IF_ERROR(Visit(Scope{otherwise}, statement->otherwise));
    statement->otherwise_loads = otherwise.loads();
    if (statement->recursive) statement->function.num_slots = own_function.size();
    return absl::OkStatus();
  }

  // The filter sees the loop's target, in a function of its own.
  absl::Status VisitLoopFilter(const Scope& scope, Statement* statement) {
    if (statement->filter == nullptr) return absl::OkStatus();
    FunctionSlots function(scope.symbols.function());
    Symbols symbols(&scope.symbols, &function);
    statement->filter_target = CloneTarget(*statement->target);
    Analysis analysis(&symbols, &copies_left_);
    analysis.Assign(*statement->filter_target, /*as_parameter=*/true);
    analysis.Read(statement->filter.get());
    const Scope inner{symbols};
    FOREGATE_RETURN_IF_ERROR(Visit(inner, statement->filter_target.get()));
    FOREGATE_RETURN_IF_ERROR(Visit(inner, statement->filter.get()));
    statement->filter_loads = symbols.loads();
    statement->filter_function.num_slots = function.size();
    return absl::OkStatus();
  }

  // A macro or the body of a call block.
  absl::Status VisitFunction(const Scope& scope, Statement* statement) {
    FunctionSlots function(scope.symbols.function());
    Symbols symbols(&scope.symbols, &function);
    Analyze(&symbols, statement);
    FOREGATE_RETURN_IF_ERROR(DeclareSpecialParameters(&symbols, statement));
    Analyze(&symbols, statement);
    const Scope inner{symbols};
    for (auto& parameter : statement->parameters) {
      Slot slot;
      FOREGATE_RETURN_IF_ERROR(Resolve(inner, parameter.name_id, statement->place, &slot));
      parameter.index = slot.index;
      FOREGATE_RETURN_IF_ERROR(Visit(inner, parameter.default_value.get()));
    }
    FOREGATE_RETURN_IF_ERROR(Visit(inner, statement->body));
    statement->loads = symbols.loads();
    statement->function.num_slots = function.size();
    return absl::OkStatus();
  }

  void Analyze(Symbols* symbols, const Statement* statement) {
    for (const auto& parameter : statement->parameters) symbols->DeclareParameter(parameter.name_id);
    Analysis analysis(symbols, &copies_left_);
    for (const auto& parameter : statement->parameters) analysis.Read(parameter.default_value.get());
    analysis.Visit(statement->body);
  }

  absl::Status DeclareSpecialParameters(Symbols* symbols, Statement* statement) {
    const auto asked = FindUndeclared(statement->body, {"caller", "kwargs", "varargs"});
    const auto find = [&](const std::string& name) {
      return std::ranges::find_if(statement->parameters, [&](const auto& p) { return p.name == name; });
    };
    auto& shape = statement->function;
    if (asked.contains("caller")) {
      shape.accesses_caller = true;
      const auto explicit_caller = find("caller");
      if (explicit_caller == statement->parameters.end()) {
        shape.caller = symbols->DeclareParameter(NameId("caller"));
      } else if (explicit_caller->default_value == nullptr) {
        return TokenStream::ErrorAt(statement->place, "the parameter 'caller' must have a default");
      }
    }
    if (asked.contains("kwargs") && find("kwargs") == statement->parameters.end()) {
      shape.kwargs = symbols->DeclareParameter(NameId("kwargs"));
    }
    if (asked.contains("varargs") && find("varargs") == statement->parameters.end()) {
      shape.varargs = symbols->DeclareParameter(NameId("varargs"));
    }
    return absl::OkStatus();
  }

  Template& parsed_;
  int64_t copies_left_ = kMaxCopies;
};

}  // namespace

absl::Status ResolveScopes(Template* parsed) { return Resolver(parsed).Run(); }

}  // namespace foregate::jinja
