#include "server/text/tokenizer/decoder.h"

#include <gtest/gtest.h>

namespace foregate {
namespace {

class Collector : public DecodeStage {
 public:
  void Push(std::string_view text, bool begins_token) override {
    if (begins_token) tokens.emplace_back();
    ASSERT_FALSE(tokens.empty());
    tokens.back() += text;
  }
  void Finish() override { finished = true; }

  std::vector<std::string> tokens;
  bool finished = false;
};

// What a decoder makes of tokens, prepared at load or not: both must be the same.
std::vector<std::string> Decoded(const char* json_text, std::vector<std::string> tokens) {
  const nlohmann::json json = nlohmann::json::parse(json_text);
  const auto decoder = MakeDecoder(JsonNode(&json, "t.json: decoder"));
  EXPECT_TRUE(decoder.ok()) << decoder.status();
  if (!decoder.ok()) return {};
  std::vector<std::vector<std::string>> results;
  for (const bool prepared : {false, true}) {
    Collector collector;
    DecodeStages stages;
    DecodeStage* first = (*decoder)->Start(&collector, prepared, &stages);
    for (std::string token : tokens) {
      if (prepared) (*decoder)->Prepare(&token);
      first->Push(token, true);
    }
    first->Finish();
    EXPECT_TRUE(collector.finished);
    results.push_back(collector.tokens);
  }
  EXPECT_EQ(results[0], results[1]);
  return results[0];
}

using Tokens = std::vector<std::string>;

TEST(DecoderTest, AStepThatNeedsWholeTokensFollowsAFuse) {
  EXPECT_EQ(Decoded(R"({"type": "Sequence", "decoders": [{"type": "Fuse"},
                    {"type": "Replace", "pattern": {"String": "ab"}, "content": "X"}]})",
                    {"a", "ba", "b"}),
            Tokens({"XX"}));
  EXPECT_EQ(Decoded(R"({"type": "Sequence", "decoders": [{"type": "Fuse"},
                    {"type": "Metaspace", "replacement": "_", "prepend_scheme": "always"}]})",
                    {"_a", "_b"}),
            Tokens({"ab"}));
}

TEST(DecoderTest, ATokenThatIsStrippedToNothingStillCounts) {
  EXPECT_EQ(Decoded(R"({"type": "Sequence", "decoders": [{"type": "Strip", "content": "x", "start": 1, "stop": 0},
                    {"type": "Metaspace", "replacement": "_", "prepend_scheme": "always"}]})",
                    {"x", "_b"}),
            Tokens({"", " b"}));
}

TEST(DecoderTest, ByteTokensAreTextOrReplacements) {
  EXPECT_EQ(Decoded(R"({"type": "ByteFallback"})", {"<0xE4>", "<0xBD>", "<0xA0>", "a", "<0xFF>", "<0x+A>"}),
            Tokens({"\xE4\xBD\xA0", "a", "\xEF\xBF\xBD", "\xEF\xBF\xBD"}));
}

TEST(DecoderTest, OlderSubwordModels) {
  EXPECT_EQ(Decoded(R"({"type": "WordPiece", "prefix": "##", "cleanup": true})", {"it", "##s", "do", "not", "."}),
            Tokens({"it", "s", " do", " not", "."}));
  EXPECT_EQ(Decoded(R"({"type": "BPEDecoder", "suffix": "</w>"})", {"a</w>", "b", "c</w>"}), Tokens({"a ", "b", "c"}));
  EXPECT_EQ(Decoded(R"({"type": "CTC", "pad_token": "<p>", "word_delimiter_token": "|", "cleanup": true})",
                    {"a", "a", "<p>", "a", "|", "b"}),
            Tokens({"a", "a", " ", "b"}));
}

}  // namespace
}  // namespace foregate
