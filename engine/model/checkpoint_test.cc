// Malformed checkpoints: every fault is an error that names file and tensor, none ends the process.
#include "engine/model/checkpoint.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

namespace foregate {
namespace {

std::string File(const std::string& header, const std::string& data) {
  const uint64_t length = header.size();
  return std::string(reinterpret_cast<const char*>(&length), sizeof(length)) + header + data;
}

std::string Entry(const std::string& name, const std::string& dtype, const std::string& shape,
                  const std::string& offsets) {
  return "\"" + name + "\":{\"dtype\":\"" + dtype + "\",\"shape\":" + shape + ",\"data_offsets\":" + offsets + "}";
}

class CheckpointTest : public testing::Test {
 protected:
  CheckpointTest() : directory_(testing::TempDir() + "/checkpoint_" + std::to_string(::getpid())) {
    std::filesystem::create_directories(directory_);
  }
  ~CheckpointTest() override { std::filesystem::remove_all(directory_); }
  void Write(const std::string& name, const std::string& bytes) {
    std::ofstream(directory_ + "/" + name, std::ios::binary) << bytes;
  }
  // Opens the directory and expects an error with all of `parts`.
  void ExpectError(std::initializer_list<const char*> parts) {
    const auto checkpoint = Checkpoint::Open(directory_);
    ASSERT_FALSE(checkpoint.ok());
    for (const char* part : parts)
      EXPECT_NE(checkpoint.status().message().find(part), std::string::npos) << checkpoint.status().message();
  }
  const std::string directory_;
};

TEST_F(CheckpointTest, ReadsWhatWasWritten) {
  Write("model.safetensors", File("{\"__metadata__\":{\"format\":\"pt\"}," + Entry("b", "BF16", "[2,1]", "[4,8]") +
                                      "," + Entry("a", "I32", "[]", "[0,4]") + "}",
                                  "abcdefgh"));
  const auto checkpoint = Checkpoint::Open(directory_);
  ASSERT_TRUE(checkpoint.ok()) << checkpoint.status().message();
  EXPECT_EQ((*checkpoint)->tensors().size(), 2u);
  const Checkpoint::Tensor* tensor = (*checkpoint)->Find("b");
  ASSERT_NE(tensor, nullptr);
  EXPECT_EQ(tensor->entry.dtype, DType::kBf16);
  EXPECT_EQ(tensor->entry.shape, (std::vector<int64_t>{2, 1}));
  char bytes[3] = {};
  ASSERT_TRUE((*checkpoint)->Read(*tensor, 1, std::as_writable_bytes(std::span(bytes))).ok());
  EXPECT_EQ(std::string(bytes, 3), "fgh");
  EXPECT_EQ((*checkpoint)->Find("c"), nullptr);
}

TEST_F(CheckpointTest, MalformedHeaders) {
  struct Case {
    std::string bytes;
    const char* part;
  };
  const std::string ok = Entry("t", "F32", "[2]", "[0,8]");
  const Case cases[] = {
      {"", "shorter than 8 bytes"},
      {"abc", "shorter than 8 bytes"},
      {std::string(8, '\xff'), "exceeds the limit"},
      {std::string("\x10\0\0\0\0\0\0\0{}", 10), "exceeds the file"},
      {File("{", ""), "header: not valid JSON"},
      {File("[]", ""), "not a JSON object"},
      {File("{" + ok + "," + ok + "}", "12345678"), "given twice: \"t\""},
      {File("{\"t\":[]}", ""), "tensor \"t\": want an object"},
      {File("{\"t\":{\"dtype\":\"F32\",\"shape\":[1]}}", ""), "data_offsets: missing"},
      {File("{" + Entry("t", "F8_E4M3", "[2]", "[0,2]") + "}", "12"), "tensor \"t\": dtype"},
      {File("{" + Entry("t", "F32", "[-2]", "[0,8]") + "}", "12345678"), "tensor \"t\": shape"},
      {File("{" + Entry("t", "F32", "[2.0]", "[0,8]") + "}", "12345678"), "tensor \"t\": shape"},
      {File("{" + Entry("t", "F32", "[4294967296,4294967296,4294967296]", "[0,0]") + "}", ""), "2^48"},
      {File("{" + Entry("t", "F32", "[1,1,1,1,1,1,1,1,1]", "[0,4]") + "}", "1234"), "at most 8"},
      {File("{" + Entry("t", "F32", "[2]", "[0,12]") + "}", "12345678"), "truncated"},
      {File("{" + Entry("t", "F32", "[2]", "[8,0]") + "}", "12345678"), "data_offsets"},
      {File("{" + Entry("t", "F32", "[2]", "[-8,0]") + "}", "12345678"), "data_offsets"},
      {File("{" + Entry("t", "F32", "[2]", "[0,18446744073709551616]") + "}", "12345678"), "data_offsets"},
      {File("{" + Entry("t", "F32", "[3]", "[0,8]") + "}", "12345678"), "take 12 bytes"},
      {File("{" + ok + "," + Entry("u", "F32", "[2]", "[4,12]") + "}", "123456789012"),
       "tensor \"u\": data_offsets over"},
      {File("{" + ok + "," + Entry("u", "F32", "[1]", "[12,16]") + "}", "1234567890123456"), "leave a hole"},
      {File("{" + ok + "}", "123456789"), "1 bytes behind the last tensor"},
  };
  for (const Case& bad : cases) {
    Write("model.safetensors", bad.bytes);
    SCOPED_TRACE(bad.part);
    ExpectError({"model.safetensors", bad.part});
  }
}

TEST_F(CheckpointTest, ShardsOutsideTheDirectoryAreRefused) {
  for (const char* shard : {"../x.safetensors", "/etc/passwd", "a/b", "", ".", "..", ".hidden"}) {
    Write("model.safetensors.index.json", std::string("{\"weight_map\":{\"t\":\"") + shard + "\"}}");
    ExpectError({"weight_map.\"t\"", "file in the same directory"});
  }
}

TEST_F(CheckpointTest, IndexAndShardsMustAgree) {
  ExpectError({"neither model.safetensors, "});
  Write("model.safetensors.index.json", "{\"weight_map\":[]}");
  ExpectError({"weight_map"});
  Write("model.safetensors.index.json", R"({"weight_map":{"t":"1.safetensors","u":"2.safetensors"}})");
  ExpectError({"1.safetensors", "cannot open"});
  const std::string t = File("{" + Entry("t", "F32", "[1]", "[0,4]") + "}", "1234");
  const std::string u = File("{" + Entry("u", "F32", "[1]", "[0,4]") + "}", "1234");
  Write("1.safetensors", t);
  Write("2.safetensors", t);
  ExpectError({"2.safetensors", "tensor \"t\" is also in", "1.safetensors"});
  Write("1.safetensors", u);
  ExpectError({"weight_map.\"t\": not in 1.safetensors"});
  Write("model.safetensors.index.json", R"({"weight_map":{"u":"1.safetensors"}})");
  ASSERT_TRUE(Checkpoint::Open(directory_).ok());
  Write("model.safetensors.index.json", R"({"weight_map":{"t":"2.safetensors"}})");
  ASSERT_TRUE(Checkpoint::Open(directory_).ok());
  Write("2.safetensors",
        File("{" + Entry("t", "F32", "[1]", "[0,4]") + "," + Entry("v", "F32", "[1]", "[4,8]") + "}", "12345678"));
  ExpectError({"2.safetensors", "tensor \"v\" is not in"});
}

TEST_F(CheckpointTest, FileThatShrinksIsAnError) {
  Write("model.safetensors", File("{" + Entry("t", "F32", "[2048]", "[0,8192]") + "}", std::string(8192, 'x')));
  const auto checkpoint = Checkpoint::Open(directory_);
  ASSERT_TRUE(checkpoint.ok());
  std::filesystem::resize_file(directory_ + "/model.safetensors", 4096);
  std::vector<std::byte> bytes(8192);
  const absl::Status status = (*checkpoint)->Read(*(*checkpoint)->Find("t"), 0, bytes);
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_NE(status.message().find("tensor t"), std::string::npos);
  EXPECT_NE(status.message().find("shrank"), std::string::npos);
}

TEST_F(CheckpointTest, OnlyRegularFilesAreRead) {
  std::filesystem::create_directory(directory_ + "/model.safetensors");
  ExpectError({"model.safetensors", "not a regular file"});
}

}  // namespace
}  // namespace foregate
