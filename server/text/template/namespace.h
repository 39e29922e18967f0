// namespace(): an object whose attributes a template can set, from within loops too.
#ifndef FOREGATE_SERVER_TEXT_TEMPLATE_NAMESPACE_H_
#define FOREGATE_SERVER_TEXT_TEMPLATE_NAMESPACE_H_

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "server/text/template/print.h"
#include "server/text/template/value.h"

namespace foregate::jinja {

class Namespace : public Object {
 public:
  const char* TypeName() const override { return "TemplateNamespace"; }
  std::string Repr() const override { return "<Namespace>"; }
  // One that holds itself is cut where it comes again, as Python cuts such a dict.
  void AppendRepr(int depth, std::string* out) const override {
    if (printing_) {
      *out += "<Namespace {...}>";
      return;
    }
    printing_ = true;
    *out += "<Namespace ";
    AppendReprDict(attributes_, depth, out);
    *out += ">";
    printing_ = false;
  }
  absl::StatusOr<std::optional<Value>> Attribute(Interpreter&, std::string_view name) override {
    const Value* value = attributes_.Find(name);
    return value == nullptr ? std::nullopt : std::optional<Value>(*value);
  }
  // INVALID_ARGUMENT for names that begin with an underscore, which transformers refuses.
  absl::Status Set(const std::string& name, Value value) {
    if (name.starts_with('_'))
      return TypeError("a namespace cannot have the underscore-prefixed attribute '" + name + "'");
    attributes_.Set(Value::String(name), std::move(value));
    return absl::OkStatus();
  }
  void Clear() override { attributes_ = Dict(); }

 private:
  Dict attributes_;
  mutable bool printing_ = false;
};

}  // namespace foregate::jinja

#endif  // FOREGATE_SERVER_TEXT_TEMPLATE_NAMESPACE_H_
