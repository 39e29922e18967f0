// GGUF metadata of llama.cpp's own converter against the tokenizers that it was made from, and planted faults.
#include "server/text/gguf_source.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "engine/formats/gguf/gguf_writer.h"
#include "server/text/json_node.h"
#include "server/text/text_model.h"

namespace foregate {
namespace {

// Texts that tell pre-tokenizers, normalizers, byte fallback and prefixes apart.
const char* const kTexts[] = {
    "",
    "Hello, world!",
    "  two  spaces and\n\n lines \n\t x",
    "I'll we'Ve don't 'S 1234567 3.14",
    "e\xCC\x81 \xC3\xA9 \xEF\xAC\x81",                          // NFD, NFC, ligature
    "\xE4\xBD\xA0\xE5\xA5\xBD \xF0\x9F\xA6\x99\xE2\x80\x8D x",  // CJK, emoji, joiner
    "<|im_start|>user\nHi<|im_end|>\n<|endoftext|>",
    "a<s>b</s> c <unk><0x41>",
    "\xE2\x96\x81under \xE2\x96\x81\xE2\x96\x81",  // the space mark itself
    "trailing   ",
    "\xC2\xA0no-break\xE3\x80\x80wide",
    "def f(x):\n    return x**2  # done\n\n\n",
};

struct Converted {
  std::string name;
  std::string checkpoint;
};

std::vector<std::string> Texts(const std::string& checkpoint) {
  std::vector<std::string> texts(std::begin(kTexts), std::end(kTexts));
  const auto cases = ReadWholeFile(checkpoint + "/cases.json", 16 << 20);
  if (!cases.ok()) return texts;
  for (const nlohmann::json& golden : (*ParseJsonText(*cases, "cases"))["cases"]) {
    std::string text = golden["text"].get<std::string>();
    // The converter makes a SentencePiece model's user-defined piece a normal one.
    if (text.find("<sep>") == text.npos) texts.push_back(std::move(text));
  }
  return texts;
}

class ConvertedTokenizerTest : public testing::TestWithParam<Converted> {};

TEST_P(ConvertedTokenizerTest, EqualsTheCheckpoints) {
  const auto have = LoadTextModel("tests/data/gguf/" + GetParam().name + "_vocabulary.gguf");
  const auto want = LoadTextModel(GetParam().checkpoint);
  ASSERT_TRUE(have.ok()) << have.status();
  ASSERT_TRUE(want.ok()) << want.status();
  ASSERT_NE(have->tokenizer, nullptr);
  EXPECT_EQ(have->tokenizer->vocab_size(), want->tokenizer->vocab_size());
  for (const std::string& text : Texts(GetParam().checkpoint)) {
    for (const bool add : {false, true}) {
      // The directory says nothing about a begin token, and llama.cpp's default is another than transformers'.
      if (add && GetParam().name == "sp_bpe_model") continue;
      for (const bool parse : {false, true}) {
        const EncodeOptions options = {.add_special_tokens = add, .parse_special_tokens = parse};
        const auto ids = have->tokenizer->Encode(text, options);
        const auto expected = want->tokenizer->Encode(text, options);
        ASSERT_TRUE(ids.ok() && expected.ok());
        EXPECT_EQ(*ids, *expected) << text;
        EXPECT_EQ(*have->tokenizer->Decode(*ids, true), *want->tokenizer->Decode(*ids, true)) << text;
      }
    }
  }
  for (TokenId id = 0; id < want->tokenizer->vocab_size(); ++id) {
    ASSERT_EQ(have->tokenizer->TokenBytes(id), want->tokenizer->TokenBytes(id)) << id;
    ASSERT_EQ(have->tokenizer->IsSpecial(id), want->tokenizer->IsSpecial(id)) << id;
  }
  EXPECT_EQ(have->eos_token, want->eos_token);
  ASSERT_EQ(have->chat_template != nullptr, want->chat_template != nullptr);
  if (want->chat_template != nullptr) {
    EXPECT_EQ(have->chat_template->source(), want->chat_template->source());
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, ConvertedTokenizerTest,
                         testing::Values(Converted{"chatml", "tests/data/tokenizers/chatml"},
                                         Converted{"qwen", "tests/data/tokenizers/qwen"},
                                         Converted{"llama3", "tests/data/tokenizers/llama3"},
                                         Converted{"gpt_neox", "tests/data/tokenizers/gpt_neox"},
                                         Converted{"sp_bpe_model", "tests/data/tokenizers/sp_bpe_model"}),
                         [](const auto& kind) { return kind.param.name; });

class GgufTextTest : public testing::Test {
 protected:
  void SetUp() override {
    const std::string name = testing::UnitTest::GetInstance()->current_test_info()->name();
    path_ = testing::TempDir() + "/gguf_text_" + name + ".gguf";
  }
  void TearDown() override { std::filesystem::remove(path_); }
  absl::StatusOr<TextModel> Load(const GgufWriter& writer) {
    std::ofstream(path_, std::ios::binary) << writer.Bytes();
    return LoadTextModel(path_);
  }
  void ExpectError(const GgufWriter& writer, const std::string& part) {
    const auto model = Load(writer);
    ASSERT_FALSE(model.ok()) << part;
    EXPECT_NE(model.status().message().find(part), std::string::npos) << model.status();
    EXPECT_NE(model.status().message().find(path_), std::string::npos) << model.status();
  }
  std::string path_;
};

// a b ab, and <|im_end|> as a control token.
GgufWriter Bpe(const std::string& pre = "gpt-2") {
  GgufWriter writer;
  writer.AddString("tokenizer.ggml.model", "gpt2");
  writer.AddString("tokenizer.ggml.pre", pre);
  writer.AddStrings("tokenizer.ggml.tokens", {"a", "b", "ab", "<|im_end|>", "<tool>", "[PAD5]"});
  writer.AddNumbers<int32_t>("tokenizer.ggml.token_type", GgufValueType::kInt32, {1, 1, 1, 3, 4, 5});
  writer.AddStrings("tokenizer.ggml.merges", {"a b"});
  writer.AddUint32("tokenizer.ggml.eos_token_id", 3);
  return writer;
}

// With byte tokens; scores prefer "ab".
GgufWriter SentencePiece() {
  GgufWriter writer;
  writer.AddString("tokenizer.ggml.model", "llama");
  writer.AddStrings("tokenizer.ggml.tokens", {"<unk>", "<s>", "</s>", "<0x41>", "\xE2\x96\x81", "a", "b", "ab",
                                              "\xE2\x96\x81"
                                              "a"});
  writer.AddNumbers<float>("tokenizer.ggml.scores", GgufValueType::kFloat32, {0, 0, 0, 0, -4, -5, -6, -1, -2});
  writer.AddNumbers<int32_t>("tokenizer.ggml.token_type", GgufValueType::kInt32, {2, 3, 3, 6, 1, 1, 1, 1, 1});
  return writer;
}

void Remove(GgufWriter& writer, const std::string& key) {
  std::erase_if(writer.entries, [&](const std::string& entry) { return entry.find(key) != entry.npos; });
}

TEST_F(GgufTextTest, ByteLevelVocabulary) {
  const auto model = Load(Bpe());
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(*model->tokenizer->Encode("ab<|im_end|>b<tool>", {}), (std::vector<TokenId>{2, 3, 1, 4}));
  EXPECT_EQ(model->tokenizer->vocab_size(), 5);  // padding is no token
  EXPECT_TRUE(model->tokenizer->IsSpecial(3));
  EXPECT_FALSE(model->tokenizer->IsSpecial(4));
  EXPECT_EQ(model->eos_token, "<|im_end|>");
  EXPECT_EQ(model->eos_token_ids, std::vector<TokenId>{3});
  EXPECT_EQ(model->chat_template, nullptr);
  EXPECT_TRUE(model->tokenizer_files.empty());
}

TEST_F(GgufTextTest, SentencePieceVocabulary) {
  auto model = Load(SentencePiece());
  ASSERT_TRUE(model.ok()) << model.status();
  // "▁ab": "ab" scores best. The begin token is added unless the file says otherwise.
  EXPECT_EQ(*model->tokenizer->Encode("ab", {}), (std::vector<TokenId>{1, 4, 7}));
  EXPECT_EQ(*model->tokenizer->Encode("A", {.add_special_tokens = false}), (std::vector<TokenId>{4, 3}));
  EXPECT_EQ(*model->tokenizer->Decode(std::vector<TokenId>{1, 4, 7, 3}, true), "abA");
  GgufWriter writer = SentencePiece();
  writer.AddBool("tokenizer.ggml.add_space_prefix", false);
  writer.AddBool("tokenizer.ggml.add_bos_token", false);
  writer.AddBool("tokenizer.ggml.add_eos_token", true);
  model = Load(writer);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(*model->tokenizer->Encode("ab", {}), (std::vector<TokenId>{7, 2}));
}

TEST_F(GgufTextTest, TemplatesEndsAndDefaults) {
  GgufWriter writer = Bpe();
  writer.AddString("tokenizer.chat_template", "plain");
  writer.AddStrings("tokenizer.chat_templates", {"tool_use"});
  writer.AddString("tokenizer.chat_template.tool_use", "tools");
  writer.AddUint32("tokenizer.ggml.eot_token_id", 4);
  writer.AddUint32("tokenizer.ggml.padding_token_id", ~0u);
  writer.AddFloat32("general.sampling.temp", 0.5f);
  writer.AddEntry("general.sampling.top_k", GgufValueType::kInt32, GgufBytes(20));
  const auto model = Load(writer);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->chat_template->source(), "plain");
  EXPECT_EQ(model->named_templates.at("tool_use")->source(), "tools");
  EXPECT_EQ(model->eos_token_ids, (std::vector<TokenId>{3, 4}));
  EXPECT_EQ(model->pad_token, "");
  EXPECT_EQ(model->defaults.temperature, 0.5);
  EXPECT_EQ(model->defaults.top_k, 20);
}

TEST_F(GgufTextTest, NoTokenizerIsNoFault) {
  GgufWriter writer;
  EXPECT_EQ(Load(writer)->tokenizer, nullptr);
  writer.AddString("tokenizer.ggml.model", "none");
  EXPECT_EQ(Load(writer)->tokenizer, nullptr);
}

TEST_F(GgufTextTest, Faults) {
  ExpectError(Bpe("viking"), "metadata \"tokenizer.ggml.pre\": \"viking\" is not known; known: qwen2");
  ExpectError(Bpe("\xff"), "\"tokenizer.ggml.pre\": want a string in UTF-8");
  GgufWriter none = Bpe();
  Remove(none, "ggml.pre");
  ExpectError(none, "\"tokenizer.ggml.pre\": missing");
  GgufWriter other = Bpe();
  Remove(other, "ggml.model");
  other.AddString("tokenizer.ggml.model", "bert");
  ExpectError(other, "\"bert\" is not supported; supported: gpt2, llama");
  const auto with_tokens = [](const std::vector<std::string>& tokens) {
    GgufWriter writer = Bpe();
    Remove(writer, "ggml.tokens");
    writer.AddStrings("tokenizer.ggml.tokens", tokens);
    return writer;
  };
  ExpectError(with_tokens({"a", "b", "a", "ab", "c", "d"}), "\"tokenizer.ggml.tokens\": token 2 is also token 0");
  ExpectError(with_tokens({"a", "b"}), "\"tokenizer.ggml.token_type\": want one number for each of the 2 tokens");
  ExpectError(with_tokens({"a", ""}), "\"tokenizer.ggml.tokens\": string 1 is empty or not UTF-8");
  ExpectError(with_tokens({"a", "\xff"}), "string 1 is empty or not UTF-8");
  ExpectError(with_tokens({}), "no tokens");
  GgufWriter types = Bpe();
  Remove(types, "token_type");
  types.AddNumbers<int32_t>("tokenizer.ggml.token_type", GgufValueType::kInt32, {1, 1, 1, 3, 4, 9});
  ExpectError(types, "token 5 has type 9");
  GgufWriter merges = Bpe();
  Remove(merges, "merges");
  ExpectError(merges, "\"tokenizer.ggml.merges\": missing");
  merges.AddStrings("tokenizer.ggml.merges", {"ab"});
  ExpectError(merges, "merge 0 is not two words");
  GgufWriter foreign = Bpe();
  Remove(foreign, "merges");
  foreign.AddStrings("tokenizer.ggml.merges", {"a c"});
  ExpectError(foreign, "merges");
  GgufWriter id = Bpe();
  id.AddUint32("tokenizer.ggml.bos_token_id", 6);
  ExpectError(id, "\"tokenizer.ggml.bos_token_id\": want the id of one of 6 tokens");
  GgufWriter scores = SentencePiece();
  Remove(scores, "scores");
  ExpectError(scores, "\"tokenizer.ggml.scores\": missing");
  GgufWriter bad_template = Bpe();
  bad_template.AddString("tokenizer.chat_template", "{% if %}");
  ExpectError(bad_template, "tokenizer.chat_template");
  GgufWriter number = Bpe();
  number.AddString("general.sampling.temp", "hot");
  ExpectError(number, "\"general.sampling.temp\": want a number");
}

}  // namespace
}  // namespace foregate
