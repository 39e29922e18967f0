#include "server/security/token_verifier.h"

#include <cstdio>
#include <fstream>

#include "gtest/gtest.h"

namespace foregate {
namespace {

std::string WriteTokenFile(const std::string& name, const std::string& content) {
  const std::string path = ::testing::TempDir() + "/" + name;
  const std::string temporary = path + ".new";
  std::ofstream(temporary) << content;
  EXPECT_EQ(std::rename(temporary.c_str(), path.c_str()), 0);  // a new inode: seen whatever the clock's resolution
  return path;
}

TEST(TokenVerifier, AnEmptyPathLetsEveryoneIn) {
  const auto verifier = LoadTokenVerifier("");
  ASSERT_TRUE(verifier.ok());
  EXPECT_TRUE((*verifier)->Verify("").ok());
}

TEST(TokenVerifier, AcceptsEveryTokenOfTheFileAndNoOther) {
  const std::string path = WriteTokenFile("accepts", "# users\n\nalpha\r\n  beta-2 \n#gamma\n");
  const auto verifier = LoadTokenVerifier(path);
  ASSERT_TRUE(verifier.ok());
  EXPECT_TRUE((*verifier)->Verify("Bearer alpha").ok());
  EXPECT_TRUE((*verifier)->Verify("bearer beta-2").ok());
  for (const char* wrong : {"", "alpha", "Basic alpha", "Bearer ", "Bearer alph", "Bearer alphaa", "Bearer gamma",
                            "Bearer #gamma", "Bearer # users", "Bearer Alpha"}) {
    EXPECT_EQ((*verifier)->Verify(wrong).code(), absl::StatusCode::kUnauthenticated) << wrong;
  }
}

TEST(TokenVerifier, NeverRepeatsTheTokenThatItRefuses) {
  const auto verifier = LoadTokenVerifier(WriteTokenFile("silent", "alpha\n"));
  ASSERT_TRUE(verifier.ok());
  const absl::Status status = (*verifier)->Verify("Bearer sesame");
  EXPECT_EQ(std::string(status.message()).find("sesame"), std::string::npos);
}

TEST(TokenVerifier, FollowsTheFileAndKeepsTheLastGoodTokens) {
  const std::string path = WriteTokenFile("follows", "old\n");
  const auto verifier = LoadTokenVerifier(path);
  ASSERT_TRUE(verifier.ok());
  WriteTokenFile("follows", "new-token\n");
  EXPECT_TRUE((*verifier)->Verify("Bearer new-token").ok());
  EXPECT_FALSE((*verifier)->Verify("Bearer old").ok());
  WriteTokenFile("follows", "\n");
  EXPECT_TRUE((*verifier)->Verify("Bearer new-token").ok());
  std::remove(path.c_str());
  EXPECT_TRUE((*verifier)->Verify("Bearer new-token").ok());
}

TEST(TokenVerifier, NamesTheFileThatCannotServe) {
  const absl::Status missing = LoadTokenVerifier("/nonexistent/tokens").status();
  EXPECT_EQ(missing.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_NE(std::string(missing.message()).find("/nonexistent/tokens"), std::string::npos);
  const std::string empty = WriteTokenFile("empty", "# nothing\n");
  EXPECT_NE(std::string(LoadTokenVerifier(empty).status().message()).find("holds no token"), std::string::npos);
  EXPECT_FALSE(LoadTokenVerifier(::testing::TempDir()).ok());  // a directory
}

}  // namespace
}  // namespace foregate
