#include "server/text/text_model.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "server/text/json_node.h"

namespace foregate {
namespace {

class TextModelTest : public testing::Test {
 protected:
  void SetUp() override {
    const std::string name = testing::UnitTest::GetInstance()->current_test_info()->name();
    directory_ = testing::TempDir() + "/text_model_" + name;
    std::filesystem::remove_all(directory_);
    std::filesystem::create_directories(directory_);
  }

  void Write(const std::string& name, const std::string& content) { std::ofstream(directory_ + "/" + name) << content; }

  void CopyTokenizer() {
    const auto json = ReadWholeFile("tests/data/tokenizers/qwen/tokenizer.json", 16 << 20);
    ASSERT_TRUE(json.ok()) << json.status();
    Write("tokenizer.json", *json);
  }

  void ExpectError(const std::string& part) {
    const auto model = LoadTextModel(directory_);
    ASSERT_FALSE(model.ok());
    EXPECT_EQ(model.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_NE(model.status().message().find(part), std::string::npos) << model.status();
  }

  std::string directory_;
};

TEST_F(TextModelTest, ADirectoryWithoutTextFilesHasNoTokenizer) {
  const auto model = LoadTextModel(directory_);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->tokenizer, nullptr);
  EXPECT_EQ(model->chat_template, nullptr);
  EXPECT_TRUE(model->eos_token_ids.empty());
  EXPECT_FALSE(model->defaults.temperature.has_value());
}

TEST_F(TextModelTest, ReadsEveryFile) {
  CopyTokenizer();
  Write("tokenizer_config.json",
        R"({"bos_token": null, "eos_token": {"content": "<|im_end|>"}, "chat_template": "config {{ eos_token }}"})");
  Write("special_tokens_map.json", R"({"bos_token": "<|endoftext|>", "eos_token": "<|im_end|>"})");
  Write("generation_config.json", R"({"eos_token_id": [2, 0, 2], "temperature": 0.7, "top_k": 20, "do_sample": true})");
  Write("config.json", R"({"eos_token_id": 1})");
  Write("added_tokens.json", R"({"<tool_call>": 1200})");
  const auto model = LoadTextModel(directory_);
  ASSERT_TRUE(model.ok()) << model.status();
  ASSERT_NE(model->tokenizer, nullptr);
  EXPECT_EQ(model->bos_token, "<|endoftext|>");
  EXPECT_EQ(model->eos_token, "<|im_end|>");
  EXPECT_EQ(model->eos_token_ids, (std::vector<TokenId>{2, 0}));
  EXPECT_EQ(model->defaults.temperature, 0.7);
  EXPECT_EQ(model->defaults.top_k, 20);
  EXPECT_EQ(model->defaults.do_sample, true);
  EXPECT_FALSE(model->defaults.top_p.has_value());
  ASSERT_NE(model->chat_template, nullptr);
  EXPECT_EQ(model->chat_template->Render({{"eos_token", model->eos_token}}).value(), "config <|im_end|>");
}

// What transformers rendered and encoded for the model that the repository carries.
TEST(MiniModelTest, RendersAndEncodesAsTransformers) {
  const auto model = LoadTextModel("models/mini");
  ASSERT_TRUE(model.ok()) << model.status();
  ASSERT_NE(model->tokenizer, nullptr);
  ASSERT_NE(model->chat_template, nullptr);
  EXPECT_EQ(model->eos_token_ids, (std::vector<TokenId>{2, 0}));
  const auto json = ReadWholeFile("models/mini/expected.json", 16 << 20);
  ASSERT_TRUE(json.ok()) << json.status();
  const auto expected = nlohmann::ordered_json::parse(*json);
  size_t with_tools = 0;
  for (const auto& golden : expected["cases"]) {
    nlohmann::ordered_json arguments = {{"messages", golden["messages"]}, {"add_generation_prompt", true}};
    if (golden.contains("tools")) {
      arguments["tools"] = golden["tools"];
      ++with_tools;
    }
    const auto prompt = model->chat_template->Render(arguments);
    ASSERT_TRUE(prompt.ok()) << prompt.status();
    EXPECT_EQ(*prompt, golden["prompt"].get<std::string>());
    const auto ids = model->tokenizer->Encode(*prompt, {.add_special_tokens = false});
    ASSERT_TRUE(ids.ok()) << ids.status();
    EXPECT_EQ(*ids, golden["prompt_ids"].get<std::vector<TokenId>>());
    const auto answer = model->tokenizer->Decode(golden["greedy_ids"].get<std::vector<TokenId>>(), true);
    EXPECT_EQ(answer.value(), golden["text"].get<std::string>());
  }
  EXPECT_GE(with_tools, 2u);
  EXPECT_GE(expected["cases"].size(), 40u);
}

TEST_F(TextModelTest, TemplateFilesReplaceConfiguredTemplates) {
  Write("tokenizer_config.json",
        R"({"chat_template": [{"name": "default", "template": "a"}, {"name": "tool_use", "template": "b"}]})");
  auto model = LoadTextModel(directory_);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->chat_template->source(), "a");
  ASSERT_TRUE(model->named_templates.contains("tool_use"));
  EXPECT_EQ(model->named_templates.at("tool_use")->source(), "b");

  Write("chat_template.json", R"({"chat_template": "processor"})");
  model = LoadTextModel(directory_);
  EXPECT_EQ(model->chat_template->source(), "processor");
  EXPECT_TRUE(model->named_templates.empty());

