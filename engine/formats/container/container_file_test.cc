#include "engine/formats/container/container_file.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>

#include "engine/formats/container/container_writer.h"
#include "engine/formats/model_files.h"

namespace foregate {
namespace {

constexpr const char* kDirectory = R"({"the": "directory"})";

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
  static std::vector<EmbeddedFile> Files() {
    return {{"tokenizer.json", 2 * kContainerChunkBytes + 5, kContainerChunkBytes + 1000},
            {"additional_chat_templates/rag.jinja", 77, 9},
            {"empty", 0, 0}};
  }
  // Writes all of the payload but [hole_begin, hole_end).
  absl::Status Write(uint64_t hole_begin = 0, uint64_t hole_end = 0) {
    auto writer = ContainerWriter::Create(Path(), std::string_view(kDirectory).size(), Files(), payload_.size());
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
    return (*writer)->Finish(kDirectory);
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
  EXPECT_EQ((*file)->directory(), kDirectory);
  EXPECT_EQ((*file)->files(), Files());
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
  // Magic, version, reserved, hash, directory, table of files, checksums.
  for (const uint64_t offset : {0u, 8u, 20u, 41u, 60u, 90u, 180u}) {
    Damage(offset);
    EXPECT_FALSE(ContainerFile::Open(Path()).ok()) << offset;
    Damage(offset);
  }
  ASSERT_TRUE(ContainerFile::Open(Path()).ok());
  for (const uint64_t size : {uint64_t{0}, uint64_t{47}, uint64_t{4096}, uint64_t{payload_.size()}}) {
    std::filesystem::resize_file(Path(), size);
    EXPECT_FALSE(ContainerFile::Open(Path()).ok()) << size;
  }
  EXPECT_EQ(ContainerFile::Open(folder_ + "/none").status().code(), absl::StatusCode::kNotFound);
}

TEST_F(ContainerFileTest, WhatIsNotFinishedLeavesNothing) {
  {
    auto writer = ContainerWriter::Create(Path(), std::string_view(kDirectory).size(), Files(), payload_.size());
    ASSERT_TRUE(writer.ok());
    ASSERT_TRUE((*writer)->Append(0, payload_).ok());
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder_));
  EXPECT_FALSE(ContainerWriter::Create(folder_ + "/none/model.fgw", 1, {}, 1).ok());
}

TEST_F(ContainerFileTest, ItsFilesReadLikeThoseOfADirectory) {
  ASSERT_TRUE(Write().ok());
  auto opened = ContainerFile::Open(Path());
  ASSERT_TRUE(opened.ok()) << opened.status();
  const ModelFiles files(std::shared_ptr<const ContainerFile>(*std::move(opened)));
  EXPECT_TRUE(files.Has("tokenizer.json"));
  EXPECT_FALSE(files.Has("config.json"));
  EXPECT_EQ(files.List(""), (std::vector<std::string>{"empty", "tokenizer.json"}));
  EXPECT_EQ(files.List("additional_chat_templates"), std::vector<std::string>{"rag.jinja"});
  for (const EmbeddedFile& file : Files()) {
    const std::string want(reinterpret_cast<const char*>(payload_.data()) + file.offset, file.num_bytes);
    const auto text = files.ReadText(file.name, 8 << 20);
    ASSERT_TRUE(text.ok()) << text.status();
    EXPECT_EQ(*text, want);
    const auto stream = files.Open(file.name);
    ASSERT_TRUE(stream.ok()) << stream.status();
    std::string streamed(file.num_bytes + 1, '\0');
    streamed.resize(std::fread(streamed.data(), 1, streamed.size(), stream->get()));
    EXPECT_EQ(streamed, want);
  }
  EXPECT_EQ(files.ReadText("tokenizer.json", 1000).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(files.ReadText("config.json", 1000).status().code(), absl::StatusCode::kNotFound);
  EXPECT_NE(files.Open("config.json").status().message().find("model.fgw: config.json"), std::string::npos);
}

TEST_F(ContainerFileTest, ADamagedEmbeddedFileIsAnError) {
  ASSERT_TRUE(Write().ok());
  Damage(std::filesystem::file_size(Path()) - 1000);
  auto opened = ContainerFile::Open(Path());
  ASSERT_TRUE(opened.ok()) << opened.status();
  const ModelFiles files(std::shared_ptr<const ContainerFile>(*std::move(opened)));
  EXPECT_EQ(files.ReadText("tokenizer.json", 8 << 20).status().code(), absl::StatusCode::kDataLoss);
  const auto stream = files.Open("tokenizer.json");
  ASSERT_TRUE(stream.ok());
  std::string bytes(8 << 20, '\0');
  EXPECT_LT(std::fread(bytes.data(), 1, bytes.size(), stream->get()), Files()[0].num_bytes);
  EXPECT_NE(std::ferror(stream->get()), 0);
}

TEST(EmbeddedFiles, BadTablesAreRefused) {
  const std::string good = SerializeEmbeddedFiles({{"a", 10, 20}, {"b/c.jinja", 0, 5}});
  ASSERT_TRUE(ParseEmbeddedFiles(good, 30, "x.fgw").ok());
  EXPECT_FALSE(ParseEmbeddedFiles(good, 29, "x.fgw").ok()) << "beyond the payload";
  EXPECT_FALSE(ParseEmbeddedFiles(good + "x", 30, "x.fgw").ok());
  for (size_t size = 0; size < good.size(); ++size)
    EXPECT_FALSE(ParseEmbeddedFiles(good.substr(0, size), 30, "x.fgw").ok()) << size;
  for (const char* name : {"", "/a", "a/", "../a", "a/../b", ".hidden", "a/b/c", "a\nb"})
    EXPECT_FALSE(ParseEmbeddedFiles(SerializeEmbeddedFiles({{name, 0, 1}}), 30, "x.fgw").ok()) << name;
  EXPECT_FALSE(ParseEmbeddedFiles(SerializeEmbeddedFiles({{"a", 0, 1}, {"a", 1, 1}}), 30, "x.fgw").ok());
  EXPECT_FALSE(ParseEmbeddedFiles(SerializeEmbeddedFiles(std::vector<EmbeddedFile>(300)), 30, "x.fgw").ok());
}

TEST_F(ContainerFileTest, FindContainerKnowsOneByItsBytes) {
  ASSERT_TRUE(Write().ok());
  EXPECT_EQ(*FindContainer(Path()), Path());
  EXPECT_EQ(*FindContainer(folder_), Path());
  EXPECT_EQ(*FindContainer(folder_ + "/none"), std::nullopt);
  std::filesystem::copy(Path(), folder_ + "/other.fgw");
  EXPECT_NE(FindContainer(folder_).status().message().find("other.fgw"), std::string::npos);
  std::ofstream(folder_ + "/config.json") << "{}";
  EXPECT_EQ(*FindContainer(folder_), std::nullopt);
  EXPECT_EQ(*FindContainer(folder_ + "/config.json"), std::nullopt);
}

TEST_F(ContainerFileTest, AFullDiskIsAnError) {
  if (!std::filesystem::exists("/dev/full")) GTEST_SKIP() << "no /dev/full";
  std::filesystem::create_symlink("/dev/full", Path() + ".tmp");
  const absl::Status status = Write();
  EXPECT_EQ(status.code(), absl::StatusCode::kResourceExhausted) << status;
}

}  // namespace
}  // namespace foregate
