// What Python's `tokenizers` answered to a few random and hostile strings of each kind (compare.py --write-sample).
#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "server/text/incremental_detokenizer.h"
#include "server/text/json_node.h"
#include "server/text/tokenizer.h"

namespace foregate {
namespace {

using Json = nlohmann::json;

constexpr char kData[] = "tests/data/tokenizers/";

Json LoadJson(const std::string& path) {
  const auto text = ReadWholeFile(path, 16 << 20);
  EXPECT_TRUE(text.ok()) << text.status();
  const auto json = ParseJsonText(text.ok() ? *text : "null", path);
  EXPECT_TRUE(json.ok()) << json.status();
  return json.ok() ? *json : Json();
}

std::unique_ptr<const Tokenizer> Build(const Json& kind) {
  Json document = Json::object();
  if (!kind["base"].is_null()) document = LoadJson(kData + kind["base"].get<std::string>() + "/tokenizer.json");
  document.merge_patch(kind["patch"]);
  auto tokenizer = Tokenizer::Parse(document.dump(), "tokenizer.json");
  EXPECT_TRUE(tokenizer.ok()) << tokenizer.status();
  return tokenizer.ok() ? *std::move(tokenizer) : nullptr;
}

std::string Stream(const Tokenizer& tokenizer, const std::vector<TokenId>& ids, bool skip_special) {
  IncrementalDetokenizer detokenizer(&tokenizer, skip_special);
  std::string text;
  for (const TokenId id : ids) text += detokenizer.Push(id);
  return text + detokenizer.Finish();
}

void ExpectIds(const Tokenizer& tokenizer, const std::string& text, const EncodeOptions& options,
               const Json& expected) {
  const auto ids = tokenizer.Encode(text, options);
  ASSERT_TRUE(ids.ok()) << ids.status();
  EXPECT_EQ(*ids, expected.get<std::vector<TokenId>>()) << Json(text).dump();
}

void ExpectText(const Tokenizer& tokenizer, const std::vector<TokenId>& ids, bool skip_special, const Json& expected) {
  const auto text = tokenizer.Decode(ids, skip_special);
  ASSERT_TRUE(text.ok()) << text.status();
  EXPECT_EQ(*text, expected.get<std::string>()) << Json(ids).dump();
  EXPECT_EQ(Stream(tokenizer, ids, skip_special), *text) << Json(ids).dump();
}

// An answer that the file leaves out equals the one before it, and the decoded text the text.
void ExpectCase(const Tokenizer& tokenizer, const Json& sample) {
  std::vector<TokenId> ids = sample.value("decode", std::vector<TokenId>());
  std::string text;
  if (sample.contains("text")) {
    text = sample["text"].get<std::string>();
    const Json bare = sample.value("bare", sample["ids"]);
    ExpectIds(tokenizer, text, {}, sample["ids"]);
    ExpectIds(tokenizer, text, {.add_special_tokens = false}, bare);
    ExpectIds(tokenizer, text, {.add_special_tokens = false, .parse_special_tokens = false},
              sample.value("untrusted", bare));
    ids = bare.get<std::vector<TokenId>>();
  }
  const Json decoded = sample.value("decoded", Json(text));
  ExpectText(tokenizer, ids, false, decoded);
  ExpectText(tokenizer, ids, true, sample.value("skipped", decoded));
}

TEST(SampleTest, EqualsTokenizersOnEveryKind) {
  const Json kinds = LoadJson(std::string(kData) + "differential/sample.json");
  ASSERT_GT(kinds.size(), 200u);
  size_t num_cases = 0;
  for (const Json& kind : kinds) {
    SCOPED_TRACE(kind["name"].get<std::string>());
    const auto tokenizer = Build(kind);
    ASSERT_NE(tokenizer, nullptr);
    for (const Json& sample : kind["cases"]) ExpectCase(*tokenizer, sample);
    num_cases += kind["cases"].size();
  }
  EXPECT_GT(num_cases, 1500u);
}

}  // namespace
}  // namespace foregate
