#include "engine/model/container/payload_reader.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "engine/formats/container/container_writer.h"

namespace foregate {
namespace {

class PayloadReaderTest : public testing::TestWithParam<int> {
 protected:
  PayloadReaderTest() : path_(testing::TempDir() + "/payload." + std::to_string(::getpid()) + ".fgw") {
    std::mt19937 random(3);
    payload_.resize(9 * kContainerChunkBytes + 4096 * 3 + 17);
    for (std::byte& byte : payload_) byte = static_cast<std::byte>(random());
    auto writer = ContainerWriter::Create(path_, 2, {}, payload_.size());
    EXPECT_TRUE(writer.ok() && (*writer)->Append(0, payload_).ok() && (*writer)->Finish("{}").ok());
    file_ = *ContainerFile::Open(path_);
    memory_.reset(static_cast<std::byte*>(std::aligned_alloc(4096, kMemoryBytes)));
    std::memset(memory_.get(), 0x55, kMemoryBytes);
  }
  ~PayloadReaderTest() override { std::filesystem::remove(path_); }

  // Makes the next reads come from the disk, where that is possible.
  void Evict() const {
    const int fd = ::open(path_.c_str(), O_RDONLY);
    ::fdatasync(fd);
    ::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    ::close(fd);
  }
  PayloadRange Range(uint64_t offset, uint64_t num_bytes, size_t at) const {
    return {offset, num_bytes, memory_.get() + at};
  }
  bool Holds(const PayloadRange& range) const {
    return std::memcmp(range.destination, payload_.data() + range.offset, range.num_bytes) == 0;
  }
  absl::Status Read(const std::vector<PayloadRange>& ranges, PayloadReadOptions options = {}) const {
    options.num_threads = GetParam();
    return ReadPayload(*file_, ranges, options);
  }

  static constexpr size_t kMemoryBytes = size_t{8} << 20;
  const std::string path_;
  std::vector<std::byte> payload_;
  std::unique_ptr<const ContainerFile> file_;
  std::unique_ptr<std::byte, void (*)(void*)> memory_{nullptr, std::free};
};

INSTANTIATE_TEST_SUITE_P(Threads, PayloadReaderTest, testing::Values(1, 2, 5));

TEST_P(PayloadReaderTest, RangesReachTheirPlacesAndNothingElse) {
  for (const bool cold : {false, true}) {
    std::memset(memory_.get(), 0x55, kMemoryBytes);
    // Aligned as experts are, with a gap; then one that ends with the payload, at odd places.
    const std::vector<PayloadRange> ranges = {Range(0, 5 * 4096, 4096),
                                              Range(8 * 4096, 3 * kContainerChunkBytes, 64 << 10),
                                              Range(payload_.size() - 3'000'001, 3'000'001, 4'000'003)};
    if (cold) Evict();
    uint64_t reported = 0;
    PayloadReadOptions options;
    options.progress = [&](uint64_t num_bytes) { reported += num_bytes; };
    const absl::Status status = Read(ranges, options);
    ASSERT_TRUE(status.ok()) << status;
    for (const PayloadRange& range : ranges) EXPECT_TRUE(Holds(range)) << range.offset << (cold ? " cold" : " warm");
    EXPECT_EQ(reported, 5 * 4096 + 3 * kContainerChunkBytes + 3'000'001);
    for (const size_t untouched : {size_t{0}, size_t{4095}, size_t{6 * 4096}, size_t{(64 << 10) - 1},
                                   (64 << 10) + 3 * kContainerChunkBytes, size_t{4'000'002}, size_t{7'000'004}})
      EXPECT_EQ(memory_.get()[untouched], std::byte{0x55}) << untouched;
  }
}

TEST_P(PayloadReaderTest, WhatTheHostCannotWriteIsDelivered) {
  std::vector<PayloadRange> ranges = {Range(4096, 2'000'000, 0), Range(2'100'000, 1'000, 2'000'000)};
  ranges[0].is_writable = false;
  std::vector<std::byte> device(2'000'000);
  PayloadReadOptions options;
  options.deliver = [&](std::span<const std::byte> bytes, std::byte* destination) {
    std::memcpy(device.data() + (destination - memory_.get()), bytes.data(), bytes.size());
    return absl::OkStatus();
  };
  ASSERT_TRUE(Read(ranges, options).ok());
  EXPECT_EQ(std::memcmp(device.data(), payload_.data() + 4096, device.size()), 0);
  EXPECT_EQ(memory_.get()[0], std::byte{0x55});
  EXPECT_TRUE(Holds(ranges[1]));
  options.deliver = [](auto, auto) { return absl::InternalError("device lost"); };
  EXPECT_EQ(Read(ranges, options).message(), "device lost");
}

TEST_P(PayloadReaderTest, DamageInWhatIsReadIsNamed) {
  {
    std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(file_->payload_offset() + 6 * kContainerChunkBytes + 9));
    const char byte = static_cast<char>(payload_[6 * kContainerChunkBytes + 9]);
    file.put(static_cast<char>(byte ^ 1));
  }
  EXPECT_TRUE(Read({Range(0, 100, 0)}).ok());
  const absl::Status status = Read({Range(100, payload_.size() - 100, 0)});
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_NE(status.message().find("chunk 6"), std::string::npos) << status;
}

TEST_P(PayloadReaderTest, ItCanBeCancelled) {
  const std::atomic<bool> cancelled = true;
  PayloadReadOptions options;
  options.cancelled = &cancelled;
  EXPECT_EQ(Read({Range(0, 100, 0)}, options).code(), absl::StatusCode::kCancelled);
  EXPECT_TRUE(Read({}).ok());
}

}  // namespace
}  // namespace foregate
