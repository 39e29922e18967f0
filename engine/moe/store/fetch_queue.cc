#include "engine/moe/store/fetch_queue.h"

#include <xxhash.h>

#include <algorithm>
#include <string>
#include <utility>

#include "kernels/base/check.h"

namespace foregate {
namespace {

using Seconds = std::chrono::duration<double>;

template <typename T>
T& ByClass(std::array<T, kNumFetchClasses>& counters, FetchClass urgency) {
  return counters[static_cast<size_t>(urgency)];
}

}  // namespace

FetchQueue::FetchQueue(const ExpertDirectory& directory, const StoredExperts& stored, const FetchQueueOptions& options)
    : directory_(directory), stored_(stored), options_(options) {
  FOREGATE_CHECK(options.piece_bytes > 0 && options.piece_bytes % kExpertAlignment == 0);
  FOREGATE_CHECK_EQ(stored.experts.size(), directory.size());
  for (std::vector<ExpertFetch*>& queue : queues_) queue.reserve(options.max_fetches);
}

uint32_t FetchQueue::NumPieces(const StoredPart& part) const {
  return static_cast<uint32_t>((part.padded_bytes() + options_.piece_bytes - 1) / options_.piece_bytes);
}

ReadPiece FetchQueue::PieceOf(ExpertFetch& fetch, uint32_t part, uint32_t piece) const {
  const StoredPart& stored = PartOf(fetch, part);
  const uint64_t begin = uint64_t{piece} * options_.piece_bytes;
  return {.fetch = &fetch,
          .part = part,
          .file_offset = stored.file_offset + begin,
          .destination = fetch.destination + stored.slot_offset + begin,
          .num_bytes = static_cast<uint32_t>(std::min<uint64_t>(options_.piece_bytes, stored.padded_bytes() - begin)),
          .urgency = fetch.urgency,
          .taken_at = {}};
}

void FetchQueue::Push(ExpertFetch& fetch) {
  FOREGATE_CHECK(fetch.state.load(std::memory_order_relaxed) != FetchState::kPending);
  fetch.error = absl::OkStatus();
  fetch.progress = {};
  fetch.progress.parts_left = static_cast<uint32_t>(kProjections.size());
  for (uint32_t part = 0; part < kProjections.size(); ++part)
    fetch.progress.pieces_left[part] = NumPieces(PartOf(fetch, part));
  fetch.progress.began_as = fetch.urgency;
  fetch.progress.began_at = std::chrono::steady_clock::now();
  std::unique_lock lock(mutex_);
  fetch.state.store(FetchState::kPending, std::memory_order_relaxed);
  QueueOf(fetch).push_back(&fetch);
  ++ByClass(counters_.num_pending, fetch.urgency);
  if (++num_pending_ == 1) NoteAnswer();  // silence begins with the first
  NotifyReaders(lock);
}

void FetchQueue::NotifyReaders(std::unique_lock<std::mutex>& lock) {
  const bool wakes = wake_ && std::exchange(has_disappointed_, false);
  lock.unlock();
  has_pieces_.notify_all();
  if (wakes) wake_();
}

// Or the beginning of a time in which one is due.
void FetchQueue::NoteAnswer() {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  counters_.silent_since_us.store(
      num_pending_ == 0 ? 0 : std::chrono::duration_cast<std::chrono::microseconds>(now).count(),
      std::memory_order_relaxed);
}

void FetchQueue::Raise(ExpertFetch& fetch, FetchClass urgency) {
  std::unique_lock lock(mutex_);
  if (fetch.state.load(std::memory_order_relaxed) != FetchState::kPending || urgency >= fetch.urgency) return;
  std::vector<ExpertFetch*>& before = QueueOf(fetch);
  --ByClass(counters_.num_pending, fetch.urgency);
  fetch.urgency = urgency;
  ++ByClass(counters_.num_pending, fetch.urgency);
  const auto at = std::find(before.begin(), before.end(), &fetch);
  if (at == before.end()) return;  // all of it is under way
  before.erase(at);
  QueueOf(fetch).push_back(&fetch);
  NotifyReaders(lock);
}

bool FetchQueue::Cancel(ExpertFetch& fetch) {
  const std::lock_guard lock(mutex_);
  if (fetch.state.load(std::memory_order_relaxed) != FetchState::kPending) return false;
  if (fetch.progress.next_part + fetch.progress.next_piece > 0) return false;
  std::vector<ExpertFetch*>& queue = QueueOf(fetch);
  queue.erase(std::find(queue.begin(), queue.end(), &fetch));
  --ByClass(counters_.num_pending, fetch.urgency);
  fetch.state.store(FetchState::kIdle, std::memory_order_relaxed);
  if (--num_pending_ == 0) NoteAnswer();
  return true;
}

absl::Status FetchQueue::WaitForEnd(uint64_t seen, std::chrono::steady_clock::time_point deadline) {
  const auto began = std::chrono::steady_clock::now();
  std::unique_lock lock(mutex_);
  const auto has_ended = [&] { return num_ended_.load(std::memory_order_relaxed) > seen; };
  if (has_ended()) return absl::OkStatus();
  is_waiting_ = true;
  ended_by_.reset();
  if (deadline == std::chrono::steady_clock::time_point::max()) {
    has_ended_.wait(lock, has_ended);
  } else if (!has_ended_.wait_until(lock, deadline, has_ended)) {
    is_waiting_ = false;
    CountWait(std::chrono::steady_clock::now() - began, std::nullopt);
    return absl::DeadlineExceededError(stored_.path + ": no expert arrived: the disk is stalled or too slow");
  }
  CountWait(std::chrono::steady_clock::now() - began, ended_by_);
  return absl::OkStatus();
}

ReadPiece FetchQueue::HandOut(ExpertFetch& fetch) {
  auto& progress = fetch.progress;
  const ReadPiece piece = PieceOf(fetch, progress.next_part, progress.next_piece);
  if (++progress.next_piece == NumPieces(PartOf(fetch, progress.next_part))) {
    progress.next_piece = 0;
    ++progress.next_part;
  }
  if (progress.next_part == kProjections.size()) {
    std::vector<ExpertFetch*>& queue = QueueOf(fetch);
    queue.erase(std::find(queue.begin(), queue.end(), &fetch));
  }
  return piece;
}

std::optional<ReadPiece> FetchQueue::NextPiece() {
  std::optional<ReadPiece> piece;
  if (!retries_.empty()) {
    piece = retries_.back();
    retries_.pop_back();
  } else {
    for (std::vector<ExpertFetch*>& queue : queues_) {
      if (queue.empty()) continue;
      if (queue.front()->urgency == FetchClass::kSpeculative && num_speculative_ >= options_.max_speculative_pieces)
        continue;
      piece = HandOut(*queue.front());
      break;
    }
  }
  if (!piece.has_value()) return piece;
  ++piece->fetch->progress.num_out;
  ++num_out_;
  if (piece->urgency == FetchClass::kSpeculative) ++num_speculative_;
  ++ByClass(counters_.num_pieces_out, piece->urgency);
  piece->taken_at = std::chrono::steady_clock::now();
  return piece;
}

std::optional<ReadPiece> FetchQueue::Take() {
  std::unique_lock lock(mutex_);
  while (!is_closed_) {
    if (std::optional<ReadPiece> piece = NextPiece()) return piece;
    has_pieces_.wait(lock);
  }
  return std::nullopt;
}

std::optional<ReadPiece> FetchQueue::TryTake() {
  const std::lock_guard lock(mutex_);
  std::optional<ReadPiece> piece = is_closed_ ? std::nullopt : NextPiece();
  has_disappointed_ = !piece.has_value();
  return piece;
}

bool FetchQueue::is_open() {
  const std::lock_guard lock(mutex_);
  return !is_closed_;
}

bool FetchQueue::Stop(std::chrono::milliseconds grace) {
  std::unique_lock lock(mutex_);
  is_closed_ = true;
  has_pieces_.notify_all();
  if (wake_) wake_();
  return has_ended_.wait_for(lock, grace, [&] { return num_out_ == 0; });
}

absl::Status FetchQueue::Verify(const ExpertFetch& fetch, uint32_t part) const {
  const StoredPart& stored = PartOf(fetch, part);
  if (XXH3_64bits(fetch.destination + stored.slot_offset, stored.num_bytes) == stored.checksum) return absl::OkStatus();
  return absl::DataLossError(stored_.path + ": checksum of the " + std::to_string(stored.num_bytes) + " bytes at " +
                             std::to_string(stored.file_offset) + " is wrong");
}

void FetchQueue::RetryOrFail(ExpertFetch& fetch, uint32_t part, uint32_t first_piece, uint32_t num_pieces,
                             const absl::Status& why) {
  if (!fetch.error.ok()) return;  // given up already
  if (++fetch.progress.num_retries <= options_.max_retries && !is_closed_) {
    counters_.num_retries.fetch_add(1, std::memory_order_relaxed);
    for (uint32_t piece = 0; piece < num_pieces; ++piece) retries_.push_back(PieceOf(fetch, part, first_piece + piece));
    return;
  }
  fetch.error = absl::Status(why.code(), ToString(directory_.key(fetch.expert)) + ": " + std::string(why.message()));
  std::vector<ExpertFetch*>& queue = QueueOf(fetch);
  std::erase(queue, &fetch);
  std::erase_if(retries_, [&](const ReadPiece& piece) { return piece.fetch == &fetch; });
}

void FetchQueue::CountWait(std::chrono::steady_clock::duration waited, std::optional<FetchClass> ended_by) {
  waited_ += waited;
  if (!ended_by.has_value()) return;
  ByClass(counters_.wait_us, *ended_by) +=
      static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::microseconds>(waited_).count());
  waited_ = {};
}

