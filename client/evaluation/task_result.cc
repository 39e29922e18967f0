#include "client/evaluation/task_result.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "client/call_error.h"
#include "client/evaluation/json_fields.h"
#include "client/number_text.h"

namespace foregate {
namespace {

// Rises with every change that a reader could notice.
constexpr int kVersion = 1;
constexpr char kVersionKey[] = "foregate_eval";
constexpr float kLeastKeptLogprob = -13.8155F;  // ln 1e-6
constexpr size_t kIdDigits = 32;

OrderedJson CallsJson(const std::vector<TaskCall>& calls) {
  OrderedJson array = OrderedJson::array();
  for (const TaskCall& call : calls) {
    array.push_back({{"name", call.name}, {"arguments", OrderedJson(call.arguments)}});
  }
  return array;
}

// {"ids": [..], "logprobs": [..], "top": [[id, logprob, id, logprob, ..], ..], "answer": [begin, end]}; the last two of
// the three lists begin with the second token.
OrderedJson ScoresJson(const ScoredText& scores) {
  OrderedJson ids = OrderedJson::array(), logprobs = OrderedJson::array(), tops = OrderedJson::array();
  for (size_t i = 0; i < scores.tokens.size(); ++i) {
    const ScoredToken& token = scores.tokens[i];
    ids.push_back(token.token_id);
    if (i == 0) continue;
    logprobs.push_back(ShortestDouble(token.logprob));
    OrderedJson top = OrderedJson::array();
    for (const TokenAlternative& alternative : token.top) {
      if (alternative.logprob < kLeastKeptLogprob) continue;
      top.push_back(alternative.token_id);
      top.push_back(ShortestDouble(alternative.logprob));
    }
    tops.push_back(std::move(top));
  }
  return {{"ids", std::move(ids)},
          {"logprobs", std::move(logprobs)},
          {"top", std::move(tops)},
          {"answer", {scores.answer_begin, scores.answer_end}}};
}

// Reads members of one object, remembering the first fault.
class Fields {
 public:
  Fields(const OrderedJson& object, std::string place) : object_(object), place_(std::move(place)) {}

  const absl::Status& status() const { return status_; }
  const std::string& place() const { return place_; }

  void Fault(const std::string& field, const std::string& what) {
    if (status_.ok()) status_ = FieldFault(place_, field, what);
  }
  std::string String(const std::string& field) {
    absl::StatusOr<std::string> value = StringField(object_, field, place_);
    if (value.ok()) return *std::move(value);
    if (status_.ok()) status_ = value.status();
    return {};
  }
  bool Bool(const std::string& field) {
    if (object_.contains(field) && object_[field].is_boolean()) return object_[field].get<bool>();
    Fault(field, "must be true or false");
    return false;
  }
  // An empty one where it is missing or wrong.
  const OrderedJson& Array(const std::string& field) {
    static const OrderedJson kNothing = OrderedJson::array();
    if (object_.contains(field) && object_[field].is_array()) return object_[field];
    Fault(field, "must be an array");
    return kNothing;
  }
  int64_t Integer(const OrderedJson& value, const std::string& field, int64_t most) {
    // As unsigned first: what only fits there would come out negative.
    if (value.is_number_unsigned() && value.get<uint64_t>() <= static_cast<uint64_t>(most)) return value.get<int64_t>();
    Fault(field, "must be a whole number from 0 to " + std::to_string(most));
    return 0;
  }
  int32_t TokenId(const OrderedJson& value, const std::string& field) {
    return static_cast<int32_t>(Integer(value, field, std::numeric_limits<int32_t>::max()));
  }
  float Logprob(const OrderedJson& value, const std::string& field) {
    const double logprob = value.is_number() ? value.get<double>() : 1;
    if (logprob <= 0 && logprob >= std::numeric_limits<float>::lowest()) return static_cast<float>(logprob);
    Fault(field, "must be a number that is not positive");
    return 0;
  }