  Write("chat_template.jinja", "file");
  std::filesystem::create_directories(directory_ + "/additional_chat_templates");
  Write("additional_chat_templates/rag.jinja", "rag file");
  Write("additional_chat_templates/README.md", "{% not a template");
  model = LoadTextModel(directory_);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->chat_template->source(), "file");
  ASSERT_EQ(model->named_templates.size(), 1u);
  EXPECT_EQ(model->named_templates.at("rag")->source(), "rag file");
  EXPECT_EQ(model->files.PathOf("x"), directory_ + "/x");
  EXPECT_EQ(model->tokenizer_files,
            (std::vector<std::string>{"additional_chat_templates/rag.jinja", "chat_template.jinja",
                                      "chat_template.json", "tokenizer_config.json"}));
}

// As transformers 5 reads them: the map wins, unless the configuration has an added_tokens_decoder.
TEST_F(TextModelTest, WhichFileNamesTheSpecialTokens) {
  Write("tokenizer_config.json", R"({"eos_token": "config", "image_token": "<img>", "add_bos_token": true,
         "cls_token": {"__type": "AddedToken", "content": "[CLS]"}, "pad_token": null})");
  Write("special_tokens_map.json", R"({"eos_token": "map", "unk_token": {"content": "<unk>"}})");
  auto model = LoadTextModel(directory_);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->eos_token, "map");
  EXPECT_EQ(model->pad_token, "");
  EXPECT_EQ(model->special_tokens,
            (std::map<std::string, std::string>{
                {"cls_token", "[CLS]"}, {"eos_token", "map"}, {"image_token", "<img>"}, {"unk_token", "<unk>"}}));
  Write("tokenizer_config.json", R"({"eos_token": "config", "added_tokens_decoder": {}})");
  model = LoadTextModel(directory_);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->eos_token, "config");
  EXPECT_EQ(model->unk_token, "");
}

TEST_F(TextModelTest, TokensThatOnlyTheConfigurationKnowsAreAdded) {
  CopyTokenizer();
  Write("tokenizer_config.json", R"({"pad_token": "<|pad|>", "extra_special_tokens": ["<|user|>"],
         "added_tokens_decoder": {"1200": {"content": "<tool_call>", "special": true, "normalized": false}}})");
  const auto model = LoadTextModel(directory_);
  ASSERT_TRUE(model.ok()) << model.status();
  EXPECT_EQ(model->tokenizer->Encode("<|pad|><|user|><tool_call>", {}).value(),
            (std::vector<TokenId>{1202, 1203, 1200}));
  EXPECT_TRUE(model->tokenizer->IsSpecial(1202));
  EXPECT_TRUE(model->tokenizer->IsSpecial(1200));  // tokenizer.json says no, the newer file says yes
}

TEST_F(TextModelTest, EndIdsFallBackToConfigAndThenToTheToken) {
  CopyTokenizer();
  Write("tokenizer_config.json", R"({"eos_token": "<|im_end|>"})");
  EXPECT_EQ(LoadTextModel(directory_)->eos_token_ids, std::vector<TokenId>{2});
  Write("config.json", R"({"eos_token_id": 0})");
  EXPECT_EQ(LoadTextModel(directory_)->eos_token_ids, std::vector<TokenId>{0});
}

TEST_F(TextModelTest, MalformedFilesAreNamed) {
  Write("generation_config.json", R"({"temperature": "hot"})");
  ExpectError("generation_config.json: temperature must be a number");
  Write("generation_config.json", R"({"eos_token_id": [1, -3]})");
  ExpectError("generation_config.json: eos_token_id[1] must be an integer");
  Write("generation_config.json", R"({"top_p": 7})");
  ExpectError("generation_config.json: top_p is out of range");
  Write("generation_config.json", "{");
  ExpectError("generation_config.json: not JSON");
  Write("generation_config.json", "{}");
  Write("tokenizer_config.json", R"({"chat_template": "{% if %}"})");
  ExpectError("tokenizer_config.json: chat_template: line 1");
  Write("tokenizer_config.json", R"({"eos_token": 7})");
  ExpectError("tokenizer_config.json: eos_token must be a string");
  Write("tokenizer_config.json", "{}");
  CopyTokenizer();
  Write("added_tokens.json", R"({"<tool_call>": 3})");
  ExpectError("added_tokens.json: <tool_call> is 3, but tokenizer.json makes it 1200");
}

TEST_F(TextModelTest, AnOverlayTakesWhatItHasNotFromItsBase) {
  CopyTokenizer();
  std::filesystem::create_directory(directory_ + "/variant");
  Write("tokenizer_config.json", R"({"eos_token": "<|im_end|>", "chat_template": "base"})");
  Write("generation_config.json", R"({"eos_token_id": 1})");
  Write("config.json", R"({"eos_token_id": 1})");
  Write("variant/generation_config.json", R"({"eos_token_id": 2})");
  Write("variant/config.json", R"({"foregate_overlay": {"version": 1, "base": "..", "files": {"model.safetensors": ")" +
                                   std::string(64, '0') + R"("}}})");
  const auto model = LoadTextModel(directory_ + "/variant");
  ASSERT_TRUE(model.ok()) << model.status();
  ASSERT_NE(model->tokenizer, nullptr);
  EXPECT_EQ(model->chat_template->source(), "base");
  EXPECT_EQ(model->eos_token_ids, std::vector<TokenId>{2});
  EXPECT_EQ(model->tokenizer_files,
            (std::vector<std::string>{"generation_config.json", "tokenizer.json", "tokenizer_config.json"}));
  EXPECT_EQ(model->files.PathOf("tokenizer.json"), directory_ + "/variant/../tokenizer.json");
  std::filesystem::remove(directory_ + "/config.json");
  EXPECT_NE(LoadTextModel(directory_ + "/variant").status().message().find("foregate_overlay: base: "),
            std::string::npos);
}

}  // namespace
}  // namespace foregate
