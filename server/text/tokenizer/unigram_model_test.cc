#include "server/text/tokenizer/unigram_model.h"

#include <gtest/gtest.h>

#include <utility>

#include "server/text/tokenizer/byte_trie.h"

namespace foregate {
namespace {

absl::StatusOr<std::unique_ptr<const UnigramModel>> Read(const char* json) {
  const nlohmann::json document = nlohmann::json::parse(json);
  return UnigramModel::Read(JsonNode(&document, "t.json: model"));
}

std::vector<int32_t> Encode(const char* json, std::string_view word) {
  const auto model = Read(json);
  EXPECT_TRUE(model.ok()) << model.status();
  std::vector<int32_t> ids;
  EXPECT_TRUE((*model)->Encode(word, &ids).ok());
  return ids;
}

TEST(ByteTrieTest, FindsEveryPrefixShortestFirst) {
  const ByteTrie trie({{"ab", 1}, {"a", 0}, {"abcd", 2}, {"b", 3}, {"", 4}, {"\xC3\xA9", 5}, {"ab", 6}});
  const auto find = [&](std::string_view text) {
    std::vector<std::pair<size_t, int32_t>> found;
    trie.FindPrefixes(text, [&](size_t length, int32_t value) { found.emplace_back(length, value); });
    return found;
  };
  using Found = std::vector<std::pair<size_t, int32_t>>;
  EXPECT_EQ(find("abcde"), (Found{{1, 0}, {2, 6}, {4, 2}}));
  EXPECT_EQ(find("ba"), (Found{{1, 3}}));
  EXPECT_EQ(find("\xC3\xA9x"), (Found{{2, 5}}));
  EXPECT_EQ(find("\xC3\xA8"), Found{});
  EXPECT_EQ(find(""), Found{});
}

TEST(UnigramModelTest, TakesTheLikeliestPath) {
  constexpr char kModel[] = R"({"unk_id": 0, "vocab": [["<unk>", 0], ["a", -1], ["b", -1], ["ab", -1.5], ["ba", -5]]})";
  EXPECT_EQ(Encode(kModel, "aba"), (std::vector<int32_t>{3, 1}));
  EXPECT_EQ(Encode(kModel, ""), std::vector<int32_t>{});
}

TEST(UnigramModelTest, UnknownCharactersFuseAndFallBackToBytes) {
  EXPECT_EQ(Encode(R"({"unk_id": 0, "vocab": [["<unk>", 0], ["a", -1]]})", "xyaz"), (std::vector<int32_t>{0, 1, 0}));
  constexpr char kBytes[] =
      R"({"unk_id": 0, "byte_fallback": true, "vocab": [["<unk>", 0], ["a", -1], ["<0x78>", 0], ["<0x79>", 0]]})";
  EXPECT_EQ(Encode(kBytes, "xyax"), (std::vector<int32_t>{2, 3, 1, 2}));
  EXPECT_EQ(Encode(kBytes, "xza"), (std::vector<int32_t>{0, 1}));  // one byte has no token
}

// `tokenizers` looks the text of fused unknown characters up.
TEST(UnigramModelTest, AFusedUnknownTextMayBeAToken) {
  EXPECT_EQ(Encode(R"({"unk_id": 0, "vocab": [["<unk>", 100], ["xy", 100]]})", "xy"), std::vector<int32_t>{1});
}

TEST(UnigramModelTest, WithoutAnUnknownTokenItRefuses) {
  const auto model = Read(R"({"unk_id": null, "vocab": [["a", -1]]})");
  ASSERT_TRUE(model.ok()) << model.status();
  std::vector<int32_t> ids;
  const absl::Status status = (*model)->Encode("ab", &ids);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("no token for 'b'"), std::string::npos) << status;
}

TEST(UnigramModelTest, UnmatchedIdsAreNoText) {
  constexpr char kModel[] =
      R"({"unk_id": 0, "unmatched": [1], "vocab": [["<unk>", 0], ["<s>", 0], ["<", -9], ["s", -9]]})";
  EXPECT_EQ(Encode(kModel, "<s"), (std::vector<int32_t>{2, 3}));
  EXPECT_EQ(Encode(kModel, "<s>s"), (std::vector<int32_t>{2, 3, 0, 3}));
}

TEST(UnigramModelTest, BadVocabulariesAreNamed) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({})", "t.json: model.vocab is missing"},
      {R"({"vocab": [["a"]]})", "t.json: model.vocab[0] must have two elements"},
      {R"({"vocab": [["a", "b"]]})", "t.json: model.vocab[0][1] must be a number"},
      {R"({"vocab": [["a", 1]], "unk_id": 1})", "t.json: model.unk_id is 1, but the vocabulary has 1"},
      {R"({"vocab": [["a", 1]], "unmatched": [1]})", "t.json: model.unmatched[0] is not in the vocabulary"},
  };
  for (const auto& [json, complaint] : cases) {
    const auto model = Read(json);
    ASSERT_FALSE(model.ok()) << json;
    EXPECT_NE(model.status().message().find(complaint), std::string::npos) << model.status();
  }
}

}  // namespace
}  // namespace foregate
