#include "engine/model/container/container_directory.h"

#include <gtest/gtest.h>

#include <string>

namespace foregate {
namespace {

constexpr uint64_t kPayload = 1 << 20;

ContainerDirectory Directory() {
  ContainerDirectory directory{.layout = kPackedLayout,
                               .isa = kAnyIsa,
                               .contract = "c",
                               .source = "s",
                               .digest = {0x0123456789abcdefu, 0xfedcba9876543210u},
                               .tensors = {},
                               .experts = {}};
  directory.tensors.push_back({"a.weight", DType::kBf16, {3, 5}, WeightFormat::kInt4G32, 0, 4096});
  directory.tensors.push_back({"norm", DType::kF32, {7}, std::nullopt, 4096, 28});
  const auto part = [](PartKind kind, Projection projection, uint64_t page, uint64_t num_bytes) {
    return ContainerDirectory::Part{kind, projection, WeightFormat::kInt8, page * 4096, num_bytes};
  };
  // Two experts that share a gate, each with a delta of its own.
  for (const int32_t expert : {0, 1}) {
    const uint64_t page = expert == 0 ? 10 : 20;
    directory.experts.push_back({.layer = 2,
                                 .expert = expert,
                                 .hidden = 16,
                                 .width = 8,
                                 .parts = {part(PartKind::kBase, Projection::kGate, 2, 5000),
                                           part(PartKind::kDelta, Projection::kGate, page, 4097),
                                           part(PartKind::kWhole, Projection::kUp, page + 2, 100),
                                           part(PartKind::kWhole, Projection::kDown, page + 3, 4096)}});
  }
  return directory;
}

// The parser's complaint about a changed directory.
std::string Complaint(const ContainerDirectory& directory) {
  const auto parsed = ParseContainerDirectory(SerializeContainerDirectory(directory), kPayload, "x.fgw");
  return std::string(parsed.status().message());
}

TEST(ContainerDirectory, GivesBackWhatWasWritten) {
  const std::string json = SerializeContainerDirectory(Directory());
  const auto parsed = ParseContainerDirectory(json, kPayload, "x.fgw");
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_TRUE(parsed->DescribesSame(Directory()));
  EXPECT_EQ(parsed->digest[0], Directory().digest[0]);
  EXPECT_EQ(parsed->digest[1], Directory().digest[1]);
  EXPECT_EQ(SerializeContainerDirectory(*parsed), json);
}

TEST(ContainerDirectory, EveryDifferenceIsSeen) {
  for (std::string ContainerDirectory::*text : {&ContainerDirectory::layout, &ContainerDirectory::isa,
                                                &ContainerDirectory::contract, &ContainerDirectory::source}) {
    ContainerDirectory other = Directory();
    other.*text += "x";
    EXPECT_FALSE(other.DescribesSame(Directory()));
  }
  ContainerDirectory other = Directory();
  other.experts[1].parts[3].codec = WeightFormat::kBf16;
  EXPECT_FALSE(other.DescribesSame(Directory()));
  other = Directory();
  other.digest[0] ^= 1;
  EXPECT_TRUE(other.DescribesSame(Directory()));
}

TEST(ContainerDirectory, PartsKeepTheirRules) {
  ContainerDirectory wrong = Directory();
  wrong.experts[1].parts[2].offset += 512;
  EXPECT_NE(Complaint(wrong).find("expert 1: part 2: offset 90624 is not a multiple of 4096"), std::string::npos)
      << Complaint(wrong);
  wrong = Directory();
  wrong.experts[0].parts[2].offset += 4096;
  EXPECT_NE(Complaint(wrong).find("part 2: is not adjacent"), std::string::npos) << Complaint(wrong);
  wrong = Directory();
  wrong.experts[0].parts.erase(wrong.experts[0].parts.begin());
  EXPECT_NE(Complaint(wrong).find("part 0: a delta without a base"), std::string::npos) << Complaint(wrong);
  wrong = Directory();
  wrong.experts[0].parts[3].projection = Projection::kUp;
  EXPECT_NE(Complaint(wrong).find("part 3: want gate, up and down"), std::string::npos) << Complaint(wrong);
  wrong = Directory();
  wrong.experts[0].parts.pop_back();
  EXPECT_NE(Complaint(wrong).find("a projection is missing"), std::string::npos) << Complaint(wrong);
  wrong = Directory();
  wrong.experts[0].parts[3].num_bytes = kPayload;
  EXPECT_NE(Complaint(wrong).find("part 3: bytes"), std::string::npos) << Complaint(wrong);
}

TEST(ContainerDirectory, NamesTheEntryThatIsMalformed) {
  const std::string json = SerializeContainerDirectory(Directory());
  for (const auto& [from, to, want] :
       {std::tuple("\"whole\"", "\"half\"", "kind"), std::tuple("\"down\"", "\"sideways\"", "projection"),
        std::tuple("\"int8\"", "\"int3\"", "format"), std::tuple("\"isa\":\"any\"", "\"isa\":1", "isa"),
        std::tuple("\"digest\":\"", "\"digest\":\"x", "digest")}) {
    std::string changed = json;
    ASSERT_NE(changed.find(from), std::string::npos) << from;
    changed.replace(changed.find(from), std::string(from).size(), to);
    const auto parsed = ParseContainerDirectory(changed, kPayload, "x.fgw");
    EXPECT_NE(parsed.status().message().find(want), std::string::npos) << parsed.status();
    EXPECT_EQ(parsed.status().message().find("x.fgw: directory"), 0u) << parsed.status();
  }
}

}  // namespace
}  // namespace foregate
