#include "server/config/config_schema.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <limits>
#include <map>
#include <sstream>
#include <utility>

#include "google/protobuf/message.h"
#include "kernels/base/check.h"

namespace foregate {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

constexpr std::string_view kSchemaText =
#include "server/config/server_config_proto.inc"
    ;

// The names of daily use.
constexpr std::array<std::pair<std::string_view, std::string_view>, 17> kAliases = {{
    {"model", "model.dir"},
    {"weights", "model.weights"},
    {"model-name", "model.name"},
    {"listen", "listen.address"},
    {"tls-cert", "listen.tls.cert_file"},
    {"tls-key", "listen.tls.key_file"},
    {"tls-client-ca", "listen.tls.client_ca_file"},
    {"token-file", "listen.token_file"},
    {"insecure", "listen.insecure"},
    {"admin-listen", "admin.address"},
    {"metrics-listen", "telemetry.metrics_address"},
    {"memory", "compute.memory_bytes"},
    {"expert-memory", "engine.expert_memory"},
    {"threads", "compute.threads"},
    {"isa", "compute.isa"},
    {"log-level", "telemetry.log_level"},
    {"log-format", "telemetry.log_format"},
}};

std::string_view TrimSpaces(std::string_view text) {
  const size_t begin = text.find_first_not_of(' ');
  return begin == std::string_view::npos ? std::string_view() : text.substr(begin);
}

// "Message.field" to the comment above it, lines joined. Understands only the plain layout that our linter enforces.
std::map<std::string, std::string> ReadComments(std::string_view schema) {
  std::map<std::string, std::string> comments;
  std::string message;
  std::string comment;
  std::istringstream lines{std::string(schema)};
  for (std::string line; std::getline(lines, line);) {
    const std::string_view text = TrimSpaces(line);
    if (text.starts_with("//")) {
      comment += (comment.empty() ? "" : " ") + std::string(TrimSpaces(text.substr(2)));
      continue;
    }
    if (text.starts_with("message ")) {
      message = text.substr(8, text.find(' ', 8) - 8);
    } else if (const size_t equals = text.find(" = "); equals != std::string_view::npos) {
      const size_t name = text.rfind(' ', equals - 1) + 1;
      comments[message + "." + std::string(text.substr(name, equals - name))] = comment;
    }
    comment.clear();
  }
  return comments;
}

void CollectFields(const Descriptor* message, const std::map<std::string, std::string>& comments, ConfigField prefix,
                   std::vector<ConfigField>* fields) {
  for (int i = 0; i < message->field_count(); ++i) {
    const FieldDescriptor* descriptor = message->field(i);
    FOREGATE_CHECK(!descriptor->is_repeated());
    ConfigField field = prefix;
    field.path += (field.path.empty() ? "" : ".") + descriptor->name();
    field.chain.push_back(descriptor);
    if (descriptor->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      CollectFields(descriptor->message_type(), comments, std::move(field), fields);
      continue;
    }
    if (const auto found = comments.find(message->name() + "." + descriptor->name()); found != comments.end())
      field.comment = found->second;
    for (const auto& [alias, path] : kAliases) {
      if (path == field.path) field.alias = alias;
    }
    fields->push_back(std::move(field));
  }
}

Message* MutableParent(const ConfigField& field, ServerConfig* config) {
  Message* message = config;
  for (size_t i = 0; i + 1 < field.chain.size(); ++i)
    message = message->GetReflection()->MutableMessage(message, field.chain[i]);
  return message;
}

const Message& Parent(const ConfigField& field, const ServerConfig& config) {
  const Message* message = &config;
  for (size_t i = 0; i + 1 < field.chain.size(); ++i)
    message = &message->GetReflection()->GetMessage(*message, field.chain[i]);
  return *message;
}

std::string Quoted(std::string_view text) { return "\"" + std::string(text) + "\""; }

// `text` with an optional binary unit where the field is a size.
absl::Status ParseInteger(std::string_view text, bool is_size, int64_t* value) {
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, *value);
  const absl::Status wrong = absl::InvalidArgumentError(
      Quoted(text) + " is not " + (is_size ? "a size, such as 8GiB, 512MiB or a number of bytes" : "an integer"));
  if (error == std::errc::result_out_of_range)
    return absl::InvalidArgumentError(Quoted(text) + " does not fit 64 bits");
  if (error != std::errc()) return wrong;
  const std::string_view unit(rest, static_cast<size_t>(end - rest));
  if (unit.empty()) return absl::OkStatus();
  constexpr std::array<std::string_view, 4> kUnits = {"KiB", "MiB", "GiB", "TiB"};
  const auto found = std::find(kUnits.begin(), kUnits.end(), unit);
  if (!is_size || found == kUnits.end()) return wrong;
  const int shift = 10 * static_cast<int>(found - kUnits.begin() + 1);
  if (*value < 0 || *value > (std::numeric_limits<int64_t>::max() >> shift))
    return absl::InvalidArgumentError(Quoted(text) + " does not fit 64 bits");
  *value <<= shift;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<int64_t> ParseSize(std::string_view text) {
  int64_t bytes = 0;
  if (absl::Status status = ParseInteger(text, /*is_size=*/true, &bytes); !status.ok()) return status;
  return bytes;
}

const std::vector<ConfigField>& ConfigFields() {
  static const std::vector<ConfigField>& fields = *[] {
    auto* list = new std::vector<ConfigField>;  // never destroyed: used until the process ends
    CollectFields(ServerConfig::descriptor(), ReadComments(kSchemaText), ConfigField(), list);
    return list;
  }();
  return fields;
}

const ConfigField* FindConfigField(std::string_view flag) {
  std::string path(flag);
  std::replace(path.begin(), path.end(), '-', '_');
  for (const ConfigField& field : ConfigFields()) {
    if (field.path == path || (!field.alias.empty() && field.alias == flag)) return &field;
  }
  return nullptr;
}

absl::Status SetConfigField(const ConfigField& field, std::string_view text, ServerConfig* config) {
  const FieldDescriptor* descriptor = field.descriptor();
  Message* parent = MutableParent(field, config);
  const auto* reflection = parent->GetReflection();
  switch (descriptor->cpp_type()) {
    case FieldDescriptor::CPPTYPE_STRING:
      reflection->SetString(parent, descriptor, std::string(text));
      return absl::OkStatus();
    case FieldDescriptor::CPPTYPE_BOOL:
      if (text != "true" && text != "false")
        return absl::InvalidArgumentError(Quoted(text) + " is neither true nor false");
      reflection->SetBool(parent, descriptor, text == "true");
      return absl::OkStatus();
    default:
      break;
  }
  int64_t value = 0;
  if (absl::Status status = ParseInteger(text, descriptor->name().ends_with("_bytes"), &value); !status.ok())
    return status;
  if (descriptor->cpp_type() == FieldDescriptor::CPPTYPE_INT64) {
    reflection->SetInt64(parent, descriptor, value);
    return absl::OkStatus();
  }
  FOREGATE_CHECK_EQ(static_cast<int>(descriptor->cpp_type()), static_cast<int>(FieldDescriptor::CPPTYPE_INT32));
  if (value < std::numeric_limits<int32_t>::min() || value > std::numeric_limits<int32_t>::max())
    return absl::InvalidArgumentError(Quoted(text) + " does not fit 32 bits");
  reflection->SetInt32(parent, descriptor, static_cast<int32_t>(value));
  return absl::OkStatus();
}

std::optional<std::string> GetConfigField(const ConfigField& field, const ServerConfig& config) {
  const Message& parent = Parent(field, config);
  const auto* reflection = parent.GetReflection();
  if (!reflection->HasField(parent, field.descriptor())) return std::nullopt;
  if (field.descriptor()->cpp_type() == FieldDescriptor::CPPTYPE_STRING)
    return reflection->GetString(parent, field.descriptor());
  if (field.is_bool()) return reflection->GetBool(parent, field.descriptor()) ? "true" : "false";
  return std::to_string(*GetConfigNumber(field, config));
}

std::optional<int64_t> GetConfigNumber(const ConfigField& field, const ServerConfig& config) {
  const Message& parent = Parent(field, config);
  const auto* reflection = parent.GetReflection();
  if (!reflection->HasField(parent, field.descriptor())) return std::nullopt;
  switch (field.descriptor()->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return reflection->GetInt32(parent, field.descriptor());
    case FieldDescriptor::CPPTYPE_INT64:
      return reflection->GetInt64(parent, field.descriptor());
    default:
      return std::nullopt;
  }
}

}  // namespace foregate
