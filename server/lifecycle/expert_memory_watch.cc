#include "server/lifecycle/expert_memory_watch.h"

#include <utility>

#include "server/telemetry/logging.h"

namespace foregate {
namespace {

constexpr std::chrono::milliseconds kPeriod(100);

}  // namespace

ExpertMemoryWatch::ExpertMemoryWatch(const ServingState* state, std::string root)
    : state_(state), root_(std::move(root)) {}

ExpertMemoryWatch::~ExpertMemoryWatch() {
  {
    std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  stop_condition_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void ExpertMemoryWatch::Start() {
  thread_ = std::thread([this] { ThreadMain(); });
}

void ExpertMemoryWatch::Look(std::chrono::microseconds elapsed) {
  const std::shared_ptr<ServedModel> model = state_->model();
  if (model == nullptr || model->engine == nullptr) return;
  const ExpertTier tier = model->engine->expert_tier();
  if (tier.cache == nullptr || tier.slot_bytes <= tier.least_slot_bytes) return;
  if (target_.bytes == 0) target_.bytes = tier.slot_bytes;
  std::vector<MemoryDomain> now = ReadMemoryDomains(root_);
  const std::vector<MemorySample> samples = CompareDomains(seen_, now, elapsed);
  seen_ = std::move(now);
  const uint64_t before = target_.bytes;
  target_ = NextExpertMemory(target_, samples, tier.cache->memory_bytes,
                             {.least_bytes = tier.least_slot_bytes, .most_bytes = tier.slot_bytes});
  if (target_.bytes == before) return;
  model->engine->LimitExpertMemory(target_.bytes);
  const bool is_less = target_.bytes < before;
  Log(is_less ? LogLevel::kWarn : LogLevel::kInfo,
      std::string("memory for experts: ") + (is_less ? "some is given back, " : "some is taken again, ") +
          std::to_string(target_.bytes >> 20) + " of " + std::to_string(tier.slot_bytes >> 20) +
          " MiB are used: " + target_.reason);
}

void ExpertMemoryWatch::ThreadMain() {
  auto last = std::chrono::steady_clock::now();
  std::unique_lock lock(mutex_);
  while (!is_stopping_) {
    lock.unlock();
    const auto now = std::chrono::steady_clock::now();
    Look(std::chrono::duration_cast<std::chrono::microseconds>(now - std::exchange(last, now)));
    lock.lock();
    stop_condition_.wait_for(lock, kPeriod, [this] { return is_stopping_; });
  }
}

}  // namespace foregate
