#include "server/admission/admission_controller.h"

#include <string>

#include "absl/status/status.h"

namespace foregate {

AdmissionPermit& AdmissionPermit::operator=(AdmissionPermit&& other) noexcept {
  std::swap(owner_, other.owner_);  // the old permit is returned when `other` dies
  return *this;
}

AdmissionPermit::~AdmissionPermit() {
  // Release: who sees the smaller count (a drain) also sees everything that the call did.
  if (owner_ != nullptr) owner_->num_admitted_.fetch_sub(1, std::memory_order_release);
}

absl::StatusOr<AdmissionPermit> AdmissionController::Admit() {
  int32_t admitted = num_admitted_.load(std::memory_order_relaxed);
  do {
    if (admitted >= max_concurrent_calls_)
      return absl::ResourceExhaustedError("the server is full: limits.max_concurrent_calls is " +
                                          std::to_string(max_concurrent_calls_));
  } while (!num_admitted_.compare_exchange_weak(admitted, admitted + 1, std::memory_order_acquire));
  return AdmissionPermit(this);
}

}  // namespace foregate
