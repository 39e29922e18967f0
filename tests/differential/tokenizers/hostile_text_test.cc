// Texts that someone chose to make encoding slow. Whatever is quadratic in a run takes minutes here, so that the test
// finishes at all is the evidence; FOREGATE_HOSTILE_BYTES=1048576 makes it the megabyte and prints the times.
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <utility>
#include <vector>

#include "server/text/incremental_detokenizer.h"
#include "server/text/tokenizer.h"

namespace foregate {
namespace {

size_t NumBytes() {
  const char* given = std::getenv("FOREGATE_HOSTILE_BYTES");
  return given == nullptr ? 192 << 10 : std::strtoull(given, nullptr, 10);
}

double ProcessorSeconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

std::string Repeat(const std::string& unit, size_t bytes) {
  std::string text;
  while (text.size() + unit.size() <= bytes) text += unit;
  return text;
}

// A word without any repetition that a cache could use.
std::string LongWord(size_t bytes) {
  std::string text;
  uint32_t state = 1;
  while (text.size() < bytes) {
    state = state * 1664525 + 1013904223;
    text.push_back(static_cast<char>('a' + (state >> 24) % 26));
  }
  return text;
}

std::vector<std::pair<std::string, std::string>> Texts(size_t bytes) {
  std::vector<std::pair<std::string, std::string>> texts = {{"one long word", LongWord(bytes)}};
  const std::pair<const char*, const char*> units[] = {
      {"one letter", "a"},
      {"spaces", " "},
      {"newlines", "\n"},
      {"space and newline", " \n"},
      {"digits", "7"},
      {"apostrophes", "'"},
      {"punctuation", "!"},
      {"less-than", "<"},
      {"almost an added token", "<|im_star"},
      {"added tokens", "<|im_start|><|im_end|>"},
      {"added tokens and blanks", "<|im_start|> "},
      {"emoji", "\xF0\x9F\x98\x80"},
      {"joined emoji", "\xF0\x9F\x91\xA9\xE2\x80\x8D"},
      {"one combining mark", "\xCC\x81"},
      {"combining marks of two classes", "\xCC\x81\xCC\xA3"},
      {"Han", "\xE4\xBD\xA0\xE5\xA5\xBD"},
      {"Hangul jamo", "\xE1\x84\x80\xE1\x85\xA1"},
      {"alternating scripts", "a\xD0\xB1\xE4\xBD\xA0"},
      {"metaspaces", "\xE2\x96\x81"},
      {"blank and letter", " a"},
      {"capital and small letters", "aB"},
      {"byte tokens", "<0xE4>"},
      {"unassigned characters", "\xF3\xA0\x82\x80"},
  };
  for (const auto& [name, unit] : units) texts.emplace_back(name, Repeat(unit, bytes));
  texts.emplace_back("null characters", std::string(bytes, '\0'));
  return texts;
}

class HostileTextTest : public testing::TestWithParam<const char*> {};

TEST_P(HostileTextTest, IsEncodedAndReadInLinearTime) {
  const auto loaded = Tokenizer::Load("tests/data/tokenizers/" + std::string(GetParam()) + "/tokenizer.json");
  ASSERT_TRUE(loaded.ok()) << loaded.status();
  const Tokenizer& tokenizer = **loaded;
  for (const auto& [name, text] : Texts(NumBytes())) {
    SCOPED_TRACE(name);
    const double started = ProcessorSeconds();
    const auto ids = tokenizer.Encode(text, {.add_special_tokens = false});
    const double encoded = ProcessorSeconds();
    ASSERT_TRUE(ids.ok()) << ids.status();
    const auto decoded = tokenizer.Decode(*ids, false);
    const double ended = ProcessorSeconds();
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_GT(decoded->size(), 0u);
    if (std::getenv("FOREGATE_HOSTILE_BYTES") != nullptr) {
      std::printf("%-12s %-32s encode %.3f s, decode %.3f s, %zu tokens\n", GetParam(), name.c_str(), encoded - started,
                  ended - encoded, ids->size());
    }
  }
  rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  EXPECT_LT(usage.ru_maxrss, 700 << 10);  // KiB: some 200 bytes for a byte of text
}

TEST_P(HostileTextTest, BrokenUtf8IsRefusedByItsOffset) {
  const auto tokenizer = Tokenizer::Load("tests/data/tokenizers/" + std::string(GetParam()) + "/tokenizer.json");
  ASSERT_TRUE(tokenizer.ok()) << tokenizer.status();
  const size_t size = NumBytes();
  const std::pair<const char*, size_t> broken[] = {
      {"\xC3", 1}, {"\xFF", 0}, {"\xED\xA0\x80", 0}, {"\xF4\x90\x80\x80", 0}, {"\xE4\xBD", 3}};
  for (const auto& [bytes, back] : broken) {
    std::string text = Repeat("ab", size);
    const size_t offset = back == 0 ? text.size() / 2 : text.size();
    text.insert(offset, bytes);
    const auto ids = (*tokenizer)->Encode(text, {});
    EXPECT_EQ(ids.status().code(), absl::StatusCode::kInvalidArgument);
    EXPECT_NE(ids.status().message().find("byte " + std::to_string(offset)), std::string::npos) << ids.status();
  }
}

INSTANTIATE_TEST_SUITE_P(Kinds, HostileTextTest,
                         testing::Values("qwen", "gpt2", "llama3", "o200k", "gpt_neox", "deepseek", "deepseek_old",
                                         "sp_bpe", "sp_metaspace"),
                         [](const auto& kind) { return std::string(kind.param); });

}  // namespace
}  // namespace foregate