 private:
  const OrderedJson& object_;
  const std::string place_;
  absl::Status status_;
};

std::vector<TokenAlternative> ReadTop(const OrderedJson& json, Fields* fields) {
  std::vector<TokenAlternative> top;
  if (!json.is_array() || json.size() % 2 != 0) {
    fields->Fault("top", "must hold arrays of ids and log-probabilities in turn");
    return top;
  }
  for (size_t i = 0; i < json.size() && fields->status().ok(); i += 2) {
    top.push_back({fields->TokenId(json[i], "top"), fields->Logprob(json[i + 1], "top")});
  }
  std::vector<int32_t> ids;
  for (const TokenAlternative& alternative : top) ids.push_back(alternative.token_id);
  std::sort(ids.begin(), ids.end());
  if (std::adjacent_find(ids.begin(), ids.end()) != ids.end()) fields->Fault("top", "names a token twice");
  return top;
}

absl::StatusOr<ScoredText> ReadScores(const OrderedJson& json, const std::string& place) {
  if (!json.is_object()) return FieldFault(place, "tokens", "must be an object");
  Fields fields(json, place + ": tokens");
  const OrderedJson& ids = fields.Array("ids");
  const OrderedJson& logprobs = fields.Array("logprobs");
  const OrderedJson& top = fields.Array("top");
  const OrderedJson& answer = fields.Array("answer");
  if (ids.size() < 2) fields.Fault("ids", "must name two tokens or more");
  if (logprobs.size() + 1 != ids.size()) fields.Fault("logprobs", "must be one for each token but the first");
  if (top.size() + 1 != ids.size()) fields.Fault("top", "must be one for each token but the first");
  if (answer.size() != 2) fields.Fault("answer", "must be the first token's place and the one behind the last");
  if (!fields.status().ok()) return fields.status();
  ScoredText scores;
  scores.tokens.resize(ids.size());
  for (size_t i = 0; i < ids.size() && fields.status().ok(); ++i) {
    scores.tokens[i].token_id = fields.TokenId(ids[i], "ids");
    if (i == 0) continue;
    scores.tokens[i].logprob = fields.Logprob(logprobs[i - 1], "logprobs");
    scores.tokens[i].top = ReadTop(top[i - 1], &fields);
  }
  const auto num_tokens = static_cast<int64_t>(ids.size());
  scores.answer_begin = static_cast<size_t>(fields.Integer(answer[0], "answer", num_tokens));
  scores.answer_end = static_cast<size_t>(fields.Integer(answer[1], "answer", num_tokens));
  if (scores.answer_begin == 0 || scores.answer_begin >= scores.answer_end) {
    fields.Fault("answer", "must span tokens behind the first");
  }
  if (!fields.status().ok()) return fields.status();
  return scores;
}

absl::StatusOr<std::vector<TaskCall>> ReadCalls(const OrderedJson& json, const std::string& place) {
  std::vector<TaskCall> calls;
  for (const OrderedJson& element : json) {
    if (!element.is_object()) return FieldFault(place, "calls", "must hold objects");
    absl::StatusOr<std::string> name = StringField(element, "name", place + ": calls");
    if (!name.ok()) return name.status();
    if (!element.contains("arguments")) return FieldFault(place, "calls", "without arguments");
    calls.push_back({*std::move(name), nlohmann::json(element["arguments"])});
  }
  return calls;
}

bool IsTaskId(const std::string& id) {
  return id.size() == kIdDigits && id.find_first_not_of("0123456789abcdef") == std::string::npos;
}

}  // namespace

std::string HeaderLine(const ResultsHeader& header) {
  OrderedJson json = {{kVersionKey, kVersion},
                      {"model", header.model},
                      {"weights", header.weights_format},
                      {"numeric_contract", header.numeric_contract},
                      {"server", header.server_version},
                      {"max_tokens", header.max_tokens}};
  if (header.num_top) json["num_top"] = *header.num_top;
  return JsonText(json);
}

std::string ResultLine(const TaskResult& result) {
  OrderedJson json = {{"id", result.task_id}, {"family", result.family}};
  if (!result.status.ok()) {
    json["error"] = DescribeError(result.status);
    return JsonText(json);
  }
  json["exact"] = result.is_exact;
  json["content"] = result.reply.content;
  if (!result.reply.calls.empty()) json["calls"] = CallsJson(result.reply.calls);
  if (result.scores) json["tokens"] = ScoresJson(*result.scores);
  return JsonText(json);
}

absl::StatusOr<ResultsHeader> ParseHeaderLine(std::string_view line, const std::string& place) {
  const absl::StatusOr<OrderedJson> json = ParseJsonObject(line, place);
  if (!json.ok()) return json.status();
  if (!json->contains(kVersionKey)) {
    return absl::InvalidArgumentError(place + ": not the first line of what foregate eval --save writes");
  }
  if ((*json)[kVersionKey] != kVersion)
    return FieldFault(place, kVersionKey, "is a version that this program cannot read");
  Fields fields(*json, place);
  ResultsHeader header;
  header.model = fields.String("model");
  header.weights_format = fields.String("weights");
  header.numeric_contract = fields.String("numeric_contract");
  header.server_version = fields.String("server");
  constexpr int64_t kMost = std::numeric_limits<int32_t>::max();
  header.max_tokens =
      static_cast<int32_t>(fields.Integer(json->value("max_tokens", OrderedJson()), "max_tokens", kMost));
  if (json->contains("num_top")) {
    header.num_top = static_cast<int32_t>(fields.Integer((*json)["num_top"], "num_top", kMost));
  }
  if (!fields.status().ok()) return fields.status();
  return header;
}

absl::StatusOr<TaskResult> ParseResultLine(std::string_view line, const std::string& place) {
  const absl::StatusOr<OrderedJson> json = ParseJsonObject(line, place);
  if (!json.ok()) return json.status();
  absl::Status keys = CheckKeys(*json, {"id", "family", "error", "exact", "content", "calls", "tokens"}, place);
  if (!keys.ok()) return keys;
  Fields fields(*json, place);
  TaskResult result;
  result.task_id = fields.String("id");
  if (!IsTaskId(result.task_id)) fields.Fault("id", "must have 32 hexadecimal digits");
  result.family = fields.String("family");
  if (json->contains("error")) {
    result.status = absl::UnknownError(fields.String("error"));
    if (!fields.status().ok()) return fields.status();
    return result;
  }
  result.is_exact = fields.Bool("exact");
  result.reply.content = fields.String("content");
  if (json->contains("calls")) {
    absl::StatusOr<std::vector<TaskCall>> calls = ReadCalls(fields.Array("calls"), place);
    if (!calls.ok()) return calls.status();
    result.reply.calls = *std::move(calls);
  }
  if (!fields.status().ok()) return fields.status();
  if (!json->contains("tokens")) return result;
  absl::StatusOr<ScoredText> scores = ReadScores((*json)["tokens"], place);
  if (!scores.ok()) return scores.status();
  result.scores = *std::move(scores);
  return result;
}

}  // namespace foregate
