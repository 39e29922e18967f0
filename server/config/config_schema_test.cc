#include "server/config/config_schema.h"

#include <set>

#include "gtest/gtest.h"

namespace foregate {
namespace {

// "Default X." at the end of a field's comment, without quotes.
std::string DefaultOfComment(const std::string& comment) {
  const size_t begin = comment.rfind("Default ");
  if (begin == std::string::npos || comment.back() != '.') return "";
  std::string text = comment.substr(begin + 8, comment.size() - begin - 9);
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') text = text.substr(1, text.size() - 2);
  return text;
}

TEST(ConfigSchema, TheDefaultsInTheSchemasCommentsAreTheDefaultsInCode) {
  const ServerConfig defaults = DefaultServerConfig();
  int stated = 0;
  for (const ConfigField& field : ConfigFields()) {
    EXPECT_EQ(GetConfigField(field, defaults).value_or(""), DefaultOfComment(field.comment)) << field.path;
    stated += !DefaultOfComment(field.comment).empty();
  }
  EXPECT_GT(stated, 20);
}

TEST(ConfigSchema, EveryFieldIsExplained) {
  for (const ConfigField& field : ConfigFields()) EXPECT_GT(field.comment.size(), 10u) << field.path;
}

TEST(ConfigSchema, FlagNamesAreUniqueAndResolve) {
  std::set<std::string> names;
  int aliases = 0;
  for (const ConfigField& field : ConfigFields()) {
    EXPECT_TRUE(names.insert(field.path).second) << field.path;
    EXPECT_EQ(FindConfigField(field.path), &field);
    if (field.alias.empty()) continue;
    ++aliases;
    EXPECT_TRUE(names.insert(field.alias).second) << field.alias;
    EXPECT_EQ(FindConfigField(field.alias), &field);
  }
  EXPECT_EQ(aliases, 17);
  EXPECT_EQ(FindConfigField("engine.max-batch-tokens"), FindConfigField("engine.max_batch_tokens"));
  EXPECT_EQ(FindConfigField("engine"), nullptr);
  EXPECT_EQ(FindConfigField(""), nullptr);
}

TEST(ConfigSchema, EveryNumberIsRangeChecked) {
  for (const ConfigField& field : ConfigFields()) {
    ServerConfig config = DefaultServerConfig();
    if (!SetConfigField(field, "-7", &config).ok() || !GetConfigNumber(field, config)) continue;
    bool is_reported = false;
    for (const std::string& problem : FindConfigProblems(config, {}, /*needs_model=*/false))
      is_reported |= problem.starts_with(field.path + ": -7 is not within ");
    EXPECT_TRUE(is_reported) << field.path;
  }
}

TEST(ConfigSchema, SizesTakeUnits) {
  const ConfigField& memory = *FindConfigField("memory");
  ServerConfig config;
  for (const auto& [text, bytes] : {std::pair<const char*, int64_t>{"8GiB", int64_t{8} << 30},
                                    {"512MiB", 512 << 20},
                                    {"4KiB", 4096},
                                    {"1TiB", int64_t{1} << 40},
                                    {"77", 77}}) {
    ASSERT_TRUE(SetConfigField(memory, text, &config).ok()) << text;
    EXPECT_EQ(config.compute().memory_bytes(), bytes);
  }
  for (const char* wrong : {"", "GiB", "8GB", "8 GiB", "8gib", "1.5GiB", "9999999999999999999", "9000000TiB", "0x10"})
    EXPECT_FALSE(SetConfigField(memory, wrong, &config).ok()) << wrong;
}

TEST(ConfigSchema, RefusesValuesOfTheWrongType) {
  ServerConfig config;
  EXPECT_FALSE(SetConfigField(*FindConfigField("threads"), "two", &config).ok());
  EXPECT_FALSE(SetConfigField(*FindConfigField("threads"), "4294967297", &config).ok());
  EXPECT_FALSE(SetConfigField(*FindConfigField("threads"), "1KiB", &config).ok());  // no size
  EXPECT_FALSE(SetConfigField(*FindConfigField("insecure"), "yes", &config).ok());
}

}  // namespace
}  // namespace foregate
