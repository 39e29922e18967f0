// A function of C++ as a value of the template language.
#ifndef FOREGATE_SERVER_TEXT_TEMPLATE_FUNCTION_H_
#define FOREGATE_SERVER_TEXT_TEMPLATE_FUNCTION_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "server/text/template/value.h"

namespace foregate::jinja {

using NativeFunction = std::function<absl::StatusOr<Value>(Interpreter&, const Arguments&)>;

class Function : public Object {
 public:
  Function(std::string name, NativeFunction function) : name_(std::move(name)), function_(std::move(function)) {}

  std::string Name() const override { return "function " + name_; }
  bool callable() const override { return true; }
  absl::StatusOr<Value> Call(Interpreter& interpreter, Arguments arguments) override {
    return function_(interpreter, arguments);
  }

 private:
  std::string name_;
  NativeFunction function_;
};

inline Value MakeFunction(std::string name, NativeFunction function) {
  return Value::Of(std::shared_ptr<Object>(std::make_shared<Function>(std::move(name), std::move(function))));
}

}  // namespace foregate::jinja

#endif  // FOREGATE_SERVER_TEXT_TEMPLATE_FUNCTION_H_
