#include "kernels/cpu/probe/threads_together.h"

#include <pthread.h>
#include <sched.h>

#include <atomic>
#include <cstring>
#include <string>

#include "kernels/base/check.h"

namespace foregate {
namespace {

using Clock = std::chrono::steady_clock;

// What all threads of one call share. Each window begins when every thread has arrived at it.
struct Shared {
  const TogetherOptions& options;
  const std::function<void(int)>& prepare;
  const std::function<double(int)>& work;
  const std::vector<int> cpus = UsableCpus();
  std::atomic<int> num_arrived = 0;
  std::atomic<bool> cancelled = false;
  std::vector<double> rates = {};  // [thread * num_windows + window], each written by its thread alone

  // Spins, because a wake-up takes longer than some windows' work. False when the call was cancelled.
  bool WaitForAll(int meeting) {
    num_arrived.fetch_add(1);
    const int all = (meeting + 1) * options.num_threads;
    while (num_arrived.load() < all) {
      if (cancelled.load()) return false;
      sched_yield();
    }
    return true;
  }
};

struct Member {
  Shared* shared;
  int index;
};

void StayOnOneCpu(const Shared& shared, int index) {
  if (static_cast<size_t>(shared.options.num_threads) > shared.cpus.size()) return;
  const int cpu = shared.cpus[static_cast<size_t>(index)];
  if (cpu >= CPU_SETSIZE) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  pthread_setaffinity_np(pthread_self(), sizeof(set), &set);  // best effort: without it the rate is merely lower
}

void RunMember(Shared& shared, int index) {
  StayOnOneCpu(shared, index);
  shared.prepare(index);
  const int num_windows = shared.options.num_windows;
  for (int window = 0; window < num_windows; ++window) {
    if (!shared.WaitForAll(window)) return;
    const Clock::time_point start = Clock::now();
    Clock::time_point now = start;
    double amount = 0;
    do {
      amount += shared.work(index);
      now = Clock::now();
    } while (now - start < shared.options.window);
    shared.rates[static_cast<size_t>(index * num_windows + window)] =
        amount / std::chrono::duration<double>(now - start).count();
  }
}

void* MemberMain(void* argument) {
  const auto* member = static_cast<const Member*>(argument);
  RunMember(*member->shared, member->index);
  return nullptr;
}

}  // namespace

std::vector<int> UsableCpus() {
  std::vector<int> cpus;
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof(set), &set) == 0) {
    for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
      if (CPU_ISSET(cpu, &set)) cpus.push_back(cpu);
    }
  }
  if (cpus.empty()) cpus.push_back(0);
  return cpus;
}

absl::StatusOr<std::vector<double>> RatesTogether(const TogetherOptions& options,
                                                  const std::function<void(int)>& prepare,
                                                  const std::function<double(int)>& work) {
  FOREGATE_CHECK_GE(options.num_threads, 1);
  FOREGATE_CHECK_GE(options.num_windows, 1);
  Shared shared{.options = options, .prepare = prepare, .work = work};
  const auto num_threads = static_cast<size_t>(options.num_threads);
  const auto num_windows = static_cast<size_t>(options.num_windows);
  shared.rates.resize(num_threads * num_windows);
  std::vector<Member> members;
  for (int i = 0; i < options.num_threads; ++i) members.push_back({&shared, i});
  std::vector<pthread_t> threads(num_threads);
  size_t num_started = 0;
  int error = 0;
  for (; num_started < num_threads; ++num_started) {
    error = pthread_create(&threads[num_started], nullptr, MemberMain, &members[num_started]);
    if (error != 0) break;
  }
  if (error != 0) shared.cancelled = true;
  for (size_t i = 0; i < num_started; ++i) pthread_join(threads[i], nullptr);
  if (error != 0) {
    return absl::ResourceExhaustedError("cannot start " + std::to_string(num_threads) +
                                        " threads: " + std::strerror(error));
  }
  std::vector<double> rates(num_windows);
  for (size_t i = 0; i < shared.rates.size(); ++i) rates[i % num_windows] += shared.rates[i];
  return rates;
}

}  // namespace foregate
