#include "server/text/template/loop.h"

#include <algorithm>
#include <limits>

#include "kernels/base/status_macros.h"
#include "server/text/template/arguments.h"
#include "server/text/template/function.h"

namespace foregate::jinja {

absl::Status Loop::LookAhead(Interpreter& interpreter, size_t count) {
  while (ready_.size() < count) {
    FOREGATE_ASSIGN_OR_RETURN(std::optional<Value> item, items_.Next(interpreter));
    if (!item.has_value()) return absl::OkStatus();
    if (filter_variables_) {
      FOREGATE_ASSIGN_OR_RETURN(const bool passes, interpreter.PassesFilter(statement_, filter_variables_, *item));
      if (!passes) continue;
    }
    ready_.push_back(*std::move(item));
  }
  return absl::OkStatus();
}

absl::StatusOr<std::optional<Value>> Loop::Advance(Interpreter& interpreter) {
  FOREGATE_RETURN_IF_ERROR(LookAhead(interpreter, 1));
  if (ready_.empty()) return std::optional<Value>();
  previous_ = std::move(current_);
  current_ = std::move(ready_.front());
  ready_.pop_front();
  ++index_;
  return current_;
}

absl::StatusOr<std::optional<Value>> Loop::Next(Interpreter& interpreter) {
  FOREGATE_ASSIGN_OR_RETURN(const std::optional<Value> item, Advance(interpreter));
  if (!item.has_value()) return std::optional<Value>();
  FOREGATE_ASSIGN_OR_RETURN(Value pair, MakeTuple({*item, Value::Of(Ref<Object>(this))}));
  return std::optional(std::move(pair));
}

absl::StatusOr<int64_t> Loop::CountItems(Interpreter& interpreter) {
  if (length_.has_value()) return *length_;
  if (!filter_variables_) length_ = items_.length();
  if (!length_.has_value()) {
    FOREGATE_RETURN_IF_ERROR(LookAhead(interpreter, std::numeric_limits<size_t>::max()));
    length_ = index_ + 1 + static_cast<int64_t>(ready_.size());
  }
  return *length_;
}

std::string Loop::Repr() const {
  return "<LoopContext " + std::to_string(index_ + 1) + "/" + std::to_string(length_.value_or(index_ + 1)) + ">";
}

absl::StatusOr<std::optional<Value>> Loop::Attribute(Interpreter& interpreter, std::string_view name) {
  using Result = std::optional<Value>;
  if (name == "index") return Result(Value::Int(index_ + 1));
  if (name == "index0") return Result(Value::Int(index_));
  if (name == "first") return Result(Value::Bool(index_ == 0));
  if (name == "depth") return Result(Value::Int(depth_ + 1));
  if (name == "depth0") return Result(Value::Int(depth_));
  if (name == "previtem") return Result(previous_.value_or(Value::MakeUndefined("there is no previous item")));
  if (name == "cycle") {
    return Result(MakeFunction("cycle", [self = Ref<Loop>(this)](Interpreter&, const Arguments& arguments) {
      return self->Cycle(arguments);
    }));
  }
  if (name == "changed") {
    return Result(MakeFunction("changed", [self = Ref<Loop>(this)](Interpreter&, const Arguments& arguments) {
      return self->Changed(arguments);
    }));
  }
  if (name == "last" || name == "nextitem") {
    FOREGATE_RETURN_IF_ERROR(LookAhead(interpreter, 1));
    if (name == "last") return Result(Value::Bool(ready_.empty()));
    return Result(ready_.empty() ? Value::MakeUndefined("there is no next item") : ready_.front());
  }
  if (name == "length" || name == "revindex" || name == "revindex0") {
    FOREGATE_ASSIGN_OR_RETURN(const int64_t length, CountItems(interpreter));
    if (name == "length") return Result(Value::Int(length));
    return Result(Value::Int(length - index_ - (name == "revindex0" ? 1 : 0)));
  }
  return Result();
}

absl::StatusOr<Value> Loop::Cycle(const Arguments& arguments) const {
  if (!arguments.named.empty()) return TypeError("cycle() got an unexpected keyword argument");
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
  if (!statement_.recursive) {
    return TypeError("The loop must have the 'recursive' marker to be called recursively.");
  }
  FOREGATE_ASSIGN_OR_RETURN(const Bound bound, Bound::Bind("loop", arguments, {"iterable"}, 1));
  return interpreter.RunNestedLoop(statement_, bound.at(0), outer_, depth_ + 1);
}

void Loop::Clear() {
  outer_ = {};
  filter_variables_ = {};
  items_ = {};
  ready_.clear();
  previous_.reset();
  current_.reset();
  last_changed_.reset();
}

}  // namespace foregate::jinja
