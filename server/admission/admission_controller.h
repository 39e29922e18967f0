// AdmissionController: bounds the calls that are in the server at once, before any of their bytes are worked on.
// (The engine bounds queued requests and prompt tokens; this bounds everything, also tokenizing and waiting streams.)
//
// Thread-safe. A permit is returned by its destructor.
#ifndef FOREGATE_SERVER_ADMISSION_ADMISSION_CONTROLLER_H_
#define FOREGATE_SERVER_ADMISSION_ADMISSION_CONTROLLER_H_

#include <atomic>
#include <cstdint>
#include <utility>

#include "absl/status/statusor.h"

namespace foregate {

class AdmissionController;

class AdmissionPermit {
 public:
  AdmissionPermit() = default;
  AdmissionPermit(AdmissionPermit&& other) noexcept : owner_(std::exchange(other.owner_, nullptr)) {}
  AdmissionPermit& operator=(AdmissionPermit&& other) noexcept;
  ~AdmissionPermit();

 private:
  friend class AdmissionController;
  explicit AdmissionPermit(AdmissionController* owner) : owner_(owner) {}
  AdmissionController* owner_ = nullptr;
};

class AdmissionController {
 public:
  explicit AdmissionController(int32_t max_concurrent_calls) : max_concurrent_calls_(max_concurrent_calls) {}
  // RESOURCE_EXHAUSTED with the limit when the server is full. The permit must not outlive the controller.
  absl::StatusOr<AdmissionPermit> Admit();
  int32_t num_admitted() const { return num_admitted_.load(std::memory_order_relaxed); }

 private:
  friend class AdmissionPermit;
  const int32_t max_concurrent_calls_;
  std::atomic<int32_t> num_admitted_{0};
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_ADMISSION_ADMISSION_CONTROLLER_H_
