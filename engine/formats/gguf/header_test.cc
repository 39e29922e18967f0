// What a GGUF header says is read as written; every fault is an error that names file, key or tensor, and byte.
#include "engine/formats/gguf/header.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>

#include "engine/formats/gguf/gguf_writer.h"

namespace foregate {
namespace {

absl::StatusOr<GgufHeader> ParseFile(const std::string& bytes) {
  return GgufHeader::Parse(bytes, bytes.size(), "x.gguf");
}

void ExpectError(const std::string& bytes, const char* part) {
  const auto header = ParseFile(bytes);
  ASSERT_FALSE(header.ok()) << part;
  EXPECT_NE(header.status().message().find(part), std::string::npos) << header.status().message();
  EXPECT_EQ(header.status().message().find("x.gguf: "), 0u) << header.status().message();
}

GgufWriter Small() {
  GgufWriter writer;
  writer.AddString("general.architecture", "llama");
  writer.AddTensor("b", {2, 3}, GgufTensorType::kF32, std::string(24, 'b'));
  writer.AddTensor("a", {32}, GgufTensorType::kQ8_0, std::string(34, 'a'));
  return writer;
}

TEST(GgufHeaderTest, ReadsEveryValueType) {
  GgufWriter writer;
  writer.version = 2;
  writer.AddEntry("u8", GgufValueType::kUint8, GgufBytes<uint8_t>(200));
  writer.AddEntry("i8", GgufValueType::kInt8, GgufBytes<int8_t>(-100));
  writer.AddEntry("u16", GgufValueType::kUint16, GgufBytes<uint16_t>(60000));
  writer.AddEntry("i16", GgufValueType::kInt16, GgufBytes<int16_t>(-30000));
  writer.AddUint32("u32", 4'000'000'000);
  writer.AddEntry("i32", GgufValueType::kInt32, GgufBytes<int32_t>(-2'000'000'000));
  writer.AddEntry("u64", GgufValueType::kUint64, GgufBytes<uint64_t>(1) + "");
  writer.AddEntry("huge", GgufValueType::kUint64, GgufBytes<uint64_t>(~uint64_t{0}));
  writer.AddEntry("i64", GgufValueType::kInt64, GgufBytes<int64_t>(-1));
  writer.AddFloat32("f32", 1.5f);
  writer.AddEntry("f64", GgufValueType::kFloat64, GgufBytes(2.5));
  writer.AddBool("yes", true);
  writer.AddString("text", std::string_view("a\0b", 3));
  writer.AddStrings("texts", {"", "x", "yz"});
  writer.AddNumbers<int32_t>("numbers", GgufValueType::kInt32, {1, -2, 3});
  writer.AddNumbers<float>("scores", GgufValueType::kFloat32, {0.5f, -1});
  const std::string inner = GgufWriter::Array(GgufValueType::kUint8, 2, "\1\2");
  writer.AddEntry("nested", GgufValueType::kArray,
                  GgufWriter::Array(GgufValueType::kArray, 2,
                                    inner + GgufWriter::Array(GgufValueType::kString, 1, GgufText("deep"))));
  const auto header = ParseFile(writer.Bytes());
  ASSERT_TRUE(header.ok()) << header.status().message();
  EXPECT_EQ(header->version(), 2u);
  const auto integer = [&](const char* key) { return header->Find(key)->AsInteger(); };
  EXPECT_EQ(integer("u8"), 200);
  EXPECT_EQ(integer("i8"), -100);
  EXPECT_EQ(integer("u16"), 60000);
  EXPECT_EQ(integer("i16"), -30000);
  EXPECT_EQ(integer("u32"), 4'000'000'000);
  EXPECT_EQ(integer("i32"), -2'000'000'000);
  EXPECT_EQ(integer("u64"), 1);
  EXPECT_EQ(integer("huge"), std::nullopt);
  EXPECT_EQ(integer("i64"), -1);
  EXPECT_EQ(integer("f32"), std::nullopt);
  EXPECT_EQ(header->Find("f32")->AsNumber(), 1.5);
  EXPECT_EQ(header->Find("f64")->AsNumber(), 2.5);
  EXPECT_EQ(header->Find("i8")->AsNumber(), -100.0);
  EXPECT_EQ(header->Find("yes")->AsBool(), true);
  EXPECT_EQ(header->Find("u8")->AsBool(), std::nullopt);
  EXPECT_EQ(header->Find("text")->AsString(), std::string_view("a\0b", 3));
  EXPECT_EQ(header->Find("texts")->AsStrings(), (std::vector<std::string_view>{"", "x", "yz"}));
  EXPECT_EQ(header->Find("texts")->AsIntegers(), std::nullopt);
  EXPECT_EQ(header->Find("numbers")->AsIntegers(), (std::vector<int64_t>{1, -2, 3}));
  EXPECT_EQ(header->Find("numbers")->AsStrings(), std::nullopt);
  EXPECT_EQ(header->Find("scores")->AsNumbers(), (std::vector<double>{0.5, -1}));
  EXPECT_EQ(header->Find("scores")->AsIntegers(), std::nullopt);
  const auto nested = header->Find("nested")->AsArrays();
  ASSERT_TRUE(nested.has_value() && nested->size() == 2);
  EXPECT_EQ((*nested)[0].AsIntegers(), (std::vector<int64_t>{1, 2}));
  EXPECT_EQ((*nested)[1].AsStrings(), (std::vector<std::string_view>{"deep"}));
  EXPECT_EQ(header->Find("none"), nullptr);
}

TEST(GgufHeaderTest, PlacesTensors) {
  const std::string bytes = Small().Bytes();
  const auto header = ParseFile(bytes);
  ASSERT_TRUE(header.ok()) << header.status().message();
  ASSERT_EQ(header->tensors().size(), 2u);
  const GgufTensor& first = header->tensors()[0];
  EXPECT_EQ(first.name, "b");
  EXPECT_EQ(first.shape, (std::vector<int64_t>{3, 2}));
  EXPECT_EQ(first.num_bytes, 24u);
  EXPECT_EQ(bytes.substr(first.offset, first.num_bytes), std::string(24, 'b'));
  const GgufTensor& second = header->tensors()[1];
  EXPECT_EQ(second.type, GgufTensorType::kQ8_0);
  EXPECT_EQ(second.num_elements(), 32u);
  EXPECT_EQ(bytes.substr(second.offset, second.num_bytes), std::string(34, 'a'));
}

TEST(GgufHeaderTest, AlignmentOfTheFileCounts) {
  GgufWriter writer;
  writer.alignment = 64;
  writer.AddUint32("general.alignment", 64);
  writer.AddTensor("t", {1}, GgufTensorType::kF32, "1234");
  const std::string bytes = writer.Bytes();
  const auto header = ParseFile(bytes);
  ASSERT_TRUE(header.ok()) << header.status().message();
  EXPECT_EQ(header->tensors()[0].offset % 64, 0u);
  EXPECT_EQ(bytes.substr(header->tensors()[0].offset), "1234");
  for (const uint32_t bad : {0u, 3u, 48u, 1u << 17}) {
    GgufWriter other;
    other.AddUint32("general.alignment", bad);
    ExpectError(other.Bytes(), "\"general.alignment\": want a power of two");
  }
}

// Cut at any byte, a file is an error, never read behind its end (the address sanitizer watches), and never taken for
// one that only was not read far enough.
TEST(GgufHeaderTest, EveryTruncationIsAnError) {
  GgufWriter writer = Small();
  writer.AddStrings("texts", {"one", "two"});
  const std::string bytes = writer.Bytes();
  for (size_t size = 0; size < bytes.size(); ++size) {
    const auto header = ParseFile(bytes.substr(0, size));
    ASSERT_FALSE(header.ok()) << size;
    EXPECT_EQ(header.status().code(), absl::StatusCode::kInvalidArgument) << size;
    const auto prefix = GgufHeader::Parse(bytes.substr(0, size), bytes.size(), "x.gguf");
    if (prefix.ok()) continue;  // the header was complete
    EXPECT_EQ(prefix.status().code(), size < 4 ? absl::StatusCode::kInvalidArgument : absl::StatusCode::kOutOfRange);
  }
}

TEST(GgufHeaderTest, StartsOfOtherFiles) {
  ExpectError("", "not a GGUF file");
  ExpectError("GGML" + std::string(60, '\0'), "not a GGUF file");
  GgufWriter writer;
  writer.version = 1;
  ExpectError(writer.Bytes(), "version 1 is not supported");
  writer.version = 4;
  ExpectError(writer.Bytes(), "version 4 is not supported");
  writer.version = 0;
  ExpectError(writer.Bytes(), "version 0 is not supported");
  writer.version = 3u << 24;
  ExpectError(writer.Bytes(), "big-endian");
}

TEST(GgufHeaderTest, CountsThatTheFileCannotHold) {
  const std::string start = "GGUF" + GgufBytes<uint32_t>(3);
  const std::string rest(100'000, '\0');
  for (const uint64_t count : {uint64_t{5000}, uint64_t{1} << 32, ~uint64_t{0}}) {
    ExpectError(start + GgufBytes(count) + GgufBytes<uint64_t>(0) + rest.substr(0, 1000), "byte 8: ");
    ExpectError(start + GgufBytes<uint64_t>(0) + GgufBytes(count) + rest.substr(0, 1000), "byte 16: ");
  }
  ExpectError(start + GgufBytes<uint64_t>(0) + GgufBytes<uint64_t>(65'537) + std::string(2 << 20, '\0'),
              "limit of 65536");
}

TEST(GgufHeaderTest, MalformedEntries) {
  const auto entry = [](std::string_view key, uint32_t type, std::string_view value) {
    GgufWriter writer;
    writer.AddEntry(key, static_cast<GgufValueType>(type), value);
    return writer.Bytes();
  };
  constexpr uint64_t kHuge = ~uint64_t{0};
  ExpectError(entry("k", 13, "1234"), "metadata \"k\": value type 13 is not known");
  ExpectError(entry("k", 0x80000000u, "1234"), "value type 2147483648");
  ExpectError(entry("", 0, "1234"), "metadata entry 0: want a key");
  ExpectError(entry("a b", 0, "1234"), "want a key of 1 to 65535 printable characters: \"a b\"");
  ExpectError(entry("k\n\xff", 0, "1234"), "\"k\?\?\"");
  ExpectError(entry(std::string(70'000, 'k'), 0, "1234"), "want a key");
  ExpectError(entry("k", 7, "\2"), "metadata \"k\": a bool that is neither");
  ExpectError(entry("k", 8, GgufBytes(kHuge)), "metadata \"k\" takes 18446744073709551615 bytes");
  ExpectError(entry("k", 8, GgufBytes(kHuge - 7) + "12345678"), "truncated file");
  ExpectError(entry("k", 9, GgufWriter::Array(GgufValueType::kUint64, kHuge / 8 + 2, "")), "do not fit the file");
  ExpectError(entry("k", 9, GgufWriter::Array(GgufValueType::kUint8, kHuge, "")), "elements of type u8 do not fit");
  ExpectError(entry("k", 9, GgufWriter::Array(GgufValueType::kString, 1 << 20, "")), "elements of type string");
  ExpectError(entry("k", 9, GgufWriter::Array(static_cast<GgufValueType>(99), 0, "")), "value type 99");
  ExpectError(entry("k", 9, GgufWriter::Array(GgufValueType::kBool, 2, "\1\3")), "a bool that is neither");
  std::string deep = GgufWriter::Array(GgufValueType::kUint8, 0, "");
  for (int i = 0; i < 4; ++i) deep = GgufWriter::Array(GgufValueType::kArray, 1, deep);
  ExpectError(entry("k", 9, deep), "nested deeper than 4");
  GgufWriter twice;
  twice.AddUint32("k", 1);
  twice.AddUint32("k", 1);
  ExpectError(twice.Bytes(), "metadata \"k\" is given twice");
}

TEST(GgufHeaderTest, MalformedTensors) {
  const auto tensor = [](std::string_view name, const std::vector<uint64_t>& extents, uint32_t type,
                         uint64_t offset = 0) {
    GgufWriter writer;
    writer.tensors.push_back(GgufWriter::Description(name, extents, type, offset));
    writer.data = std::string(1024, '\0');
    return writer.Bytes();
  };
  constexpr uint64_t kBig = uint64_t{1} << 40;
  ExpectError(tensor("t", {}, 0), "tensor \"t\": 0 extents, want 1 to 4");
  ExpectError(tensor("t", {1, 1, 1, 1, 1}, 0), "5 extents");
  ExpectError(tensor("t", {4, 0}, 0), "extent 0 is zero");
  ExpectError(tensor("t", {kBig, kBig}, 0), "larger than 2^48");
  ExpectError(tensor("t", {kBig, kBig, kBig, kBig}, 0), "larger than 2^48");
  ExpectError(tensor("t", {~uint64_t{0}}, 0), "larger than 2^48");
  ExpectError(tensor("t", {256}, 10), "tensor \"t\": type Q2_K is not supported");
  ExpectError(tensor("t", {256}, 4), "type 4 is not known");
  ExpectError(tensor("t", {256}, ~0u), "type 4294967295 is not known");
  ExpectError(tensor("t", {33}, 8), "rows of 33 elements are no whole number of Q8_0 blocks of 32");
  ExpectError(tensor("t", {128, 2}, 12), "Q4_K blocks of 256");
  ExpectError(tensor("t", {1}, 0, 4), "offset 4: not a multiple of the alignment 32");
  ExpectError(tensor("t", {257}, 0), "1028 bytes end behind the file's 1024 bytes");
  ExpectError(tensor("t", {1}, 0, 2048), "end behind");
  ExpectError(tensor("t", {1}, 0, ~uint64_t{31}), "end behind");
  ExpectError(tensor("", {1}, 0), "tensor 0: want a name");
  ExpectError(tensor(std::string(65, 'x'), {1}, 0), "tensor 0: want a name of 1 to 64");
  GgufWriter twice = Small();
  twice.tensors.push_back(GgufWriter::Description("a", {1}, 0, 0));
  ExpectError(twice.Bytes(), "tensor \"a\" is given twice");
  GgufWriter overlap = Small();
  overlap.tensors.push_back(GgufWriter::Description("c", {1}, 1, 64));  // "a" ends at 66
  ExpectError(overlap.Bytes(), "overlaps tensor");
}

// The header is longer than the first piece that Read takes.
TEST(GgufHeaderTest, ReadsLongHeadersFromAFile) {
  const std::string path = testing::TempDir() + "/long_" + std::to_string(::getpid()) + ".gguf";
  GgufWriter writer;
  writer.AddStrings("texts", std::vector<std::string>(300'000, "some token"));
  writer.AddTensor("t", {1}, GgufTensorType::kF32, "1234");
  std::ofstream(path, std::ios::binary) << writer.Bytes();
  const auto file = ReadOnlyFile::Open(path);
  ASSERT_TRUE(file.ok());
  const auto header = GgufHeader::Read(**file);
  ASSERT_TRUE(header.ok()) << header.status().message();
  EXPECT_EQ(header->Find("texts")->num_elements(), 300'000u);
  std::remove(path.c_str());
}

}  // namespace
}  // namespace foregate
