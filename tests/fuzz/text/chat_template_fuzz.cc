// A template and, after a line "====", the JSON of its context: rendering ends, in text or in an error.
#include <string>
#include <string_view>

#include "server/text/chat_template.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  constexpr std::string_view kBorder = "\n====\n";
  const size_t border = input.find(kBorder);
  const auto compiled = foregate::ChatTemplate::Compile(std::string(input.substr(0, border)), "fuzz");
  if (!compiled.ok()) return 0;
  auto context = nlohmann::ordered_json::object();
  if (border != std::string_view::npos) {
    const std::string_view json = input.substr(border + kBorder.size());
    context = nlohmann::ordered_json::parse(json.begin(), json.end(), nullptr, /*allow_exceptions=*/false);
    if (context.is_discarded()) return 0;
  }
  (*compiled)->Render(context).status().IgnoreError();
  return 0;
}
