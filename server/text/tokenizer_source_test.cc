// Checkpoints' directories with every kind of vocabulary file, against what the references make of texts
// (tools/goldens/tokenizers.py).
#include "server/text/tokenizer_source.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "server/text/incremental_detokenizer.h"
#include "server/text/json_node.h"
#include "server/text/text_model.h"

namespace foregate {
namespace {

std::string KindPath(const std::string& kind) { return "tests/data/tokenizers/" + kind; }

nlohmann::json LoadCases(const std::string& kind) {
  const auto text = ReadWholeFile(KindPath(kind) + "/cases.json", 16 << 20);
  EXPECT_TRUE(text.ok()) << text.status();
  const auto json = ParseJsonText(text.ok() ? *text : "{}", kind);
  EXPECT_TRUE(json.ok()) << json.status();
  return json.ok() ? (*json)["cases"] : nlohmann::json();
}

void ExpectDecoded(const Tokenizer& tokenizer, const std::vector<TokenId>& ids, bool skip_special,
                   const nlohmann::json& golden, const char* key) {
  if (!golden.contains(key)) return;  // the reference spells these ids in a way of its own
  const auto expected = golden[key].get<std::string>();
  EXPECT_EQ(tokenizer.Decode(ids, skip_special).value(), expected) << golden["text"];
  IncrementalDetokenizer stream(&tokenizer, skip_special);
  std::string text;
  for (const TokenId id : ids) text += stream.Push(id);
  EXPECT_EQ(text + stream.Finish(), expected) << golden["text"];
}

class VocabularyFileTest : public testing::TestWithParam<std::string> {};

TEST_P(VocabularyFileTest, EqualsTheReferenceOnEveryCase) {
  const auto model = LoadTextModel(KindPath(GetParam()));
  ASSERT_TRUE(model.ok()) << model.status();
  ASSERT_NE(model->tokenizer, nullptr);
  const nlohmann::json cases = LoadCases(GetParam());
  ASSERT_GT(cases.size(), 100u);
  for (const nlohmann::json& golden : cases) {
    const auto text = golden["text"].get<std::string>();
    const auto ids = model->tokenizer->Encode(text, {});
    ASSERT_TRUE(ids.ok()) << ids.status();
    EXPECT_EQ(*ids, golden["ids"].get<std::vector<TokenId>>()) << golden["text"];
    const auto bare = model->tokenizer->Encode(text, {.add_special_tokens = false});
    ASSERT_TRUE(bare.ok()) << bare.status();
    EXPECT_EQ(*bare, golden["ids_no_special"].get<std::vector<TokenId>>()) << golden["text"];
    ExpectDecoded(*model->tokenizer, *bare, false, golden, "decoded");
    ExpectDecoded(*model->tokenizer, *bare, true, golden, "decoded_skip_special");
  }
}

class HostileTextTest : public testing::TestWithParam<std::string> {};

// Quadratic work would take minutes here.
TEST_P(HostileTextTest, AMegabyteOfOneThingIsFast) {
  const auto model = LoadTextModel(KindPath(GetParam()));
  ASSERT_TRUE(model.ok()) << model.status();
  for (const std::string unit : {"a", " ", "\n", "\xCC\x81", "\xF0\x9F\x98\x80", "<"}) {
    std::string text;
    while (text.size() < (1 << 20)) text += unit;
    const auto ids = model->tokenizer->Encode(text, {});
    ASSERT_TRUE(ids.ok()) << ids.status();
    EXPECT_TRUE(model->tokenizer->Decode(*ids, false).ok());
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, VocabularyFileTest,
                         testing::Values("unigram_t5", "unigram_bytes", "sp_llama", "sp_llama_legacy", "sp_bpe_model",
                                         "sp_unigram_model", "sp_unigram_bytes_model", "llama3_model", "tiktoken_kimi",
                                         "tiktoken_qwen"),
                         [](const auto& kind) { return kind.param; });

INSTANTIATE_TEST_SUITE_P(Kinds, HostileTextTest,
                         testing::Values("unigram_t5", "unigram_bytes", "sp_bpe_model", "sp_unigram_model"),
                         [](const auto& kind) { return kind.param; });

class TokenizerSourceTest : public testing::Test {
 protected:
  void SetUp() override {
    const std::string name = testing::UnitTest::GetInstance()->current_test_info()->name();
    directory_ = testing::TempDir() + "/tokenizer_source_" + name;
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
  }

  void Write(const std::string& name, const std::string& content) {
    std::ofstream(directory_ + "/" + name, std::ios::binary) << content;
  }

  void Copy(const std::string& kind, const std::string& name) {
    const auto content = ReadWholeFile(KindPath(kind) + "/" + name, 16 << 20);
    ASSERT_TRUE(content.ok()) << content.status();
    Write(name, *content);
  }

  void ExpectError(const std::string& part) {
    const auto model = LoadTextModel(directory_);
    ASSERT_FALSE(model.ok()) << part;
    EXPECT_EQ(model.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_NE(model.status().message().find(part), std::string::npos) << model.status();
  }

  std::string directory_;
};

TEST_F(TokenizerSourceTest, TokenizerJsonWins) {
  Copy("unigram_t5", "tokenizer.json");
  Write("tokenizer.model", "not looked at");
  const auto model = LoadTextModel(directory_);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->tokenizer_files, std::vector<std::string>{"tokenizer.json"});
}

TEST_F(TokenizerSourceTest, AModelFileNamesItsSpecialTokens) {
  Copy("sp_bpe_model", "tokenizer.model");
  const auto model = LoadTextModel(directory_);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->tokenizer_files, std::vector<std::string>{"tokenizer.model"});
  EXPECT_EQ(model->bos_token, "<s>");
  EXPECT_EQ(model->eos_token, "</s>");
  EXPECT_EQ(model->eos_token_ids, std::vector<TokenId>{2});
  EXPECT_TRUE(model->tokenizer->IsSpecial(1));
  EXPECT_FALSE(model->tokenizer->IsSpecial(3));  // <sep>, a user's symbol
  EXPECT_EQ(model->tokenizer->Encode("</s><sep>", {}).value(), (std::vector<TokenId>{2, 3}));
}

TEST_F(TokenizerSourceTest, PlaceholdersAreRenamedAndGapsAreFilled) {
  Copy("sp_bpe_model", "tokenizer.model");
  const int32_t size = LoadTextModel(directory_)->tokenizer->vocab_size();
  Write("tokenizer_config.json", R"({"added_tokens_decoder": {"3": {"content": "<|im_start|>", "special": true},
         ")" + std::to_string(size + 2) +
                                     R"(": {"content": "<|end|>", "special": true}}})");
  const auto model = LoadTextModel(directory_);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->tokenizer->Encode("<|im_start|><|end|>", {}).value(), (std::vector<TokenId>{3, size + 2}));
  EXPECT_EQ(model->tokenizer->vocab_size(), size + 3);
}

