// The `loop` of a running for statement.
#ifndef FOREGATE_SERVER_TEXT_TEMPLATE_LOOP_H_
#define FOREGATE_SERVER_TEXT_TEMPLATE_LOOP_H_

#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/text/template/interpreter.h"
#include "server/text/template/value.h"

namespace foregate::jinja {

// Yields the items that pass the loop's filter, looking ahead only as far as it is asked to, because the filter may see
// what the body did to a namespace.
class Loop : public Object {
 public:
  Loop(Interpreter* interpreter, const Statement* statement, ScopePtr scope, std::vector<Value> items, int depth)
      : interpreter_(interpreter),
        statement_(statement),
        scope_(std::move(scope)),
        items_(std::move(items)),
        depth_(depth) {}

  // The next item, nothing at the end.
  absl::StatusOr<std::optional<Value>> Next();

  std::string Name() const override { return "LoopContext"; }
  absl::StatusOr<std::optional<Value>> Attribute(std::string_view name) override;
  bool callable() const override { return true; }
  // loop(items) of a recursive loop.
  absl::StatusOr<Value> Call(Interpreter& interpreter, Arguments arguments) override;
  void Clear() override;

  absl::StatusOr<Value> Cycle(const Arguments& arguments) const;
  Value Changed(const Arguments& arguments);

 private:
  // Makes sure that `count` items are ready, unless there are fewer.
  absl::Status LookAhead(size_t count);

  Interpreter* interpreter_;
  const Statement* statement_;
  ScopePtr scope_;
  std::vector<Value> items_;
  size_t next_item_ = 0;  // of items_
  std::deque<Value> ready_;
  int64_t index_ = -1;
  int depth_;
  std::optional<Value> previous_, current_;
  std::optional<std::vector<Value>> last_changed_;
};

}  // namespace foregate::jinja

#endif  // FOREGATE_SERVER_TEXT_TEMPLATE_LOOP_H_
