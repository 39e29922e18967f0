// tokenizer_probe: reads JSON lines, writes JSON lines; the C++ side of the differential test.
//   {"load": "PATH"} or {"parse": "the text of a tokenizer.json"}   -> {} or {"error": "..."}
//   {"directory": "PATH"} of a checkpoint                             -> {} or {"error": "..."}
//   {"text": "..."}       -> {"ids": [...], "bare": [...], "untrusted": [...], and the texts of "decode" for bare}
//   {"time": ["...", ..]} -> {"seconds": of encoding all of them one by one, "tokens": how many}
//   {"decode": [ids]}     -> {"decoded": "...", "skipped": "...", "streamed": "...", "streamed_skipped": "..."}
#include <chrono>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include "server/text/incremental_detokenizer.h"
#include "server/text/json_node.h"
#include "server/text/text_model.h"
#include "server/text/tokenizer.h"

namespace foregate {
namespace {

using Json = nlohmann::json;

std::string Stream(const Tokenizer& tokenizer, const std::vector<TokenId>& ids, bool skip_special) {
  IncrementalDetokenizer detokenizer(&tokenizer, skip_special);
  std::string text;
  for (const TokenId id : ids) text += detokenizer.Push(id);
  return text + detokenizer.Finish();
}

void AddDecoded(const Tokenizer& tokenizer, const std::vector<TokenId>& ids, Json* answer) {
  for (const auto& [key, skip_special] : {std::pair("decoded", false), std::pair("skipped", true)}) {
    const auto text = tokenizer.Decode(ids, skip_special);
    (*answer)[key] = text.ok() ? Json(*text) : Json({{"error", text.status().ToString()}});
    (*answer)[std::string("streamed_") + key] = Stream(tokenizer, ids, skip_special);
  }
}

Json Encoded(const Tokenizer& tokenizer, const std::string& text, const EncodeOptions& options) {
  const auto ids = tokenizer.Encode(text, options);
  return ids.ok() ? Json(*ids) : Json({{"error", ids.status().ToString()}});
}

Json AnswerText(const Tokenizer& tokenizer, const std::string& text) {
  Json answer;
  answer["ids"] = Encoded(tokenizer, text, {});
  answer["bare"] = Encoded(tokenizer, text, {.add_special_tokens = false});
  answer["untrusted"] = Encoded(tokenizer, text, {.add_special_tokens = false, .parse_special_tokens = false});
  if (answer["bare"].is_array()) AddDecoded(tokenizer, answer["bare"].get<std::vector<TokenId>>(), &answer);
  return answer;
}

Json AnswerTime(const Tokenizer& tokenizer, const std::vector<std::string>& texts) {
  size_t tokens = 0;
  const auto started = std::chrono::steady_clock::now();
  for (const std::string& text : texts) {
    const auto ids = tokenizer.Encode(text, {.add_special_tokens = false});
    if (!ids.ok()) return {{"error", ids.status().ToString()}};
    tokens += ids->size();
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - started;
  return {{"seconds", seconds.count()}, {"tokens", tokens}};
}

Json Answer(const Json& question, std::unique_ptr<const Tokenizer>* tokenizer) {
  if (question.contains("directory")) {
    auto model = LoadTextModel(question["directory"].get<std::string>());
    if (!model.ok()) return {{"error", model.status().ToString()}};
    *tokenizer = std::move(model->tokenizer);
    return Json::object();
  }
  if (question.contains("load") || question.contains("parse")) {
    auto loaded = question.contains("load") ? Tokenizer::Load(question["load"].get<std::string>())
                                            : Tokenizer::Parse(question["parse"].get<std::string>(), "tokenizer.json");
    if (!loaded.ok()) return {{"error", loaded.status().ToString()}};
    *tokenizer = *std::move(loaded);
    return Json::object();
  }
  if (*tokenizer == nullptr) return {{"error", "no tokenizer is loaded"}};
  if (question.contains("text")) return AnswerText(**tokenizer, question["text"].get<std::string>());
  if (question.contains("time")) return AnswerTime(**tokenizer, question["time"].get<std::vector<std::string>>());
  Json answer;
  AddDecoded(**tokenizer, question["decode"].get<std::vector<TokenId>>(), &answer);
  return answer;
}

}  // namespace
}  // namespace foregate

int main() {
  std::ios::sync_with_stdio(false);
  std::unique_ptr<const foregate::Tokenizer> tokenizer;
  std::string line;
  while (std::getline(std::cin, line)) {
    const auto question = foregate::ParseJsonText(line, "standard input");
    if (!question.ok()) {
      std::cerr << question.status() << '\n';
      return 2;
    }
    std::cout << foregate::Answer(*question, &tokenizer).dump() << '\n' << std::flush;
  }
  return 0;
}
