#include "client/cli/tokenizer_files.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include "gtest/gtest.h"

namespace foregate {
namespace {

namespace pb = ::foregate::discovery::v1;

constexpr char kShaOfAbc[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
constexpr char kShaOfNothing[] = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

pb::GetTokenizerResponse Manifest(const std::string& name) {
  pb::GetTokenizerResponse response;
  for (const auto& [file_name, size, sha] :
       {std::tuple(name, 3, kShaOfAbc), std::tuple(std::string("empty"), 0, kShaOfNothing)}) {
    pb::TokenizerFile* file = response.mutable_manifest()->add_files();
    file->set_name(file_name);
    file->set_size_bytes(static_cast<uint64_t>(size));
    file->set_sha256(sha);
  }
  return response;
}

pb::GetTokenizerResponse Chunk(int file, const std::string& data) {
  pb::GetTokenizerResponse response;
  response.mutable_chunk()->set_file(file);
  response.mutable_chunk()->set_data(data);
  return response;
}

std::string Read(const std::string& path) {
  std::ostringstream content;
  content << std::ifstream(path).rdbuf();
  return content.str();
}

class TokenizerFilesTest : public testing::Test {
 protected:
  TokenizerFilesTest() : directory_(testing::TempDir() + "/tokenizer_files") {
    std::filesystem::remove_all(directory_);
  }
  const std::string directory_;
};

TEST_F(TokenizerFilesTest, WholeFilesAreWritten) {
  TokenizerFiles files(directory_);
  files.Add(Manifest("sub/abc.json"));
  files.Add(Chunk(0, "ab"));
  EXPECT_FALSE(std::filesystem::exists(directory_ + "/sub/abc.json"));
  files.Add(Chunk(0, "c"));
  files.Add(Chunk(1, ""));
  EXPECT_TRUE(files.Finish().ok()) << files.Finish();
  EXPECT_EQ(Read(directory_ + "/sub/abc.json"), "abc");
  EXPECT_TRUE(std::filesystem::exists(directory_ + "/empty"));
}

TEST_F(TokenizerFilesTest, BrokenStreamsLeaveNothing) {
  {
    TokenizerFiles files(directory_);
    files.Add(Manifest("abc.json"));
    files.Add(Chunk(0, "abd"));
    EXPECT_TRUE(absl::IsDataLoss(files.Finish())) << files.Finish();
  }
  {
    TokenizerFiles files(directory_);
    files.Add(Manifest("abc.json"));
    files.Add(Chunk(0, "ab"));
    EXPECT_TRUE(absl::IsDataLoss(files.Finish())) << files.Finish();
  }
  {
    TokenizerFiles files(directory_);
    files.Add(Manifest("abc.json"));
    files.Add(Chunk(1, ""));
    EXPECT_TRUE(absl::IsInternal(files.Finish())) << files.Finish();
  }
  EXPECT_TRUE(std::filesystem::is_empty(directory_));
}

TEST_F(TokenizerFilesTest, NamesCannotLeaveTheDirectory) {
  for (const char* name : {"../x", "/x", "a/../../x", "", "a/", "./x"}) {
    TokenizerFiles files(directory_);
    files.Add(Manifest(name));
    EXPECT_TRUE(absl::IsInternal(files.Finish())) << name;
  }
}

}  // namespace
}  // namespace foregate
