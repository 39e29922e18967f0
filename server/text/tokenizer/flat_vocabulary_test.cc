#include "server/text/tokenizer/flat_vocabulary.h"

#include <gtest/gtest.h>

namespace foregate {
namespace {

TEST(FlatVocabularyTest, IsEmptyBeforeAnything) {
  EXPECT_EQ(FlatVocabulary().Find("a"), FlatVocabulary::kNone);
  EXPECT_EQ(FlatVocabulary().size(), 0u);
}

TEST(FlatVocabularyTest, FindsTokensOfEveryLength) {
  FlatVocabulary vocabulary;
  vocabulary.Reserve(2000);
  std::string token;
  for (int32_t id = 0; id < 2000; ++id) {
    token = std::to_string(id * 7919) + std::string(static_cast<size_t>(id % 23), '\0');
    vocabulary.Insert(token, id);
  }
  EXPECT_EQ(vocabulary.size(), 2000u);
  for (int32_t id = 0; id < 2000; ++id) {
    token = std::to_string(id * 7919) + std::string(static_cast<size_t>(id % 23), '\0');
    EXPECT_EQ(vocabulary.Find(token), id);
    EXPECT_EQ(vocabulary.Find(token + "x"), FlatVocabulary::kNone);
  }
}

TEST(FlatVocabularyTest, ATokenGivenTwiceKeepsItsLastId) {
  FlatVocabulary vocabulary;
  vocabulary.Reserve(2);
  vocabulary.Insert("", 3);
  vocabulary.Insert("", 4);
  EXPECT_EQ(vocabulary.Find(""), 4);
  EXPECT_EQ(vocabulary.size(), 1u);
}

}  // namespace
}  // namespace foregate
