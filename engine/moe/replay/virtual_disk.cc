#include "engine/moe/replay/virtual_disk.h"

#include <algorithm>
#include <tuple>

#include "kernels/base/check.h"

namespace foregate {

void VirtualDisk::Enqueue(size_t expert, ReadClass read_class, uint64_t bytes) {
  FOREGATE_CHECK(Find(expert) == nullptr && bytes > 0);
  reads_.push_back({.expert = expert, .read_class = read_class, .order = num_enqueued_++, .bytes = bytes});
}

VirtualDisk::Read* VirtualDisk::Find(size_t expert) {
  const auto found =
      std::find_if(reads_.begin(), reads_.end(), [&](const Read& read) { return read.expert == expert; });
  return found == reads_.end() ? nullptr : &*found;
}

bool VirtualDisk::Raise(size_t expert, ReadClass read_class) {
  Read* const read = Find(expert);
  if (read == nullptr) return false;
  if (read_class < read->read_class) {
    read->read_class = read_class;
    read->order = num_enqueued_++;
  }
  return true;
}

uint64_t VirtualDisk::begun_bytes(size_t expert) const {
  for (const Read& read : reads_)
    if (read.expert == expert) return read.begun_bytes;
  return 0;
}

bool VirtualDisk::Cancel(size_t expert) {
  const Read* const read = Find(expert);
  if (read == nullptr || read->begun_bytes > 0) return false;
  reads_.erase(reads_.begin() + (read - reads_.data()));
  return true;
}

VirtualDisk::Read* VirtualDisk::Next(bool may_guess) {
  for (Read& read : reads_) read.is_refused = false;
  while (true) {
    Read* next = nullptr;
    for (Read& read : reads_) {
      if (read.begun_bytes == read.bytes || read.is_refused) continue;
      if (read.read_class == ReadClass::kSpeculative && !may_guess) continue;
      if (next == nullptr || std::tuple(read.read_class, read.order) < std::tuple(next->read_class, next->order))
        next = &read;
    }
    if (next == nullptr || next->begun_bytes > 0 || room_.TakeRoom(next->expert, next->read_class)) return next;
    // A guess for which there is no room is not worth waiting for.
    if (next->read_class == ReadClass::kSpeculative)
      reads_.erase(reads_.begin() + (next - reads_.data()));
    else
      next->is_refused = true;
  }
}

void VirtualDisk::Submit() {
  while (true) {
    if (in_flight_bytes_ > 0 && in_flight_bytes_ >= options_.in_flight_bytes) return;
    Read* const read = Next(options_.guessed_in_flight_bytes == 0 || guessed_in_flight_bytes_ == 0 ||
                            guessed_in_flight_bytes_ < options_.guessed_in_flight_bytes);
    if (read == nullptr) return;
    const bool is_guess = read->read_class == ReadClass::kSpeculative;
    const uint64_t left = read->bytes - read->begun_bytes;
    const uint64_t bytes = options_.request_bytes == 0 ? left : std::min(left, options_.request_bytes);
    const double seconds = options_.bytes_per_second > 0
                               ? options_.request_seconds + static_cast<double>(bytes) / options_.bytes_per_second
                               : 0;
    free_at_ = std::max(free_at_, now_) + seconds;
    busy_seconds_ += seconds;
    read->begun_bytes += bytes;
    bytes_[static_cast<size_t>(read->read_class)] += bytes;
    in_flight_.push_back({.expert = read->expert, .bytes = bytes, .is_guess = is_guess, .done = free_at_});
    in_flight_bytes_ += bytes;
    if (is_guess) guessed_in_flight_bytes_ += bytes;
  }
}

bool VirtualDisk::ServeOne() {
  const Request request = in_flight_.front();
  in_flight_.pop_front();
  in_flight_bytes_ -= request.bytes;
  if (request.is_guess) guessed_in_flight_bytes_ -= request.bytes;
  now_ = std::max(now_, request.done);
  Read* const read = Find(request.expert);
  read->arrived_bytes += request.bytes;
  if (read->arrived_bytes < read->bytes) return false;
  reads_.erase(reads_.begin() + (read - reads_.data()));
  room_.Arrive(request.expert);
  return true;
}

void VirtualDisk::AdvanceTo(double time) {
  while (true) {
    Submit();
    if (in_flight_.empty() || in_flight_.front().done > time) break;
    ServeOne();
  }
  now_ = std::max(now_, time);
}

bool VirtualDisk::AdvanceToArrival() {
  while (true) {
    Submit();
    if (in_flight_.empty()) return false;
    if (ServeOne()) return true;
  }
}

}  // namespace foregate
