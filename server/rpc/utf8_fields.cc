#include "server/rpc/utf8_fields.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <optional>
#include <string>
#include <vector>

#include "kernels/base/status_macros.h"
#include "server/generation/status_details.h"
#include "server/text/utf8.h"

namespace foregate {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

// Spelled out only for an error.
struct Place {
  const Place* parent;
  const FieldDescriptor* field;
  int index;  // -1 for a field that is not repeated

  std::string Path() const {
    const std::string own = field->name() + (index < 0 ? "" : "[" + std::to_string(index) + "]");
    return parent == nullptr ? own : parent->Path() + "." + own;
  }
};

absl::Status CheckMessage(const Message& message, const Place* parent);

// `place.index` is -1 for a field that is not repeated.
absl::Status CheckValue(const Message& message, const Place& place) {
  const Reflection* reflection = message.GetReflection();
  const FieldDescriptor* field = place.field;
  const bool one = place.index < 0;
  if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
    return CheckMessage(
        one ? reflection->GetMessage(message, field) : reflection->GetRepeatedMessage(message, field, place.index),
        &place);
  }
  std::string unused;
  const std::string& text = one ? reflection->GetStringReference(message, field, &unused)
                                : reflection->GetRepeatedStringReference(message, field, place.index, &unused);
  const std::optional<size_t> offset = FirstInvalidUtf8(text);
  if (!offset.has_value()) return absl::OkStatus();
  return InvalidField(place.Path(),
                      "not UTF-8 at byte " + std::to_string(*offset) + " of " + std::to_string(text.size()));
}

absl::Status CheckMessage(const Message& message, const Place* parent) {
  // Protobuf's own messages (Struct) keep their parser's check.
  if (message.GetDescriptor()->file()->package() == "google.protobuf") return absl::OkStatus();
  const Reflection* reflection = message.GetReflection();
  std::vector<const FieldDescriptor*> fields;
  reflection->ListFields(message, &fields);
  for (const FieldDescriptor* field : fields) {
    if (field->cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE && field->type() != FieldDescriptor::TYPE_STRING)
      continue;
    if (!field->is_repeated()) {
      FOREGATE_RETURN_IF_ERROR(CheckValue(message, {parent, field, -1}));
      continue;
    }
    const int size = reflection->FieldSize(message, field);
    for (int i = 0; i < size; ++i) FOREGATE_RETURN_IF_ERROR(CheckValue(message, {parent, field, i}));
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckUtf8Fields(const Message& request) { return CheckMessage(request, nullptr); }

}  // namespace foregate
