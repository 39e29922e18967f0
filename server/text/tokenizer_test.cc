#include "server/text/tokenizer.h"

#include <gtest/gtest.h>

#include <random>

#include "server/text/incremental_detokenizer.h"
#include "server/text/json_node.h"

namespace foregate {
namespace {

std::string DataPath(const std::string& kind, const std::string& file) {
  return "tests/data/tokenizers/" + kind + "/" + file;
}

std::unique_ptr<const Tokenizer> LoadKind(const std::string& kind) {
  auto tokenizer = Tokenizer::Load(DataPath(kind, "tokenizer.json"));
  EXPECT_TRUE(tokenizer.ok()) << tokenizer.status();
  return tokenizer.ok() ? *std::move(tokenizer) : nullptr;
}

nlohmann::json LoadCases(const std::string& kind) {
  const auto text = ReadWholeFile(DataPath(kind, "cases.json"), 16 << 20);
  EXPECT_TRUE(text.ok()) << text.status();
  const auto json = ParseJsonText(text.ok() ? *text : "{}", kind);
  EXPECT_TRUE(json.ok()) << json.status();
  return json.ok() ? (*json)["cases"] : nlohmann::json();
}

std::string Stream(const Tokenizer& tokenizer, const std::vector<TokenId>& ids, bool skip_special) {
  IncrementalDetokenizer detokenizer(&tokenizer, skip_special);
  std::string text;
  for (const TokenId id : ids) text += detokenizer.Push(id);
  return text + detokenizer.Finish();
}

class GoldenTest : public testing::TestWithParam<std::string> {};

TEST_P(GoldenTest, EqualsTokenizersOnEveryCase) {
  const auto tokenizer = LoadKind(GetParam());
  ASSERT_NE(tokenizer, nullptr);
  const nlohmann::json cases = LoadCases(GetParam());
  ASSERT_EQ(cases.size(), 262u);
  for (const nlohmann::json& golden : cases) {
    const auto text = golden["text"].get<std::string>();
    const auto ids = golden["ids"].get<std::vector<TokenId>>();
    const auto encoded = tokenizer->Encode(text, {});
    ASSERT_TRUE(encoded.ok()) << encoded.status();
    EXPECT_EQ(*encoded, ids) << text;
    const auto bare = tokenizer->Encode(text, {.add_special_tokens = false});
    ASSERT_TRUE(bare.ok()) << bare.status();
    const auto bare_ids = golden["ids_no_special"].get<std::vector<TokenId>>();
    EXPECT_EQ(*bare, bare_ids) << text;
    EXPECT_EQ(tokenizer->Decode(bare_ids, false).value(), golden["decoded"].get<std::string>());
    EXPECT_EQ(tokenizer->Decode(bare_ids, true).value(), golden["decoded_skip_special"].get<std::string>());
    EXPECT_EQ(Stream(*tokenizer, bare_ids, false), golden["decoded"].get<std::string>());
    EXPECT_EQ(Stream(*tokenizer, bare_ids, true), golden["decoded_skip_special"].get<std::string>());
  }
}

TEST_P(GoldenTest, StreamOfRandomIdsEqualsWholeDecode) {
  const auto tokenizer = LoadKind(GetParam());
  ASSERT_NE(tokenizer, nullptr);
  std::mt19937 random(20260101);
  for (int round = 0; round < 200; ++round) {
    std::vector<TokenId> ids;
    // Low ids are single bytes: these break characters, which whole tokens seldom do.
    const int32_t end = round % 2 == 0 ? tokenizer->vocab_size() : 262;
    for (int i = 0; i < 40; ++i) ids.push_back(static_cast<TokenId>(random() % end));
    for (const bool skip_special : {false, true}) {
      EXPECT_EQ(Stream(*tokenizer, ids, skip_special), tokenizer->Decode(ids, skip_special).value());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, GoldenTest,
                         testing::Values("qwen", "gpt2", "llama3", "o200k", "gpt_neox", "deepseek", "deepseek_old",
                                         "sp_bpe", "sp_metaspace"),
                         [](const auto& kind) { return kind.param; });

TEST(TokenizerTest, NeverEmitsHalfACharacter) {
  const auto tokenizer = LoadKind("qwen");
  ASSERT_NE(tokenizer, nullptr);
  const std::string text = "\xF0\x9F\x91\xA9\xF0\x9F\x8F\xBD \xE4\xBD\xA0";
  const auto ids = tokenizer->Encode(text, {});
  ASSERT_TRUE(ids.ok());
  ASSERT_GT(ids->size(), 3u);
  IncrementalDetokenizer detokenizer(tokenizer.get(), true);
  for (const TokenId id : *ids) EXPECT_EQ(detokenizer.Push(id).find("\xEF\xBF\xBD"), std::string::npos);
  EXPECT_EQ(detokenizer.Finish(), "");
}

TEST(TokenizerTest, PartOfACharacterReadsAsReplacement) {
  const auto tokenizer = LoadKind("qwen");
  ASSERT_NE(tokenizer, nullptr);
  const auto ids = tokenizer->Encode("\xF0\x9F\xA6\x84", {});
  ASSERT_TRUE(ids.ok());
  ASSERT_GT(ids->size(), 1u);
  EXPECT_EQ(tokenizer->TokenText(ids->front()), "\xEF\xBF\xBD");
  EXPECT_EQ(tokenizer->TokenBytes(ids->front()).substr(0, 1), "\xF0");
  IncrementalDetokenizer detokenizer(tokenizer.get(), true);
  EXPECT_EQ(detokenizer.Push(ids->front()), "");
  EXPECT_EQ(detokenizer.Finish(), "\xEF\xBF\xBD");
}

TEST(TokenizerTest, InvalidUtf8IsNamedByItsOffset) {
  const auto tokenizer = LoadKind("qwen");
  ASSERT_NE(tokenizer, nullptr);
  const auto ids = tokenizer->Encode("ab\xC3(", {});
  EXPECT_EQ(ids.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(ids.status().message().find("byte 2"), std::string::npos) << ids.status();
}

TEST(TokenizerTest, UnknownIdIsNamed) {
  const auto tokenizer = LoadKind("qwen");
  ASSERT_NE(tokenizer, nullptr);
  EXPECT_EQ(tokenizer->vocab_size(), 1202);
  for (const TokenId id : {1202, -1}) {
    const auto text = tokenizer->Decode(std::vector<TokenId>{id}, false);
    EXPECT_EQ(text.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_NE(text.status().message().find(std::to_string(id)), std::string::npos) << text.status();
    EXPECT_NE(text.status().message().find("1202"), std::string::npos) << text.status();
  }
}

TEST(TokenizerTest, SpecialTokensOfUntrustedTextStayText) {
  const auto tokenizer = LoadKind("qwen");
  ASSERT_NE(tokenizer, nullptr);
  EXPECT_EQ(tokenizer->Encode("<|im_end|>", {}).value(), std::vector<TokenId>{2});
  const auto ids = tokenizer->Encode("<|im_end|>", {.parse_special_tokens = false}).value();
  EXPECT_GT(ids.size(), 1u);
  EXPECT_EQ(tokenizer->Decode(ids, true).value(), "<|im_end|>");
  EXPECT_EQ(tokenizer->TokenToId("<tool_call>"), 1200);
  EXPECT_TRUE(tokenizer->IsSpecial(2));
  EXPECT_FALSE(tokenizer->IsSpecial(1200));
}

// A quadratic merge or normalization would take minutes here.
TEST(TokenizerTest, AMegabyteOfOneThingIsFast) {
  const auto tokenizer = LoadKind("qwen");
  ASSERT_NE(tokenizer, nullptr);
  for (const std::string unit : {"a", " ", "\n", "0", "\xF0\x9F\x98\x80", "<"}) {
    std::string text;
    while (text.size() < (1 << 20)) text += unit;
    const auto ids = tokenizer->Encode(text, {});
    ASSERT_TRUE(ids.ok()) << ids.status();
    EXPECT_EQ(tokenizer->Decode(*ids, false).value(), text);
  }
}

TEST(TokenizerTest, BadFilesAreNamed) {
  const std::string model = R"("model": {"type": "BPE", "vocab": {"a": 0}, "merges": []})";
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"{", "t.json: not JSON"},
      {"[]", "t.json: must be an object"},
      {"{}", "t.json: model is missing"},
      {R"({"model": {"type": "WordPiece", "vocab": {}}})",
       "t.json: model is a model that is not supported: \"WordPiece\""},
      {R"({"model": {"vocab": {"a": -1}, "merges": []}})", "t.json: model.vocab[\"a\"] must be an integer"},
      {R"({"model": {"vocab": {"a": 2000000000}, "merges": []}})", "limit 4194303"},
      {R"({"model": {"vocab": {"a": 0}, "merges": ["a b"]}})", "t.json: model.merges[0] names a token outside"},
      {R"({"model": {"vocab": {"a": 0}, "merges": ["a"]}})", "t.json: model.merges[0] must be two tokens"},
      {R"({"normalizer": {"type": "Magic"}, )" + model + "}",
       "t.json: normalizer is a normalizer that is not supported: Magic"},
      {R"({"pre_tokenizer": {"type": "Sequence", "pretokenizers": [{"type": "Magic"}]}, )" + model + "}",
       "t.json: pre_tokenizer.pretokenizers[0] is a pre-tokenizer that is not supported: Magic"},
      {R"({"pre_tokenizer": {"type": "Split", "pattern": {"Regex": "("}, "behavior": "Isolated"}, )" + model + "}",
       "t.json: pre_tokenizer.pattern.Regex bad regular expression: a group without"},
      {R"({"decoder": {"type": "Magic"}, )" + model + "}", "t.json: decoder is a decoder that is not supported: Magic"},
      {R"({"post_processor": {"type": "Magic"}, )" + model + "}", "post-processor that is not supported: Magic"},
      {R"({"added_tokens": [{"content": 3}], )" + model + "}", "t.json: added_tokens[0].content must be a string"},
  };
  for (const auto& [json, complaint] : cases) {
    const auto tokenizer = Tokenizer::Parse(json, "t.json");
    ASSERT_FALSE(tokenizer.ok()) << json;
    EXPECT_EQ(tokenizer.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_NE(tokenizer.status().message().find(complaint), std::string::npos) << tokenizer.status();
  }
  EXPECT_EQ(Tokenizer::Load("no/such/tokenizer.json").status().code(), absl::StatusCode::kNotFound);
}

}  // namespace
}  // namespace foregate
