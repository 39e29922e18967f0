#include "server/security/token_verifier.h"

#include <sys/stat.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <mutex>
#include <sstream>
#include <utility>
#include <vector>

#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

constexpr size_t kMaxTokenFileBytes = 1 << 20;

class OpenVerifier final : public TokenVerifier {
 public:
  absl::Status Verify(std::string_view) const override { return absl::OkStatus(); }
};

// Identity of a file's content as far as stat tells: a replaced or rewritten file differs in at least one of these.
struct FileStamp {
  uint64_t inode = 0;
  int64_t size = -1;
  int64_t seconds = 0;
  int64_t nanoseconds = 0;
  bool operator==(const FileStamp&) const = default;
};

FileStamp StampOf(const std::string& path) {
  struct stat info {};
  if (stat(path.c_str(), &info) != 0) return {};
  return {info.st_ino, info.st_size, info.st_mtim.tv_sec, info.st_mtim.tv_nsec};
}

std::string_view Trim(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1);
}

absl::StatusOr<std::vector<std::string>> ReadTokens(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::InvalidArgumentError("token file " + path + ": " + std::strerror(errno));
  std::string content(kMaxTokenFileBytes + 1, '\0');
  file.read(content.data(), static_cast<std::streamsize>(content.size()));
  if (file.bad() || (file.gcount() == 0 && !file.eof()))
    return absl::InvalidArgumentError("token file " + path + ": cannot be read");
  content.resize(static_cast<size_t>(file.gcount()));
  if (content.size() > kMaxTokenFileBytes)
    return absl::InvalidArgumentError("token file " + path + ": larger than " + std::to_string(kMaxTokenFileBytes) +
                                      " bytes");
  std::vector<std::string> tokens;
  std::istringstream lines(content);
  for (std::string line; std::getline(lines, line);) {
    const std::string_view token = Trim(line);
    if (!token.empty() && token.front() != '#') tokens.emplace_back(token);
  }
  if (tokens.empty()) return absl::InvalidArgumentError("token file " + path + ": holds no token");
  return tokens;
}

// Time depends on the lengths only. Tokens are random, so their length is no secret.
bool EqualInConstantTime(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned difference = 0;
  for (size_t i = 0; i < a.size(); ++i)
    difference |= static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i]);
  return difference == 0;
}

// The scheme is case-insensitive (RFC 7235, 2.1).
bool HasBearerScheme(std::string_view authorization) {
  constexpr std::string_view kScheme = "bearer ";
  if (authorization.size() < kScheme.size()) return false;
  for (size_t i = 0; i < kScheme.size(); ++i) {
    const char c = authorization[i];
    if ((c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c) != kScheme[i]) return false;
  }
  return true;
}

class FileVerifier final : public TokenVerifier {
 public:
  FileVerifier(std::string path, FileStamp stamp, std::vector<std::string> tokens)
      : path_(std::move(path)), stamp_(stamp), tokens_(std::move(tokens)) {}

  absl::Status Verify(std::string_view authorization) const override {
    if (authorization.empty())
      return absl::UnauthenticatedError("a bearer token is needed: send metadata authorization: Bearer TOKEN");
    if (!HasBearerScheme(authorization))
      return absl::UnauthenticatedError("metadata authorization is not of the form: Bearer TOKEN");
    const std::string_view given = Trim(authorization.substr(std::strlen("bearer ")));
    std::lock_guard lock(mutex_);
    Refresh();
    bool is_known = false;
    for (const std::string& token : tokens_) is_known |= EqualInConstantTime(token, given);
    return is_known ? absl::OkStatus() : absl::UnauthenticatedError("the bearer token is not accepted");
  }

 private:
  // A file that became unreadable or empty keeps the tokens that were last good: an editor that truncates before it
  // writes must neither lock everyone out nor let anyone in.
  void Refresh() const {
    const FileStamp now = StampOf(path_);
    if (now == stamp_ || now == FileStamp{}) return;
    if (auto tokens = ReadTokens(path_); tokens.ok()) {
      tokens_ = *std::move(tokens);
      stamp_ = now;
    }
  }

  const std::string path_;
  mutable std::mutex mutex_;
  mutable FileStamp stamp_;                  // guarded by mutex_
  mutable std::vector<std::string> tokens_;  // guarded by mutex_
};

}  // namespace

absl::StatusOr<std::unique_ptr<TokenVerifier>> LoadTokenVerifier(const std::string& path) {
  if (path.empty()) return std::make_unique<OpenVerifier>();
  const FileStamp stamp = StampOf(path);  // before reading: a change in between is seen by the next call
  FOREGATE_ASSIGN_OR_RETURN(std::vector<std::string> tokens, ReadTokens(path));
  return std::make_unique<FileVerifier>(path, stamp, std::move(tokens));
}

}  // namespace foregate
