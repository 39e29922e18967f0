#include "server/text/template/loop.h"

#include <algorithm>
#include <utility>

#include "kernels/base/status_macros.h"
#include "server/text/template/function.h"

namespace foregate::jinja {

absl::Status Loop::LookAhead(size_t count) {
  while (ready_.size() < count && next_item_ < items_.size()) {
    const Value& item = items_[next_item_++];
    if (statement_->filter != nullptr) {
      const auto scope = std::make_shared<Scope>(scope_);
      FOREGATE_RETURN_IF_ERROR(interpreter_->Assign(*statement_->target, item, scope));
      FOREGATE_ASSIGN_OR_RETURN(const Value passes, interpreter_->Evaluate(*statement_->filter, scope));
      if (!IsTrue(passes)) continue;
    }
    ready_.push_back(item);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<Value>> Loop::Next() {
  FOREGATE_RETURN_IF_ERROR(LookAhead(1));
  if (ready_.empty()) return std::optional<Value>();
  previous_ = std::move(current_);
  current_ = std::move(ready_.front());
  ready_.pop_front();
  ++index_;
  return current_;
}

absl::StatusOr<std::optional<Value>> Loop::Attribute(std::string_view name) {
  using Result = std::optional<Value>;
  if (name == "index") return Result(Value::Int(index_ + 1));
  if (name == "index0") return Result(Value::Int(index_));
  if (name == "first") return Result(Value::Bool(index_ == 0));
  if (name == "depth") return Result(Value::Int(depth_ + 1));
  if (name == "depth0") return Result(Value::Int(depth_));
  if (name == "previtem") return Result(previous_.value_or(Value::MakeUndefined("there is no previous item")));
  if (name == "cycle") {
    return Result(MakeFunction("cycle", [this](Interpreter&, const Arguments& a) { return Cycle(a); }));
  }
  if (name == "changed") {
    return Result(MakeFunction("changed", [this](Interpreter&, const Arguments& a) { return Changed(a); }));
  }
  if (name == "last" || name == "nextitem") {
    FOREGATE_RETURN_IF_ERROR(LookAhead(1));
    if (name == "last") return Result(Value::Bool(ready_.empty()));
    return Result(ready_.empty() ? Value::MakeUndefined("there is no next item") : ready_.front());
  }
  if (name == "length" || name == "revindex" || name == "revindex0") {
    FOREGATE_RETURN_IF_ERROR(LookAhead(items_.size()));
    const int64_t length = index_ + 1 + static_cast<int64_t>(ready_.size());
    if (name == "length") return Result(Value::Int(length));
    return Result(Value::Int(length - index_ - (name == "revindex0" ? 1 : 0)));
  }
  return Result();
}

absl::StatusOr<Value> Loop::Cycle(const Arguments& arguments) const {
  if (arguments.positional.empty()) return TypeError("no items for cycling given");
  return arguments.positional[static_cast<size_t>(index_) % arguments.positional.size()];
}

Value Loop::Changed(const Arguments& arguments) {
  const auto& values = arguments.positional;
  const bool same = last_changed_.has_value() &&
                    std::equal(values.begin(), values.end(), last_changed_->begin(), last_changed_->end(), &Equal);
  last_changed_ = values;
  return Value::Bool(!same);
}

absl::StatusOr<Value> Loop::Call(Interpreter& interpreter, Arguments arguments) {
  if (!statement_->recursive) {
    return TypeError("The loop must have the 'recursive' marker to be called recursively.");
  }
  if (arguments.positional.size() != 1) return TypeError("loop() takes one argument");
  FOREGATE_ASSIGN_OR_RETURN(std::string text,
                            interpreter.RunNestedLoop(*statement_, arguments.positional[0], scope_, depth_ + 1));
  return Value::String(std::move(text));
}

void Loop::Clear() {
  scope_.reset();
  items_.clear();
  ready_.clear();
  previous_.reset();
  current_.reset();
  last_changed_.reset();
}

}  // namespace foregate::jinja
