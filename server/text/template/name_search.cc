#include "server/text/template/name_search.h"

#include <utility>

namespace foregate::jinja {
namespace {

using Kind = Statement::Kind;

class UndeclaredSearch {
 public:
  explicit UndeclaredSearch(std::set<std::string> names) : names_(std::move(names)) {}

  void Visit(const Body& body) {
    for (const auto& statement : body) Visit(*statement);
  }
  const std::set<std::string>& found() const { return found_; }

 private:
  void Visit(const Expression* expression) {
    if (expression == nullptr) return;
    if (expression->kind == Expression::Kind::kName && names_.contains(expression->name))
      found_.insert(expression->name);
    for (const auto& operand : expression->operands) Visit(operand.get());
    for (const auto& [name, value] : expression->named) Visit(value.get());
    Visit(expression->star.get());
    Visit(expression->star_star.get());
  }

  // The attribute of a name is set without that the name counts as assigned, or as read.
  void Assign(const Expression& target) {
    if (target.kind == Expression::Kind::kName) names_.erase(target.name);
    if (target.kind != Expression::Kind::kTuple) return;
    for (const auto& part : target.operands) Assign(*part);
  }

  void Visit(const Statement& statement) {
    if (statement.kind == Kind::kCallBlock) Visit(statement.expression.get());
    for (const auto& parameter : statement.parameters) names_.erase(parameter.name);
    for (const auto& parameter : statement.parameters) Visit(parameter.default_value.get());
    for (const auto& assignment : statement.assignments) Assign(*assignment.target);
    for (const auto& assignment : statement.assignments) Visit(assignment.value.get());
    for (const auto& branch : statement.branches) {
      Visit(branch.test.get());
      Visit(branch.body);
    }
    if (statement.target != nullptr) Assign(*statement.target);
    const bool filters_body = statement.kind == Kind::kFilterBlock;
    if (!filters_body && statement.kind != Kind::kCallBlock) Visit(statement.expression.get());
    Visit(statement.body);
    if (filters_body) Visit(statement.expression.get());
    Visit(statement.otherwise);
    Visit(statement.filter.get());
  }

  std::set<std::string> names_;
  std::set<std::string> found_;
};

std::optional<Place> FindLoopTarget(const Expression* target) {
  if (target == nullptr || target->kind == Expression::Kind::kAttribute) return std::nullopt;
  if (target->kind == Expression::Kind::kName && target->name == "loop") return target->place;
  for (const auto& part : target->operands) {
    if (const auto place = FindLoopTarget(part.get()); place.has_value()) return place;
  }
  return std::nullopt;
}

std::optional<Place> FindInBody(const Body& body) {
  for (const auto& statement : body) {
    if (const auto place = FindAssignmentToLoop(*statement); place.has_value()) return place;
  }
  return std::nullopt;
}

}  // namespace

std::set<std::string> FindUndeclared(const Body& body, std::set<std::string> names) {
  UndeclaredSearch search(std::move(names));
  search.Visit(body);
  return search.found();
}

std::optional<Place> FindAssignmentToLoop(const Statement& loop) {
  if (const auto place = FindLoopTarget(loop.target.get()); place.has_value()) return place;
  for (const auto& branch : loop.branches) {
    if (const auto place = FindInBody(branch.body); place.has_value()) return place;
  }
  if (const auto place = FindInBody(loop.body); place.has_value()) return place;
  return FindInBody(loop.otherwise);
}

}  // namespace foregate::jinja
