#include "server/admission/admission_controller.h"

#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace foregate {
namespace {

TEST(AdmissionController, RefusesBeyondTheLimitAndNamesIt) {
  AdmissionController controller(2);
  std::optional<AdmissionPermit> first = *controller.Admit();
  const AdmissionPermit second = *controller.Admit();
  const absl::Status refused = controller.Admit().status();
  EXPECT_EQ(refused.code(), absl::StatusCode::kResourceExhausted);
  EXPECT_NE(std::string(refused.message()).find("max_concurrent_calls is 2"), std::string::npos);
  first.reset();
  EXPECT_EQ(controller.num_admitted(), 1);
  EXPECT_TRUE(controller.Admit().ok());
}

TEST(AdmissionController, AMovedPermitIsReturnedOnce) {
  AdmissionController controller(4);
  {
    AdmissionPermit a = *controller.Admit();
    AdmissionPermit b = *controller.Admit();
    AdmissionPermit c(std::move(a));
    b = std::move(c);
    EXPECT_GE(controller.num_admitted(), 1);
  }
  EXPECT_EQ(controller.num_admitted(), 0);
}

TEST(AdmissionController, NeverExceedsTheLimitUnderContention) {
  AdmissionController controller(3);
  std::atomic<int> most{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 2000; ++i) {
        const auto permit = controller.Admit();
        if (!permit.ok()) continue;
        int seen = controller.num_admitted();
        int before = most.load();
        while (seen > before && !most.compare_exchange_weak(before, seen)) {
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(most.load(), 3);
  EXPECT_EQ(controller.num_admitted(), 0);
}

}  // namespace
}  // namespace foregate
