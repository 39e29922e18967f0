#include "client/cancellation.h"

#include <optional>
#include <thread>

#include "gtest/gtest.h"

namespace foregate {
namespace {

TEST(CancellationTest, RunsWhatIsRegisteredOnce) {
  Cancellation cancellation;
  int calls = 0;
  const Cancellation::Registration registration(&cancellation, [&calls] { ++calls; });
  cancellation.Cancel();
  cancellation.Cancel();
  EXPECT_EQ(calls, 1);
  EXPECT_TRUE(cancellation.cancelled());
}

TEST(CancellationTest, ALateRegistrationRunsAtOnceUntilReset) {
  Cancellation cancellation;
  cancellation.Cancel();
  int calls = 0;
  {
    const Cancellation::Registration registration(&cancellation, [&calls] { ++calls; });
  }
  EXPECT_EQ(calls, 1);
  cancellation.Reset();
  {
    const Cancellation::Registration registration(&cancellation, [&calls] { ++calls; });
  }
  EXPECT_EQ(calls, 1);
}

TEST(CancellationTest, ADestroyedRegistrationIsForgotten) {
  Cancellation cancellation;
  int calls = 0;
  std::optional<Cancellation::Registration> registration;
  registration.emplace(&cancellation, [&calls] { ++calls; });
  registration.reset();
  cancellation.Cancel();
  EXPECT_EQ(calls, 0);
}

TEST(CancellationTest, WakesASleeper) {
  Cancellation cancellation;
  std::thread canceller([&cancellation] { cancellation.Cancel(); });
  EXPECT_FALSE(cancellation.SleepFor(std::chrono::hours(1)));
  canceller.join();
  cancellation.Reset();
  EXPECT_TRUE(cancellation.SleepFor(std::chrono::milliseconds(1)));
}

}  // namespace
}  // namespace foregate