TEST_F(TokenizerSourceTest, UnknownPipelinesAreRefusedByName) {
  Write("spiece.model", "x");
  ExpectError("/spiece.model: is a vocabulary whose pipeline is not known");
  Copy("tiktoken_kimi", "tiktoken.model");
  Write("tokenizer_config.json", R"({"tokenizer_class": "OtherTokenizer"})");
  ExpectError("/tiktoken.model: is a tiktoken vocabulary for tokenizer_class OtherTokenizer");
}

TEST_F(TokenizerSourceTest, MalformedFilesAreNamed) {
  Write("tokenizer.model", "");
  ExpectError("/tokenizer.model: has no pieces");
  Write("tokenizer.model", "\x0A\xFF");
  ExpectError("/tokenizer.model: the message ends in a number at byte 2");
  Write("tokenizer.model", std::string("\x0A\x05\x0A\x01"
                                       "a\x18\x09",
                                       7));
  ExpectError("/tokenizer.model: piece 0 unknown type of piece");
  Write("tokenizer.model", "YQ== 0\nYQ== 1\n");
  ExpectError("/tokenizer.model: line 2 repeats a token");
  Write("tokenizer.model", "YQ== 0\nY! 1\n");
  ExpectError("/tokenizer.model: line 2 bad base64");
  Write("tokenizer.model", "YQ== 0\nYg== 99999999\n");
  ExpectError("/tokenizer.model: line 2 must have a rank");
  Copy("sp_bpe_model", "tokenizer.model");
  Write("tokenizer_config.json", R"({"added_tokens_decoder": {"9999999": {"content": "x"}}})");
  ExpectError("/tokenizer.model: added token id 9999999 is beyond the limit");
  Write("tokenizer_config.json", R"({"add_bos_token": "yes"})");
  ExpectError("tokenizer_config.json: add_bos_token must be true or false");
}

}  // namespace
}  // namespace foregate
