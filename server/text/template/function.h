// A function of C++ as a value of the template language.
#ifndef FOREGATE_SERVER_TEXT_TEMPLATE_FUNCTION_H_
#define FOREGATE_SERVER_TEXT_TEMPLATE_FUNCTION_H_

#include <functional>
#include <string>
#include <utility>

#include "server/text/template/builtins.h"
#include "server/text/template/value.h"

namespace foregate::jinja {

using NativeFunction = std::function<absl::StatusOr<Value>(Interpreter&, const Arguments&)>;

class Function : public Object {
 public:
  Function(std::string name, NativeFunction function) : name_(std::move(name)), function_(std::move(function)) {}

  const char* TypeName() const override { return "function"; }
  std::string Repr() const override { return "<function " + name_ + " at 0x7f0000000000>"; }
  bool callable() const override { return true; }
  absl::StatusOr<Value> Call(Interpreter& interpreter, Arguments arguments) override {
    if (function_ == nullptr) return TypeError(name_ + "() is gone");
    return function_(interpreter, arguments);
  }
  void Clear() override { function_ = nullptr; }

 private:
  std::string name_;
  NativeFunction function_;
};

inline Value MakeFunction(std::string name, NativeFunction function) {
  return Value::Of(Ref<Object>(new Function(std::move(name), std::move(function))));
}

// A method of a built-in type with the object that it is of.
class BoundMethod : public Object {
 public:
  BoundMethod(Value self, std::string name, Method method)
      : self_(std::move(self)), name_(std::move(name)), method_(method) {}

  const char* TypeName() const override { return "builtin_function_or_method"; }
  std::string Repr() const override {
    if (name_ == "format" || name_ == "format_map") return "<function str." + name_ + " at 0x7f0000000000>";
    return "<built-in method " + name_ + " of " + jinja::TypeName(self_) + " object at 0x7f0000000000>";
  }
  bool callable() const override { return true; }
  absl::StatusOr<Value> Call(Interpreter& interpreter, Arguments arguments) override {
    return method_(interpreter, self_, arguments);
  }
  int depth() const override { return DepthOf(self_) + 1; }

 private:
  Value self_;
  std::string name_;
  Method method_;
};

}  // namespace foregate::jinja

#endif  // FOREGATE_SERVER_TEXT_TEMPLATE_FUNCTION_H_
