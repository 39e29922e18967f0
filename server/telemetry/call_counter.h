// CallCounter: finished calls by method and gRPC code, counted on their way to the access log.
#ifndef FOREGATE_SERVER_TELEMETRY_CALL_COUNTER_H_
#define FOREGATE_SERVER_TELEMETRY_CALL_COUNTER_H_

#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <utility>

#include "server/telemetry/access_log.h"

namespace foregate {

// Thread-safe. Bounded by the methods that are served times the codes that exist.
class CallCounter final : public AccessLog {
 public:
  using Counts = std::map<std::pair<std::string, std::string>, uint64_t>;  // (method, code)

  // `next` gets every record too and outlives the counter.
  explicit CallCounter(AccessLog* next) : next_(next) {}

  void Write(const AccessRecord& record) override {
    {
      std::lock_guard lock(mutex_);
      ++counts_[{record.method, record.code}];
    }
    next_->Write(record);
  }
  Counts counts() const {
    std::lock_guard lock(mutex_);
    return counts_;
  }

 private:
  AccessLog* const next_;
  mutable std::mutex mutex_;
  Counts counts_;  // guarded by mutex_
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_TELEMETRY_CALL_COUNTER_H_
