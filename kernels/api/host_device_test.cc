#include "kernels/api/host_device.h"

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "gtest/gtest.h"

namespace foregate {
namespace {

TEST(HostDevice, AllocatesAlignedZeroedMemory) {
  DeviceInfo info;
  info.kind = "test";
  const auto device = MakeHostDevice(info);
  EXPECT_EQ(device->info().kind, "test");
  EXPECT_TRUE(SharesHostMemory(*device));
  for (const size_t num_bytes : {size_t{0}, size_t{1}, size_t{4097}, (size_t{2} << 20) + 1}) {
    auto buffer = device->Allocate(num_bytes, MemorySpace::kDevice);
    ASSERT_TRUE(buffer.ok()) << buffer.status();
    EXPECT_EQ((*buffer)->num_bytes(), num_bytes);
    constexpr uintptr_t kHugePage = uintptr_t{2} << 20;
    EXPECT_EQ(reinterpret_cast<uintptr_t>((*buffer)->data()) % (num_bytes >= kHugePage ? kHugePage : 4096), 0u);
    const auto* bytes = static_cast<const unsigned char*>((*buffer)->data());
    if (num_bytes == 0) continue;
    EXPECT_EQ(bytes[0], 0);
    EXPECT_EQ(bytes[num_bytes - 1], 0);
  }
}

TEST(HostDevice, RefusesTheImpossibleNamingTheBytes) {
  const auto device = MakeHostDevice({});
  for (const size_t num_bytes : {size_t{1} << 60, std::numeric_limits<size_t>::max()}) {
    const auto buffer = device->Allocate(num_bytes, MemorySpace::kHost);
    EXPECT_EQ(buffer.status().code(), absl::StatusCode::kResourceExhausted);
    EXPECT_NE(std::string(buffer.status().message()).find(std::to_string(num_bytes)), std::string::npos);
  }
}

TEST(HostDevice, CopiesAtEnqueue) {
  const auto device = MakeHostDevice({});
  const auto stream = device->NewStream();
  std::vector<int32_t> source = {1, 2, 3};
  std::vector<int32_t> destination(3);
  ASSERT_TRUE(device
                  ->CopyAsync(TensorView(source.data(), DType::kI32, {3}),
                              TensorView(destination.data(), DType::kI32, {1, 3}), *stream)
                  .ok());
  EXPECT_EQ(destination, source);
  const auto event = device->Record(*stream);
  EXPECT_TRUE(event->Ready());
  EXPECT_TRUE(event->Wait(std::chrono::steady_clock::time_point::min()).ok());
}

TEST(HostDeviceDeathTest, CopyOfUnequalSizesIsABrokenInvariant) {
  const auto device = MakeHostDevice({});
  const auto stream = device->NewStream();
  int32_t memory[4] = {};
  EXPECT_DEATH(
      device->CopyAsync(TensorView(memory, DType::kI32, {1}), TensorView(memory + 1, DType::kI32, {2}), *stream)
          .IgnoreError(),
      "num_elements");
}

}  // namespace
}  // namespace foregate