void FetchQueue::EndIfDone(ExpertFetch& fetch) {
  if (fetch.progress.num_out > 0) return;
  const bool has_failed = !fetch.error.ok();
  if (!has_failed && fetch.progress.parts_left > 0) return;
  --ByClass(counters_.num_pending, fetch.urgency);
  if (has_failed) {
    counters_.num_failed.fetch_add(1, std::memory_order_relaxed);
  } else {
    const Seconds taken = std::chrono::steady_clock::now() - fetch.progress.began_at;
    ByClass(counters_.expert_seconds, fetch.urgency).Observe(taken.count());
  }
  if (std::exchange(is_waiting_, false) && fetch.urgency == FetchClass::kDemand) ended_by_ = fetch.progress.began_as;
  fetch.state.store(has_failed ? FetchState::kFailed : FetchState::kArrived, std::memory_order_release);
  num_ended_.fetch_add(1, std::memory_order_release);
  --num_pending_;
  has_ended_.notify_all();
}

void FetchQueue::Return(const ReadPiece& piece, const absl::Status& read) {
  ExpertFetch& fetch = *piece.fetch;
  auto& progress = fetch.progress;
  counters_.piece_seconds.Observe(Seconds(std::chrono::steady_clock::now() - piece.taken_at).count());
  std::unique_lock lock(mutex_);
  if (piece.urgency == FetchClass::kSpeculative) --num_speculative_;
  --ByClass(counters_.num_pieces_out, piece.urgency);
  if (!read.ok()) {
    const StoredPart& part = PartOf(fetch, piece.part);
    RetryOrFail(fetch, piece.part, static_cast<uint32_t>((piece.file_offset - part.file_offset) / options_.piece_bytes),
                1, read);
  } else {
    counters_.bytes_read[static_cast<size_t>(fetch.urgency)].fetch_add(piece.num_bytes, std::memory_order_relaxed);
    if (--progress.pieces_left[piece.part] == 0 && fetch.error.ok()) {
      lock.unlock();
      const absl::Status verified = Verify(fetch, piece.part);
      lock.lock();
      if (verified.ok()) {
        --progress.parts_left;
      } else {
        progress.pieces_left[piece.part] = NumPieces(PartOf(fetch, piece.part));
        RetryOrFail(fetch, piece.part, 0, progress.pieces_left[piece.part], verified);
      }
    }
  }
  --progress.num_out;
  --num_out_;
  EndIfDone(fetch);
  NoteAnswer();
  if (is_closed_) has_ended_.notify_all();
  // What was held back may be due, and what failed is to be read again. A reader of TryTake looks again anyway.
  lock.unlock();
  has_pieces_.notify_all();
}

}  // namespace foregate
