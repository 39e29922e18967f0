#include "client/evaluation/task_reply.h"

#include "client/evaluation/json_fields.h"

namespace foregate {
namespace {

// Leaves room for what stands around them in a line of a results file.
constexpr int kMaxArgumentsDepth = kMaxJsonDepth - 8;

}  // namespace

std::string Stripped(const std::string& text) {
  constexpr char kWhite[] = " \t\n\r\f\v";
  const size_t begin = text.find_first_not_of(kWhite);
  if (begin == std::string::npos) return {};
  return text.substr(begin, text.find_last_not_of(kWhite) - begin + 1);
}

TaskCall MakeTaskCall(const std::string& name, const std::string& arguments) {
  // The same limits as for files: what a model wrote is no more to be trusted.
  if (!ParseJsonObject(arguments, "arguments", kMaxArgumentsDepth).ok()) return {name, arguments};
  return {name, nlohmann::json::parse(arguments, nullptr, /*allow_exceptions=*/false)};
}

}  // namespace foregate
