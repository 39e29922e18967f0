#include "engine/moe/store/read_shape.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <vector>

#include "engine/moe/store/read_rate.h"

namespace foregate {
namespace {

TEST(ReadShape, TheFewestBytesUnderWayThatAreFastEnough) {
  const ReadShape small{512u << 10, 8}, middle{512u << 10, 16}, large{1u << 20, 32};
  const auto choose = [&](double a, double b, double c) {
    const std::vector<MeasuredShape> measured = {{large, c}, {small, a}, {middle, b}};
    return ChooseReadShape(measured);
  };
  EXPECT_EQ(choose(1e9, 1e9, 1e9), small);
  EXPECT_EQ(choose(0.96e9, 0.98e9, 1e9), small);
  EXPECT_EQ(choose(0.9e9, 0.96e9, 1e9), middle);
  EXPECT_EQ(choose(0.68e9, 0.73e9, 0.77e9), large);
  EXPECT_EQ(choose(0, 0, 0), small);
}

TEST(ReadShape, AFewBytesAreNotProbed) {
  const std::string path = testing::TempDir() + "/few";
  std::ofstream(path) << std::string(1 << 20, 'x');
  const auto file = BulkFile::Open(path);
  ASSERT_TRUE(file.ok());
  EXPECT_EQ(ProbeReadShape(**file, 0, 1 << 20), ReadShape{});
}

// Of holes, which a disk need not read: any shape may be the fastest.
TEST(ReadShape, ManyBytesAreProbed) {
  const std::string path = testing::TempDir() + "/many";
  std::ofstream(path) << 'x';
  std::filesystem::resize_file(path, 65 << 20);
  const auto file = BulkFile::Open(path);
  ASSERT_TRUE(file.ok());
  const ReadShape shape = ProbeReadShape(**file, 0, 65 << 20);
  EXPECT_TRUE(shape.piece_bytes == 512u << 10 || shape.piece_bytes == 1u << 20) << shape.piece_bytes;
  EXPECT_TRUE(shape.depth == 8 || shape.depth == 16 || shape.depth == 32) << shape.depth;
}

TEST(ReadRate, ReadsWhatThereIs) {
  const std::string path = testing::TempDir() + "/some";
  std::ofstream(path) << std::string(3 << 20, 'x');
  const auto file = BulkFile::Open(path);
  ASSERT_TRUE(file.ok());
  constexpr auto kDuration = std::chrono::milliseconds(5);
  // Experts of an odd number of pieces, and smaller than one.
  for (const uint64_t expert_bytes : {1'700'000, 8192, 3 << 20}) {
    const auto rate = MeasureReadRate(**file, 0, 3 << 20, ReadShape{}, expert_bytes, kDuration);
    ASSERT_TRUE(rate.ok()) << rate.status();
    EXPECT_GT(rate->bytes_per_second, 0);
  }
  EXPECT_EQ(MeasureReadRate(**file, 0, 3 << 20, ReadShape{}, 4 << 20, kDuration).status().code(),
            absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(MeasureReadRate(**file, 0, 3 << 20, ReadShape{}, 100, kDuration).status().code(),
            absl::StatusCode::kInvalidArgument);
}

}  // namespace
}  // namespace foregate
