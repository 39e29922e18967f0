// The variables of one scope while a template is resolved: jinja2's symbol tracking.
#ifndef FOREGATE_SERVER_TEXT_TEMPLATE_SYMBOLS_H_
#define FOREGATE_SERVER_TEXT_TEMPLATE_SYMBOLS_H_

#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "server/text/template/ast.h"

namespace foregate::jinja {

// What becomes an activation at run time. Scopes of the same level inside of it share the slot of a name.
class FunctionSlots {
 public:
  explicit FunctionSlots(const FunctionSlots* parent) : depth_(parent == nullptr ? 0 : parent->depth_ + 1) {}

  int IndexOf(int level, int name_id) {
    return slots_.try_emplace({level, name_id}, static_cast<int>(slots_.size())).first->second;
  }
  int size() const { return static_cast<int>(slots_.size()); }
  int depth() const { return depth_; }

 private:
  int depth_;
  std::map<std::pair<int, int>, int> slots_;
};

class Symbols {
 public:
  // `parent` (null for the whole template) and `function` must outlive it.
  Symbols(const Symbols* parent, FunctionSlots* function)
      : parent_(parent), function_(function), level_(parent == nullptr ? 0 : parent->level_ + 1) {}

  FunctionSlots* function() const { return function_; }

  void Load(int name_id) {
    if (!FindRef(name_id).has_value()) Define(name_id, {SlotLoad::Kind::kContext, -1, name_id, {}});
  }

  void Store(int name_id) {
    stores_.insert(name_id);
    if (refs_.contains(name_id)) return;
    const auto outer = parent_ == nullptr ? std::nullopt : parent_->FindRef(name_id);
    if (outer.has_value()) {
      Define(name_id, {SlotLoad::Kind::kAlias, -1, name_id, Relative(*outer)});
    } else {
      Define(name_id, {SlotLoad::Kind::kUndefined, -1, name_id, {}});
    }
  }

  int DeclareParameter(int name_id) {
    stores_.insert(name_id);
    return Define(name_id, {SlotLoad::Kind::kParameter, -1, name_id, {}});
  }

  // Takes over what the branches of an `if` did. A name that only some of them assign begins as the outer variable.
  void Merge(const std::vector<Symbols>& branches) {
    std::set<int> stores;
    for (const Symbols& branch : branches) stores.insert(branch.stores_.begin(), branch.stores_.end());
    for (const int known : stores_) stores.erase(known);
    for (const Symbols& branch : branches) {
      for (const auto& [name_id, index] : branch.refs_) refs_[name_id] = index;
      for (const auto& [index, load] : branch.loads_) loads_[index] = load;
      stores_.insert(branch.stores_.begin(), branch.stores_.end());
    }
    for (const int name_id : stores) {
      const auto outer = parent_ == nullptr ? std::nullopt : parent_->FindRef(name_id);
      const int index = refs_.at(name_id);
      loads_[index] = outer.has_value() ? SlotLoad{SlotLoad::Kind::kAlias, index, name_id, Relative(*outer)}
                                        : SlotLoad{SlotLoad::Kind::kContext, index, name_id, {}};
    }
  }

  // Nothing for a name that the analysis of the scope never met.
  std::optional<Slot> Find(int name_id) const {
    const auto ref = FindRef(name_id);
    return ref.has_value() ? std::optional(Relative(*ref)) : std::nullopt;
  }

  size_t size() const { return refs_.size() + stores_.size(); }

  SlotLoads loads() const {
    SlotLoads loads;
    for (const auto& [index, load] : loads_) loads.push_back(load);
    return loads;
  }

 private:
  struct Reference {
    const FunctionSlots* function;
    int index;
  };

  int Define(int name_id, SlotLoad load) {
    load.index = function_->IndexOf(level_, name_id);
    refs_[name_id] = load.index;
    loads_[load.index] = load;
    return load.index;
  }

  std::optional<Reference> FindRef(int name_id) const {
    for (const Symbols* symbols = this; symbols != nullptr; symbols = symbols->parent_) {
      const auto found = symbols->refs_.find(name_id);
      if (found != symbols->refs_.end()) return Reference{symbols->function_, found->second};
    }
    return std::nullopt;
  }

  Slot Relative(const Reference& reference) const {
    return {function_->depth() - reference.function->depth(), reference.index};
  }

  const Symbols* parent_;
  FunctionSlots* function_;
  int level_;
  std::map<int, int> refs_;        // slot by name id
  std::map<int, SlotLoad> loads_;  // by slot
  std::set<int> stores_;           // name ids
};

}  // namespace foregate::jinja

#endif  // FOREGATE_SERVER_TEXT_TEMPLATE_SYMBOLS_H_
