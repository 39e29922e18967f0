// namespace(): an object whose attributes a template can set, from within loops too.
#ifndef FOREGATE_SERVER_TEXT_TEMPLATE_NAMESPACE_H_
#define FOREGATE_SERVER_TEXT_TEMPLATE_NAMESPACE_H_

#include <string>
#include <utility>

#include "server/text/template/value.h"

namespace foregate::jinja {

class Namespace : public Object {
 public:
  std::string Name() const override { return "Namespace"; }
  absl::StatusOr<std::optional<Value>> Attribute(std::string_view name) override {
    const Value* value = attributes_.Find(name);
    return value == nullptr ? std::nullopt : std::optional<Value>(*value);
  }
  void Set(const std::string& name, Value value) { attributes_.Set(Value::String(name), std::move(value)); }
  void Clear() override { attributes_ = Dict(); }

 private:
  Dict attributes_;
};

}  // namespace foregate::jinja

#endif  // FOREGATE_SERVER_TEXT_TEMPLATE_NAMESPACE_H_
