#include "engine/formats/bulk_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <vector>

namespace foregate {
namespace {

class BulkFileTest : public testing::Test {
 protected:
  BulkFileTest() : path_(testing::TempDir() + "/bulk_file_test." + std::to_string(::getpid())) {
    content_.resize(3 * BulkFile::kAlignment + 100);
    for (size_t i = 0; i < content_.size(); ++i) content_[i] = static_cast<char>(i * 7 + i / 251);
    std::ofstream(path_, std::ios::binary) << content_;
  }
  ~BulkFileTest() override { std::filesystem::remove(path_); }

  // Reads in pieces of these sizes.
  absl::StatusOr<std::string> Read(const BulkFile& file, uint64_t offset, std::vector<size_t> sizes, bool direct) {
    size_t total = 0;
    for (const size_t size : sizes) total += size;
    const std::unique_ptr<char, void (*)(void*)> memory(
        static_cast<char*>(std::aligned_alloc(BulkFile::kAlignment, (total / 4096 + 1) * 4096)), std::free);
    std::vector<iovec> buffers;
    size_t at = 0;
    for (const size_t size : sizes) {
      buffers.push_back({memory.get() + at, size});
      at += size;
    }
    if (const absl::Status read = file.Read(offset, buffers, direct); !read.ok()) return read;
    return std::string(memory.get(), total);
  }

  const std::string path_;
  std::string content_;
};

TEST_F(BulkFileTest, PiecesAreFilledInOrder) {
  const auto file = BulkFile::Open(path_);
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_EQ(*Read(**file, 0, {1, 4000, 95}, false), content_.substr(0, 4096));
  EXPECT_EQ(*Read(**file, 12345, {43}, false), content_.substr(12345, 43));
  EXPECT_EQ(*Read(**file, 0, std::vector<size_t>(3000, 4), false), content_.substr(0, 12000)) << "beyond IOV_MAX";
}

TEST_F(BulkFileTest, DirectReadsGiveTheSameBytesWhereverTheyAreRefused) {
  const auto file = BulkFile::Open(path_);
  ASSERT_TRUE(file.ok()) << file.status();
  // On a file system without direct I/O, and for a length that it refuses, this falls back.
  if (!(*file)->PrefersDirect(0, 1)) {
    const int fd = ::open(path_.c_str(), O_RDONLY | O_DIRECT);
    if (fd < 0) GTEST_SKIP() << "no direct I/O here";
    ::close(fd);
  }
  EXPECT_EQ(*Read(**file, 4096, {4096, 4096}, true), content_.substr(4096, 8192));
  EXPECT_EQ(*Read(**file, 100, {200}, true), content_.substr(100, 200));
}

TEST_F(BulkFileTest, AFileThatShrinksIsDataLoss) {
  const auto file = BulkFile::Open(path_);
  ASSERT_TRUE(file.ok()) << file.status();
  std::filesystem::resize_file(path_, 5000);
  const absl::Status status = Read(**file, 4096, {4096}, false).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss) << status;
  EXPECT_NE(status.message().find(path_), std::string::npos);
}

TEST_F(BulkFileTest, OnlyRegularFilesOpen) {
  EXPECT_EQ(BulkFile::Open(path_ + ".none").status().code(), absl::StatusCode::kNotFound);
  EXPECT_EQ(BulkFile::Open(testing::TempDir()).status().code(), absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace foregate
