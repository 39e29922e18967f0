#include "server/text/file_manifest.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace foregate {
namespace {

class FileManifestTest : public testing::Test {
 protected:
  FileManifestTest() : directory_(testing::TempDir() + "/file_manifest_test") {
    std::filesystem::create_directories(directory_);
  }

  void Write(const std::string& name, const std::string& content) {
    std::ofstream(directory_ + "/" + name, std::ios::binary) << content;
  }

  // All pieces joined by file, or the error.
  absl::StatusOr<std::vector<std::string>> ReadAll(const FileManifest& manifest, size_t max_bytes) {
    std::vector<std::string> contents(manifest.files.size());
    ManifestReader reader(&manifest);
    for (ManifestReader::Piece piece;;) {
      const absl::StatusOr<bool> more = reader.Next(max_bytes, &piece);
      if (!more.ok()) return more.status();
      if (!*more) return contents;
      EXPECT_EQ(piece.offset, contents[piece.file].size());
      EXPECT_LE(piece.data.size(), max_bytes);
      contents[piece.file] += piece.data;
    }
  }

  std::string directory_;
};

TEST_F(FileManifestTest, ReadsBackWhatItListed) {
  const std::string large(100000, 'x');
  Write("a.json", "abc");
  Write("empty", "");
  Write("large", large);
  const auto manifest = MakeFileManifest(ModelFiles(directory_), {"a.json", "empty", "large"});
  ASSERT_TRUE(manifest.ok()) << manifest.status();
  EXPECT_EQ(manifest->files[0].size_bytes, 3u);
  EXPECT_EQ(manifest->files[0].sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(manifest->sha256.size(), 64u);
  for (const size_t max_bytes : {1000u, 100000u, 1u << 20}) {
    const auto contents = ReadAll(*manifest, max_bytes);
    ASSERT_TRUE(contents.ok()) << contents.status();
    EXPECT_EQ(*contents, (std::vector<std::string>{"abc", "", large}));
  }
}

TEST_F(FileManifestTest, AChangedFileIsDataLoss) {
  for (const std::string changed : {"abd", "ab", "abcd"}) {
    Write("a.json", "abc");
    const auto manifest = MakeFileManifest(ModelFiles(directory_), {"a.json"});
    ASSERT_TRUE(manifest.ok()) << manifest.status();
    Write("a.json", changed);
    const auto contents = ReadAll(*manifest, 2);
    EXPECT_TRUE(absl::IsDataLoss(contents.status())) << changed << ": " << contents.status();
    EXPECT_NE(contents.status().message().find("a.json"), std::string::npos);
  }
}

TEST_F(FileManifestTest, AMissingFileIsNamed) {
  const auto manifest = MakeFileManifest(ModelFiles(directory_), {"absent.json"});
  EXPECT_TRUE(absl::IsNotFound(manifest.status())) << manifest.status();
  EXPECT_NE(manifest.status().message().find("absent.json"), std::string::npos);
}

}  // namespace
}  // namespace foregate
