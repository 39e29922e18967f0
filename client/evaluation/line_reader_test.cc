#include "client/evaluation/line_reader.h"

#include <sstream>
#include <vector>

#include "gtest/gtest.h"

namespace foregate {
namespace {

// "line number:offset:text" of each line, and how it ended.
std::vector<std::string> Lines(const std::string& text, size_t max_line_bytes = 1 << 20) {
  std::istringstream file(text);
  LineReader reader(&file, "f", max_line_bytes);
  std::vector<std::string> lines;
  std::string line;
  while (true) {
    const absl::StatusOr<bool> has_line = reader.Next(&line);
    if (!has_line.ok()) {
      lines.emplace_back(has_line.status().message());
      return lines;
    }
    if (!*has_line) return lines;
    lines.push_back(std::to_string(reader.line_number()) + ":" + std::to_string(reader.offset()) + ":" + line);
    EXPECT_EQ(reader.place(), "f line " + std::to_string(reader.line_number()));
  }
}

using Texts = std::vector<std::string>;

TEST(LineReaderTest, BlankLinesAreCountedAndLeftOut) {
  EXPECT_EQ(Lines(""), Texts());
  EXPECT_EQ(Lines("\n \r\n"), Texts());
  EXPECT_EQ(Lines("a\n\nbc\n"), (Texts{"1:0:a", "3:3:bc"}));
  EXPECT_EQ(Lines("a\r\nb"), (Texts{"1:0:a\r", "2:3:b"}));
}

TEST(LineReaderTest, LinesAreBounded) {
  EXPECT_EQ(Lines("abc\nabcd\n", 3), (Texts{"1:0:abc", "f line 2: longer than 3 bytes"}));
}

TEST(LineReaderTest, LinesOfAnyLengthBesideTheChunks) {
  std::string text;
  size_t num_lines = 0;
  for (size_t length = 1; length < 200000; length = length * 5 / 2 + 1) {
    text += std::string(length, 'x') + "\n";
    ++num_lines;
  }
  const Texts lines = Lines(text);
  ASSERT_EQ(lines.size(), num_lines);
  size_t offset = 0;
  for (size_t i = 0; i < num_lines; ++i) {
    const std::string prefix = std::to_string(i + 1) + ":" + std::to_string(offset) + ":";
    EXPECT_EQ(lines[i].substr(0, prefix.size()), prefix);
    offset += lines[i].size() - prefix.size() + 1;
  }
  EXPECT_EQ(offset, text.size());
}

}  // namespace
}  // namespace foregate
