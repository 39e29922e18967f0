#include "engine/model/container/container_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>

namespace foregate {
namespace {

constexpr uint64_t kDigest[2] = {0x0123456789abcdefu, 0xfedcba9876543210u};

class ContainerFileTest : public testing::Test {
 protected:
  ContainerFileTest() {
    std::string folder = testing::TempDir() + "/container.XXXXXX";
    folder_ = ::mkdtemp(folder.data());
    std::mt19937 random(1);
    payload_.resize(3 * kContainerChunkBytes + 12345);
    for (std::byte& byte : payload_) byte = static_cast<std::byte>(random());
  }
  ~ContainerFileTest() override { std::filesystem::remove_all(folder_); }

  std::string Path() const { return folder_ + "/model.fgw"; }
  static ContainerDirectory Directory() {
    ContainerDirectory directory{.layout = kPackedLayout, .contract = "c", .source = "s", .tensors = {}, .experts = {}};
    directory.tensors.push_back({"a.weight", DType::kBf16, {3, 5}, WeightFormat::kInt4G32, 0, 4096});
    directory.tensors.push_back({"norm", DType::kF32, {7}, std::nullopt, 4096, 28});
    ContainerDirectory::Expert expert{.layer = 2, .expert = 1, .hidden = 16, .width = 8, .parts = {}};
    expert.parts[2] = {WeightFormat::kInt8, 8192, 100};
    directory.experts.push_back(expert);
    return directory;
  }
  // Writes all of the payload but [hole_begin, hole_end).
  absl::Status Write(uint64_t hole_begin = 0, uint64_t hole_end = 0) {
    auto writer = ContainerWriter::Create(Path(), Directory(), payload_.size());
    if (!writer.ok()) return writer.status();
    constexpr uint64_t kPiece = 300'001;
    for (uint64_t at = 0; at < payload_.size(); at += kPiece) {
      const auto piece = std::span(payload_).subspan(at, std::min<uint64_t>(kPiece, payload_.size() - at));
      if (at >= hole_begin && at + piece.size() <= hole_end) {
        std::fill(piece.begin(), piece.end(), std::byte{0});
        continue;
      }
      if (const absl::Status status = (*writer)->Append(at, piece); !status.ok()) return status;
    }
    return (*writer)->Finish(kDigest);
  }
  void Damage(uint64_t offset) {
    std::fstream file(Path(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekg(static_cast<std::streamoff>(offset));
    const char byte = static_cast<char>(file.get());
    file.seekp(static_cast<std::streamoff>(offset));
    file.put(static_cast<char>(byte ^ 0x10));
  }

  std::string folder_;
  std::vector<std::byte> payload_;
};

TEST_F(ContainerFileTest, GivesBackWhatWasWritten) {
  ASSERT_TRUE(Write(400'000, 1'600'000).ok());
  EXPECT_FALSE(std::filesystem::exists(Path() + ".tmp"));
  const auto file = ContainerFile::Open(Path());
  ASSERT_TRUE(file.ok()) << file.status();
  EXPECT_TRUE((*file)->directory().DescribesSame(Directory()));
  EXPECT_EQ((*file)->directory().digest[0], kDigest[0]);
  EXPECT_EQ((*file)->directory().digest[1], kDigest[1]);
  for (const auto& [offset, count] : std::vector<std::pair<uint64_t, size_t>>{
           {0, payload_.size()}, {1, 10}, {kContainerChunkBytes - 3, 7}, {payload_.size() - 1, 1}, {5, 0}}) {
    std::vector<std::byte> bytes(count);
    ASSERT_TRUE((*file)->Read(offset, bytes).ok());
    EXPECT_TRUE(std::equal(bytes.begin(), bytes.end(), payload_.begin() + static_cast<ptrdiff_t>(offset))) << offset;
  }
}

TEST_F(ContainerFileTest, ADamagedChunkIsNamed) {
  ASSERT_TRUE(Write().ok());
  Damage(std::filesystem::file_size(Path()) - payload_.size() + kContainerChunkBytes + 77);
  const auto file = ContainerFile::Open(Path());
  ASSERT_TRUE(file.ok());
  std::vector<std::byte> bytes(payload_.size());
  EXPECT_TRUE((*file)->Read(0, std::span(bytes).first(kContainerChunkBytes)).ok());
  const absl::Status status = (*file)->Read(0, bytes);
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_NE(status.message().find("chunk 1"), std::string::npos) << status;
}

TEST_F(ContainerFileTest, ADamagedOrTornHeaderIsRefused) {
  ASSERT_TRUE(Write().ok());
  for (const uint64_t offset : {uint64_t{0}, uint64_t{8}, uint64_t{33}, uint64_t{60}, uint64_t{300}}) {
    Damage(offset);
    EXPECT_FALSE(ContainerFile::Open(Path()).ok()) << offset;
    Damage(offset);
  }
  ASSERT_TRUE(ContainerFile::Open(Path()).ok());
  for (const uint64_t size : {uint64_t{0}, uint64_t{39}, uint64_t{4096}, uint64_t{payload_.size()}}) {
    std::filesystem::resize_file(Path(), size);
    EXPECT_FALSE(ContainerFile::Open(Path()).ok()) << size;
  }
  EXPECT_EQ(ContainerFile::Open(folder_ + "/none").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(ContainerFileTest, WhatIsNotFinishedLeavesNothing) {
  {
    auto writer = ContainerWriter::Create(Path(), Directory(), payload_.size());
    ASSERT_TRUE(writer.ok());
    ASSERT_TRUE((*writer)->Append(0, payload_).ok());
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
  EXPECT_FALSE(ContainerWriter::Create(folder_ + "/none/model.fgw", Directory(), 1).ok());
}

TEST_F(ContainerFileTest, AFullDiskIsAnError) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "no /dev/full";
  std::filesystem::create_symlink("/dev/full", Path() + ".tmp");
  const absl::Status status = Write();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
}

}  // namespace
}  // namespace foregate
