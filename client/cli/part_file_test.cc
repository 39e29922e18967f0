#include "client/cli/part_file.h"

#include <filesystem>
#include <iterator>

#include "gtest/gtest.h"

namespace foregate {
namespace {

std::string Path(const std::string& name) { return testing::TempDir() + "/part_file_" + name; }

std::string Content(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return file.is_open() ? std::string(std::istreambuf_iterator<char>(file), {}) : "absent";
}

TEST(PartFile, NothingOfAnotherProcessIsTouchedBeforeTheFirstBytes) {
  const std::string path = Path("other");
  std::ofstream(path + ".part") << "another's";
  { const PartFile refused(path); }
  EXPECT_EQ(Content(path + ".part"), "another's");
  PartFile file(path);
  ASSERT_TRUE(file.status().ok()) << file.status();
  file.Write("new");
  ASSERT_TRUE(file.Finish().ok());
  EXPECT_EQ(Content(path), "new");
  EXPECT_EQ(Content(path + ".part"), "absent");
}

TEST(PartFile, IsRemovedUnlessKept) {
  const std::string path = Path("kept");
  std::filesystem::remove(path);
  {
    PartFile file(path);
    file.Write("gone");
  }
  EXPECT_EQ(Content(path + ".part"), "absent");
  {
    PartFile file(path);
    file.Write("kept");
    EXPECT_EQ(file.Keep(), path + ".part");
  }
  EXPECT_EQ(Content(path + ".part"), "kept");
  EXPECT_EQ(Content(path), "absent");
}

TEST(PartFile, WhatIsNoRegularFileIsWrittenAtOnce) {
  PartFile file("/dev/null");
  ASSERT_TRUE(file.status().ok()) << file.status();
  file.Write("into nothing");
  EXPECT_TRUE(file.Finish().ok());
  EXPECT_EQ(file.num_bytes(), 12);
  EXPECT_TRUE(std::filesystem::is_character_file("/dev/null"));
  PartFile full("/dev/full");
  full.Write("too much");
  EXPECT_EQ(full.Finish().message(), "cannot write /dev/full completely");
}

}  // namespace
}  // namespace foregate
