// The `loop` of a running for statement.
#ifndef FOREGATE_SERVER_TEXT_TEMPLATE_LOOP_H_
#define FOREGATE_SERVER_TEXT_TEMPLATE_LOOP_H_

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "server/text/template/interpreter.h"
#include "server/text/template/iteration.h"
#include "server/text/template/value.h"

namespace foregate::jinja {

// Yields the items that pass the loop's filter, looking ahead only as far as it is asked to, because the filter may see
// what the body did to a namespace.
class Loop : public Object {
 public:
  // `outer` are the variables around a recursive loop; `filter_variables` are null without a filter.
  Loop(const Statement* statement, ActivationPtr outer, ActivationPtr filter_variables, ItemIterator items, int depth)
      : statement_(*statement),
        outer_(std::move(outer)),
        filter_variables_(std::move(filter_variables)),
        items_(std::move(items)),
        depth_(depth) {}

  // The next item, nothing at the end.
  absl::StatusOr<std::optional<Value>> Advance(Interpreter& interpreter);

  const char* TypeName() const override { return "LoopContext"; }
  std::string Repr() const override;
  absl::StatusOr<std::optional<Value>> Attribute(Interpreter& interpreter, std::string_view name) override;
  bool callable() const override { return true; }
  // loop(items) of a recursive loop.
  absl::StatusOr<Value> Call(Interpreter& interpreter, Arguments arguments) override;
  bool iterable() const override { return true; }
  absl::StatusOr<std::optional<Value>> Next(Interpreter& interpreter) override;
  std::optional<int64_t> length() override { return length_.has_value() ? length_ : items_.length(); }
  void Clear() override;

  absl::StatusOr<Value> Cycle(const Arguments& arguments) const;
  Value Changed(const Arguments& arguments);
  // Counts all items, which takes looking at them when there is a filter.
  absl::StatusOr<int64_t> CountItems(Interpreter& interpreter);

 private:
  // Makes sure that an item is ready, unless there is none.
  absl::Status LookAhead(Interpreter& interpreter, size_t count);

  const Statement& statement_;
  ActivationPtr outer_, filter_variables_;
  ItemIterator items_;
  std::deque<Value> ready_;
  int64_t index_ = -1;
  int depth_;
  std::optional<int64_t> length_;
  std::optional<Value> previous_, current_;
  std::optional<std::vector<Value>> last_changed_;
};

}  // namespace foregate::jinja

#endif  // FOREGATE_SERVER_TEXT_TEMPLATE_LOOP_H_
