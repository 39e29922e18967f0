#include "server/rpc/request_parser.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "foregate/inference/v1/inference.pb.h"
#include "kernels/base/status_macros.h"
#include "server/generation/request_limits.h"
#include "server/generation/status_details.h"

namespace foregate {
namespace {

namespace wire = inference::v1;
using Json = nlohmann::ordered_json;

// A Struct nests by messages, and protobuf's own parser stops at 100 levels, 3 of them for each level of JSON. The
// bound here is lower, so that nothing that recurses over the value later comes near its stack.
constexpr int kMaxJsonDepth = 32;
// Doubles hold every integer up to here; beyond, writing one as an integer would invent digits.
constexpr double kMaxExactInteger = 9007199254740992.0;

// Where a value stands. Spelled out only for an error: keys may be megabytes long, and values many.
struct Place {
  const Place* parent = nullptr;
  std::string_view key;  // the whole path of the outermost place
  int index = -1;        // not negative: an element of a list

  int depth() const { return parent == nullptr ? 0 : parent->depth() + 1; }
  std::string Path() const {
    if (parent == nullptr) return std::string(key);
    return parent->Path() + (index >= 0 ? "[" + std::to_string(index) + "]" : "." + std::string(key));
  }
};

absl::StatusOr<Json> ToJson(const google::protobuf::Value& value, const Place& place);

// google.protobuf.Struct is a map without order; keys are sorted so that equal requests give equal prompts.
absl::StatusOr<Json> ToJson(const google::protobuf::Struct& value, const Place& place) {
  std::vector<const std::string*> keys;
  keys.reserve(static_cast<size_t>(value.fields_size()));
  for (const auto& entry : value.fields()) keys.push_back(&entry.first);
  std::sort(keys.begin(), keys.end(), [](const std::string* a, const std::string* b) { return *a < *b; });
  // Built as the sequence of pairs that an ordered object is: its operator[] searches all keys before.
  Json::object_t object;
  object.reserve(keys.size());
  for (const std::string* key : keys) {
    FOREGATE_ASSIGN_OR_RETURN(Json member, ToJson(value.fields().at(*key), Place{&place, *key}));
    object.push_back({*key, std::move(member)});
  }
  return Json(std::move(object));
}

absl::StatusOr<Json> ToJson(double number, const Place& place) {
  if (!std::isfinite(number)) return InvalidField(place.Path(), "JSON has no infinity and no NaN");
  if (number == std::floor(number) && std::fabs(number) <= kMaxExactInteger) {
    return Json(static_cast<int64_t>(number));
  }
  return Json(number);
}

absl::StatusOr<Json> ToJson(const google::protobuf::ListValue& value, const Place& place) {
  Json::array_t array;
  array.reserve(static_cast<size_t>(value.values_size()));
  for (int i = 0; i < value.values_size(); ++i) {
    FOREGATE_ASSIGN_OR_RETURN(Json element, ToJson(value.values(i), Place{&place, {}, i}));
    array.push_back(std::move(element));
  }
  return Json(std::move(array));
}

absl::StatusOr<Json> ToJson(const google::protobuf::Value& value, const Place& place) {
  if (place.depth() > kMaxJsonDepth) {
    return InvalidField(place.Path(), "nested deeper than " + std::to_string(kMaxJsonDepth) + " levels");
  }
  switch (value.kind_case()) {
    case google::protobuf::Value::kNumberValue:
      return ToJson(value.number_value(), place);
    case google::protobuf::Value::kStringValue:
      return Json(value.string_value());
    case google::protobuf::Value::kBoolValue:
      return Json(value.bool_value());
    case google::protobuf::Value::kStructValue:
      return ToJson(value.struct_value(), place);
    case google::protobuf::Value::kListValue:
      return ToJson(value.list_value(), place);
    case google::protobuf::Value::kNullValue:
    case google::protobuf::Value::KIND_NOT_SET:
      break;
  }
  return Json(nullptr);
}

absl::StatusOr<Json> ToJson(const google::protobuf::Struct& value, const std::string& field) {
  return ToJson(value, Place{nullptr, field});
}

absl::StatusOr<ChatRole> ParseRole(wire::Role role, const std::string& field) {
  switch (role) {
    case wire::ROLE_SYSTEM:
      return ChatRole::kSystem;
    case wire::ROLE_USER:
      return ChatRole::kUser;
    case wire::ROLE_ASSISTANT:
      return ChatRole::kAssistant;
    case wire::ROLE_TOOL:
      return ChatRole::kTool;
    default:
      return InvalidField(field, "must be ROLE_SYSTEM, ROLE_USER, ROLE_ASSISTANT or ROLE_TOOL, got " +
                                     std::to_string(static_cast<int>(role)));
  }
}

absl::StatusOr<ChatMessage> ParseMessage(const wire::ChatMessage& wire_message, const std::string& field) {
  ChatMessage message;
  FOREGATE_ASSIGN_OR_RETURN(message.role, ParseRole(wire_message.role(), field + ".role"));
  message.content = wire_message.content();
  if (wire_message.has_name()) message.name = wire_message.name();
  if (wire_message.has_tool_call_id()) message.tool_call_id = wire_message.tool_call_id();
  if (wire_message.tool_calls_size() > 0 && message.role != ChatRole::kAssistant) {
    return InvalidField(field + ".tool_calls", "only an assistant's message makes tool calls");
  }
  for (int i = 0; i < wire_message.tool_calls_size(); ++i) {
    const wire::ToolCall& wire_call = wire_message.tool_calls(i);
    const std::string call_field = field + ".tool_calls[" + std::to_string(i) + "]";
    if (wire_call.name().empty()) return InvalidField(call_field + ".name", "must not be empty");
    ToolCall call;
    call.id = wire_call.id();
    call.name = wire_call.name();
    FOREGATE_ASSIGN_OR_RETURN(call.arguments, ToJson(wire_call.arguments(), call_field + ".arguments"));
    message.tool_calls.push_back(std::move(call));
  }
  return message;
}

template <typename T, typename U>
void CopyIfSet(bool is_set, const U& value, std::optional<T>* out) {
  if (is_set) *out = value;
}

SamplingChoice ParseSampling(const wire::SamplingParams& sampling) {
  SamplingChoice choice;
  CopyIfSet(sampling.has_temperature(), sampling.temperature(), &choice.temperature);
  CopyIfSet(sampling.has_top_k(), sampling.top_k(), &choice.top_k);
  CopyIfSet(sampling.has_top_p(), sampling.top_p(), &choice.top_p);
  CopyIfSet(sampling.has_min_p(), sampling.min_p(), &choice.min_p);
  CopyIfSet(sampling.has_repetition_penalty(), sampling.repetition_penalty(), &choice.repetition_penalty);
  CopyIfSet(sampling.has_presence_penalty(), sampling.presence_penalty(), &choice.presence_penalty);
  CopyIfSet(sampling.has_frequency_penalty(), sampling.frequency_penalty(), &choice.frequency_penalty);
  CopyIfSet(sampling.has_seed(), sampling.seed(), &choice.seed);
  choice.logit_bias.assign(sampling.logit_bias().begin(), sampling.logit_bias().end());
  std::sort(choice.logit_bias.begin(), choice.logit_bias.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  return choice;
}

void ParseOptions(const wire::GenerationOptions& options, GenerationCall* call) {
  call->sampling = ParseSampling(options.sampling());
  const wire::StopConditions& stop = options.stop();
  CopyIfSet(stop.has_max_tokens(), stop.max_tokens(), &call->stop.max_tokens);
  CopyIfSet(stop.has_min_tokens(), stop.min_tokens(), &call->stop.min_tokens);
  call->stop.stop_strings.assign(stop.stop_strings().begin(), stop.stop_strings().end());
  call->stop.stop_token_ids.assign(stop.stop_token_ids().begin(), stop.stop_token_ids().end());
  call->stop.ignore_eos = stop.ignore_eos();
  call->stop.include_stop_string = stop.include_stop_string();
  const wire::OutputOptions& output = options.output();
  CopyIfSet(output.has_logprobs(), output.logprobs(), &call->output.logprobs);
  CopyIfSet(output.has_prompt_logprobs(), output.prompt_logprobs(), &call->output.prompt_logprobs);
  call->output.skip_special_tokens = !output.has_skip_special_tokens() || output.skip_special_tokens();
  call->output.expert_stats = output.expert_stats();
  if (options.has_num_samples()) call->num_samples = options.num_samples();
  call->priority = options.priority();
  call->cache_salt = options.cache_salt();
}

template <typename Request>
absl::StatusOr<GenerationCall> ParseGenerate(const Request& request) {
  GenerationCall call;
  call.model = request.model();
  switch (request.prompt_case()) {
    case Request::kText:
      call.prompt = TextPrompt{request.text(), !request.has_add_special_tokens() || request.add_special_tokens()};
      break;
    case Request::kTokenIds:
      call.prompt = TokenPrompt{{request.token_ids().ids().begin(), request.token_ids().ids().end()}};
      break;
    default:
      return InvalidField("prompt", "either text or token_ids is needed");
  }
  ParseOptions(request.options(), &call);
  FOREGATE_RETURN_IF_ERROR(ValidateCall(call));
  return call;
}

template <typename Request>
absl::StatusOr<GenerationCall> ParseChat(const Request& request) {
  GenerationCall call;
  call.model = request.model();
  FOREGATE_ASSIGN_OR_RETURN(call.prompt, ParseConversation(request.conversation()));
  ParseOptions(request.options(), &call);
  FOREGATE_RETURN_IF_ERROR(ValidateCall(call));
  return call;
}

}  // namespace

absl::StatusOr<GenerationCall> ParseRequest(const wire::GenerateRequest& request) { return ParseGenerate(request); }

absl::StatusOr<GenerationCall> ParseRequest(const wire::GenerateStreamRequest& request) {
  return ParseGenerate(request);
}

absl::StatusOr<GenerationCall> ParseRequest(const wire::ChatRequest& request) { return ParseChat(request); }

absl::StatusOr<GenerationCall> ParseRequest(const wire::ChatStreamRequest& request) { return ParseChat(request); }

absl::StatusOr<Conversation> ParseConversation(const wire::Conversation& wire_conversation) {
  Conversation conversation;
  if (wire_conversation.messages_size() == 0) {
    return InvalidField("conversation.messages", "at least one message is needed");
  }
  for (int i = 0; i < wire_conversation.messages_size(); ++i) {
    FOREGATE_ASSIGN_OR_RETURN(ChatMessage message, ParseMessage(wire_conversation.messages(i),
                                                                "conversation.messages[" + std::to_string(i) + "]"));
    conversation.messages.push_back(std::move(message));
  }
  for (int i = 0; i < wire_conversation.tools_size(); ++i) {
    const wire::ToolDefinition& wire_tool = wire_conversation.tools(i);
    const std::string field = "conversation.tools[" + std::to_string(i) + "]";
    if (wire_tool.name().empty()) return InvalidField(field + ".name", "must not be empty");
    ToolDefinition tool;
    tool.name = wire_tool.name();
    if (wire_tool.has_description()) tool.description = wire_tool.description();
    FOREGATE_ASSIGN_OR_RETURN(tool.parameters, ToJson(wire_tool.parameters(), field + ".parameters"));
    conversation.tools.push_back(std::move(tool));
  }
  FOREGATE_ASSIGN_OR_RETURN(conversation.template_arguments,
                            ToJson(wire_conversation.template_arguments(), "conversation.template_arguments"));
  conversation.add_generation_prompt =
      !wire_conversation.has_add_generation_prompt() || wire_conversation.add_generation_prompt();
  return conversation;
}

}  // namespace foregate
