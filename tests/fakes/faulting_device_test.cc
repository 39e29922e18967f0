#include "tests/fakes/faulting_device.h"

#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

namespace foregate {
namespace {

constexpr auto kForever = std::chrono::steady_clock::time_point::max();

class FaultingDeviceTest : public testing::Test {
 protected:
  TensorView Allocate(MemorySpace space, int64_t count) {
    auto buffer = backend_.device->Allocate(static_cast<size_t>(count) * sizeof(float), space);
    EXPECT_TRUE(buffer.ok()) << buffer.status();
    buffers_.push_back(*std::move(buffer));
    return TensorView(buffers_.back()->data(), DType::kF32, {count});
  }

  Backend backend_ = MakeFaultingBackend();
  std::unique_ptr<Stream> stream_ = backend_.device->NewStream();
  std::vector<std::unique_ptr<DeviceBuffer>> buffers_;
};

TEST_F(FaultingDeviceTest, WorkRunsInOrderAndOnlyWhenAnEventIsAwaited) {
  const TensorView on_device = Allocate(MemorySpace::kDevice, 3);
  const TensorView on_host = Allocate(MemorySpace::kHost, 3);
  FillArgs fill = {on_device, 2.0f};
  ASSERT_TRUE(backend_.kernels->Fill(fill, *stream_).ok());
  fill.value = 3.0f;
  ASSERT_TRUE(backend_.device->CopyAsync(on_device, on_host, *stream_).ok());
  const auto first = backend_.device->Record(*stream_);
  ASSERT_TRUE(backend_.kernels->Fill(fill, *stream_).ok());
  ASSERT_TRUE(backend_.device->CopyAsync(on_device, on_host, *stream_).ok());
  const auto second = backend_.device->Record(*stream_);

  EXPECT_EQ(on_host.as<float>()[2], 0.0f);
  ASSERT_TRUE(first->Wait(kForever).ok());
  EXPECT_EQ(on_host.as<float>()[2], 2.0f);
  EXPECT_TRUE(second->Ready());
  EXPECT_EQ(on_host.as<float>()[2], 3.0f);
  EXPECT_TRUE(first->Ready());
}

using FaultingDeviceDeathTest = FaultingDeviceTest;

TEST_F(FaultingDeviceDeathTest, HostReadOfDeviceMemoryFaults) {
  const TensorView on_device = Allocate(MemorySpace::kDevice, 4);
  EXPECT_DEATH(
      {
        volatile float value = on_device.as<float>()[0];
        static_cast<void>(value);
      },
      "");
}

TEST_F(FaultingDeviceDeathTest, DeviceMemoryIsClosedAgainAfterWork) {
  const TensorView on_device = Allocate(MemorySpace::kDevice, 4);
  ASSERT_TRUE(backend_.kernels->Fill({on_device, 1.0f}, *stream_).ok());
  ASSERT_TRUE(backend_.device->Record(*stream_)->Wait(kForever).ok());
  EXPECT_DEATH(*static_cast<volatile float*>(on_device.as<float>()) = 2.0f, "");
}

TEST_F(FaultingDeviceDeathTest, FreeingABufferBeforeItsWorkRanFaults) {
  const TensorView on_device = Allocate(MemorySpace::kDevice, 1 << 20);
  ASSERT_TRUE(backend_.kernels->Fill({on_device, 1.0f}, *stream_).ok());
  buffers_.clear();
  EXPECT_DEATH(backend_.device->Record(*stream_)->Ready(), "");
}

}  // namespace
}  // namespace foregate
