#include "server/text/tokenizer/bpe_model.h"

#include <gtest/gtest.h>

#include <random>
#include <thread>

#include "server/text/tokenizer/byte_level.h"

namespace foregate {
namespace {

absl::StatusOr<std::unique_ptr<const BpeModel>> ReadModel(const nlohmann::json& literal) {
  const nlohmann::json json = nlohmann::json::parse(literal.dump());  // a file's numbers are unsigned
  return BpeModel::Read(JsonNode(&json, "t.json:"));
}

// A random vocabulary over `letters`, made as training makes one: merges of tokens that exist.
nlohmann::json RandomModel(const std::vector<std::string>& letters, size_t num_merges, uint32_t seed) {
  std::mt19937 random(seed);
  nlohmann::json vocabulary;
  std::vector<std::string> tokens;
  const auto add = [&](const std::string& token) {
    if (vocabulary.contains(token)) return;
    vocabulary[token] = tokens.size();
    tokens.push_back(token);
  };
  for (const std::string& letter : letters) add(letter);
  nlohmann::json merges = nlohmann::json::array();
  for (size_t i = 0; i < num_merges; ++i) {
    const std::string left = tokens[random() % tokens.size()];
    const std::string right = tokens[random() % tokens.size()];
    merges.push_back({left, right});
    add(left + right);
  }
  return {{"type", "BPE"}, {"vocab", vocabulary}, {"merges", merges}};
}

std::string RandomWord(const std::vector<std::string>& letters, size_t length, std::mt19937* random) {
  std::string word;
  for (size_t i = 0; i < length; ++i) word += letters[(*random)() % letters.size()];
  return word;
}

// The definition: no cutting, no memory.
std::vector<int32_t> EncodeByDefinition(const nlohmann::json& json, const BpeModel& model, const std::string& word,
                                        const std::vector<std::string>& letters) {
  MergeTable table;
  table.Reserve(json["merges"].size());
  int32_t rank = 0;
  for (const auto& merge : json["merges"]) {
    const auto left = merge[0].get<std::string>();
    const auto right = merge[1].get<std::string>();
    table.Insert(*model.TokenToId(left), *model.TokenToId(right), {rank++, *model.TokenToId(left + right)});
  }
  std::vector<int32_t> symbols;
  for (size_t i = 0; i < word.size();) {
    for (const std::string& letter : letters) {
      if (word.compare(i, letter.size(), letter) != 0) continue;
      symbols.push_back(*model.TokenToId(letter));
      i += letter.size();
      break;
    }
  }
  symbols.resize(table.MergeAll(symbols));
  return symbols;
}

TEST(BpeModelTest, CuttingLongWordsChangesNothing) {
  const std::vector<std::string> letters = {"a", "b", "c", "d", "\xE2\x96\x81", "\xE4\xBD\xA0"};
  std::mt19937 random(11);
  for (uint32_t seed = 0; seed < 30; ++seed) {
    const nlohmann::json json = RandomModel(letters, 3 + seed, seed);
    const auto model = ReadModel(json);
    ASSERT_TRUE(model.ok()) << model.status();
    for (int round = 0; round < 40; ++round) {
      const std::string word = RandomWord(letters, random() % 120, &random);
      std::vector<int32_t> ids;
      ASSERT_TRUE((*model)->Encode(word, &ids).ok());
      EXPECT_EQ(ids, EncodeByDefinition(json, **model, word, letters)) << word;
    }
  }
}

TEST(BpeModelTest, BytesEncodeAsTheirSpelling) {
  std::vector<std::string> letters;
  for (int byte = 0; byte < 256; ++byte)
    AppendByteLevel(std::string(1, static_cast<char>(byte)), &letters.emplace_back());
  for (const bool ignore_merges : {false, true}) {
    nlohmann::json json = RandomModel(letters, 3000, 5);
    json["ignore_merges"] = ignore_merges;
    const auto model = ReadModel(json);
    ASSERT_TRUE(model.ok()) << model.status();
    ASSERT_TRUE((*model)->encodes_bytes());
    std::mt19937 random(2);
    for (int round = 0; round < 300; ++round) {
      std::string bytes;
      for (size_t i = random() % 100; i > 0; --i) bytes.push_back(static_cast<char>(random()));
      std::string spelled;
      AppendByteLevel(bytes, &spelled);
      std::vector<int32_t> ids_of_bytes, ids_of_spelling;
      ASSERT_TRUE((*model)->EncodeBytes(bytes, &ids_of_bytes).ok());
      ASSERT_TRUE((*model)->Encode(spelled, &ids_of_spelling).ok());
      EXPECT_EQ(ids_of_bytes, ids_of_spelling);
    }
  }
}

TEST(BpeModelTest, ThreadsRememberApart) {
  const std::vector<std::string> letters = {"a", "b", "c"};
  const auto first = ReadModel(RandomModel(letters, 20, 1));
  const auto second = ReadModel(RandomModel(letters, 20, 2));
  ASSERT_TRUE(first.ok() && second.ok());
  const auto encode_all = [&](const BpeModel& model) {
    std::mt19937 random(3);
    std::vector<int32_t> ids;
    for (int i = 0; i < 2000; ++i) EXPECT_TRUE(model.Encode(RandomWord(letters, 1 + random() % 8, &random), &ids).ok());
    return ids;
  };
  const std::vector<int32_t> expected_first = encode_all(**first);
  const std::vector<int32_t> expected_second = encode_all(**second);
  EXPECT_NE(expected_first, expected_second);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      EXPECT_EQ(encode_all(**first), expected_first);
      EXPECT_EQ(encode_all(**second), expected_second);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST(BpeModelTest, AMissingUnknownTokenIsAnErrorWhenItIsNeeded) {
  const auto model = ReadModel({{"vocab", {{"a", 0}}}, {"merges", nlohmann::json::array()}, {"unk_token", "<unk>"}});
  ASSERT_TRUE(model.ok()) << model.status();
  std::vector<int32_t> ids;
  EXPECT_TRUE((*model)->Encode("aa", &ids).ok());
  const absl::Status status = (*model)->Encode("ab", &ids);
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(status.message().find("<unk>"), std::string::npos) << status;
}

TEST(BpeModelTest, AffixesMarkTheMiddleAndTheEndOfAWord) {
  const auto model =
      ReadModel({{"vocab", {{"a", 0}, {"##b", 1}, {"##c</w>", 2}, {"ab", 3}, {"abc</w>", 4}, {"a</w>", 5}}},
                 {"merges", {"a ##b", "ab ##c</w>"}},
                 {"continuing_subword_prefix", "##"},
                 {"end_of_word_suffix", "</w>"}});
  ASSERT_TRUE(model.ok()) << model.status();
  std::vector<int32_t> ids;
  ASSERT_TRUE((*model)->Encode("abc", &ids).ok());
  ASSERT_TRUE((*model)->Encode("a", &ids).ok());
  EXPECT_EQ(ids, (std::vector<int32_t>{4, 5}));
}

}  // namespace
}  // namespace foregate
