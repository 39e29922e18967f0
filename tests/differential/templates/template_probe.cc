// Renders templates for the comparison with jinja2. One JSON object a line: in {"source", "context"}, out {"text"} or
// {"error", "line", "column"}. Output that is not UTF-8 is a broken promise and aborts in dump().
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "server/text/chat_template.h"

namespace {

using Json = nlohmann::ordered_json;

// "NAME: line 3, column 7: ..." as every error of a template begins; zeros where it does not.
Json Error(const absl::Status& status) {
  const std::string message(status.message());
  int line = 0;
  int column = 0;
  const size_t at = message.find(": line ");
  if (at != std::string::npos) std::sscanf(message.c_str() + at, ": line %d, column %d", &line, &column);
  return {{"error", message}, {"line", line}, {"column", column}};
}

Json Answer(const Json& request) {
  const auto compiled = foregate::ChatTemplate::Compile(request.at("source").get<std::string>(), "probe");
  if (!compiled.ok()) return Error(compiled.status());
  const auto text = (*compiled)->Render(request.at("context"));
  if (!text.ok()) return Error(text.status());
  return {{"text", *text}};
}

}  // namespace

int main() {
  std::ios::sync_with_stdio(false);
  for (std::string line; std::getline(std::cin, line);) std::cout << Answer(Json::parse(line)).dump() << "\n";
  return 0;
}
