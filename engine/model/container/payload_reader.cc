#include "engine/model/container/payload_reader.h"

#include <xxhash.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "engine/formats/bulk_file.h"
#include "engine/model/run_in_threads.h"
#include "kernels/base/check.h"
#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

// Large enough for a disk's rate with a few threads, small enough to be still in the cache when it is verified.
constexpr uint64_t kRequestBytes = 4 * kContainerChunkBytes;
constexpr size_t kMaxPieces = 512;
// A disk wants several requests at once, whatever the cores: on a virtual disk of 1.1 GB/s two threads got half of it.
constexpr int kDirectThreads = 4;

struct Piece {
  std::byte* data;
  size_t num_bytes;
};

bool IsAligned(const Piece& piece) {
  return reinterpret_cast<uintptr_t>(piece.data) % BulkFile::kAlignment == 0 &&
         piece.num_bytes % BulkFile::kAlignment == 0;
}

struct FreeMemory {
  void operator()(std::byte* memory) const { std::free(memory); }
};
using Bounce = std::unique_ptr<std::byte, FreeMemory>;

class Reader {
 public:
  Reader(const ContainerFile& file, const BulkFile& bulk, std::span<const PayloadRange> ranges,
         const PayloadReadOptions& options)
      : file_(file), bulk_(bulk), ranges_(ranges), options_(options) {
    for (const PayloadRange& range : ranges) {
      if (range.num_bytes == 0) continue;
      const uint64_t first = range.offset / kRequestBytes;
      const uint64_t last = (range.offset + range.num_bytes - 1) / kRequestBytes;
      for (uint64_t request = first; request <= last; ++request) {
        if (requests_.empty() || requests_.back() != request) requests_.push_back(request);
      }
    }
  }

  absl::Status Run() {
    const int wanted = IsCold() ? std::max(options_.num_threads, kDirectThreads) : options_.num_threads;
    const auto num_threads = std::clamp<size_t>(requests_.size(), 1, static_cast<size_t>(std::max(1, wanted)));
    RunInThreads(static_cast<int>(num_threads), [this](int index) { Work(index == 0); });
    Report();
    return status_;
  }

 private:
  // By the request in the middle: headers and what was looked at last may be in the page cache.
  bool IsCold() const {
    return !requests_.empty() &&
           bulk_.PrefersDirect(file_.payload_offset() + requests_[requests_.size() / 2] * kRequestBytes, 1);
  }

  void Work(bool reports) {
    const Bounce bounce(static_cast<std::byte*>(std::aligned_alloc(BulkFile::kAlignment, kRequestBytes)));
    if (bounce == nullptr) return Fail(absl::ResourceExhaustedError("no memory to read into"));
    while (!is_over_.load(std::memory_order_relaxed)) {
      const size_t i = next_.fetch_add(1, std::memory_order_relaxed);
      if (i >= requests_.size()) break;
      if (const absl::Status read = ReadRequest(requests_[i] * kRequestBytes, bounce.get()); !read.ok())
        return Fail(read);
      if (reports) Report();
    }
  }

  void Report() {
    const uint64_t num_bytes = done_bytes_.exchange(0, std::memory_order_relaxed);
    if (options_.progress && num_bytes > 0) options_.progress(num_bytes);
  }

  void Fail(const absl::Status& status) {
    const std::lock_guard lock(mutex_);
    if (status_.ok()) status_ = status;
    is_over_.store(true, std::memory_order_relaxed);
  }

  absl::Status ReadRequest(uint64_t begin, std::byte* bounce) {
    if (options_.cancelled != nullptr && options_.cancelled->load(std::memory_order_relaxed))
      return absl::CancelledError("loading was cancelled");
    const uint64_t end = std::min(begin + kRequestBytes, file_.payload_bytes());
    // Direct reads are of whole blocks; the file's last bytes need not be one.
    if ((end - begin) % BulkFile::kAlignment == 0 && bulk_.PrefersDirect(file_.payload_offset() + begin, end - begin)) {
      return ReadAndVerify(begin, end, bounce, /*direct=*/true);
    }
    // A chunk at a time is verified while it is in the cache.
    for (uint64_t at = begin; at < end; at += kContainerChunkBytes)
      FOREGATE_RETURN_IF_ERROR(ReadAndVerify(at, std::min(at + kContainerChunkBytes, end), bounce, /*direct=*/false));
    return absl::OkStatus();
  }

  // Calls body(range, offset, num_bytes) for the ranges' parts in [begin, end), in order.
  template <typename Body>
  void ForRanges(uint64_t begin, uint64_t end, Body body) const {
    auto range = std::partition_point(ranges_.begin(), ranges_.end(), [&](const PayloadRange& earlier) {
      return earlier.offset + earlier.num_bytes <= begin;
    });
    for (; range != ranges_.end() && range->offset < end; ++range) {
      const uint64_t from = std::max(begin, range->offset);
      const uint64_t to = std::min(end, range->offset + range->num_bytes);
      if (from < to) body(*range, from, to - from);
    }
  }

  // Where the bytes [begin, end) go: to the ranges' places, and what lies between them into `bounce`; nothing when
  // they cannot be read in place.
  std::vector<Piece> PlacesOf(uint64_t begin, uint64_t end, std::byte* bounce, bool direct) const {
    std::vector<Piece> pieces;
    bool in_place = true;
    uint64_t at = begin;
    const auto add = [&](std::byte* data, uint64_t num_bytes) {
      if (num_bytes > 0) pieces.push_back({data, num_bytes});
      at += num_bytes;
    };
    ForRanges(begin, end, [&](const PayloadRange& range, uint64_t offset, uint64_t num_bytes) {
      add(bounce + (at - begin), offset - at);
      add(range.destination + (offset - range.offset), num_bytes);
      in_place = in_place && range.is_writable;
    });
    add(bounce + (at - begin), end - at);
    if (direct) in_place = in_place && std::all_of(pieces.begin(), pieces.end(), IsAligned);
    if (!in_place || pieces.size() > kMaxPieces) pieces.clear();
    return pieces;
  }

  absl::Status ReadAndVerify(uint64_t begin, uint64_t end, std::byte* bounce, bool direct) {
    std::vector<Piece> pieces = PlacesOf(begin, end, bounce, direct);
    const bool in_place = !pieces.empty();
    if (!in_place) pieces.push_back({bounce, end - begin});
    std::vector<iovec> buffers;
    for (const Piece& piece : pieces) buffers.push_back({piece.data, piece.num_bytes});
    FOREGATE_RETURN_IF_ERROR(bulk_.Read(file_.payload_offset() + begin, buffers, direct));
    FOREGATE_RETURN_IF_ERROR(Verify(begin, end, pieces));
    absl::Status delivered;
    ForRanges(begin, end, [&](const PayloadRange& range, uint64_t offset, uint64_t num_bytes) {
      if (!in_place && delivered.ok())
        delivered = Deliver(range, {bounce + (offset - begin), num_bytes}, offset - range.offset);
      done_bytes_.fetch_add(num_bytes, std::memory_order_relaxed);
    });
    return delivered;
  }

  absl::Status Deliver(const PayloadRange& range, std::span<const std::byte> bytes, uint64_t at) {
    if (range.is_writable) {
      std::memcpy(range.destination + at, bytes.data(), bytes.size());
      return absl::OkStatus();
    }
    const std::lock_guard lock(mutex_);
    return options_.deliver(bytes, range.destination + at);
  }

  absl::Status Verify(uint64_t begin, uint64_t end, std::span<const Piece> pieces) const {
    size_t skip = 0;  // of pieces[0]
    for (uint64_t at = begin; at < end;) {
      const uint64_t chunk = at / kContainerChunkBytes;
      size_t left = file_.chunk_bytes(chunk);
      at += left;
      if (pieces[0].num_bytes - skip >= left) {
        FOREGATE_RETURN_IF_ERROR(file_.CheckChunk(chunk, ContainerChecksum({pieces[0].data + skip, left})));
        skip += left;
      } else {
        const std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state(XXH3_createState(), XXH3_freeState);
        FOREGATE_CHECK(state != nullptr);
        XXH3_64bits_reset(state.get());
        while (left > 0) {
          const size_t count = std::min(left, pieces[0].num_bytes - skip);
          XXH3_64bits_update(state.get(), pieces[0].data + skip, count);
          left -= count;
          skip += count;
          if (skip < pieces[0].num_bytes) continue;
          pieces = pieces.subspan(1);
          skip = 0;
        }
        FOREGATE_RETURN_IF_ERROR(file_.CheckChunk(chunk, XXH3_64bits_digest(state.get())));
      }
      if (at < end && skip == pieces[0].num_bytes) {
        pieces = pieces.subspan(1);
        skip = 0;
      }
    }
    return absl::OkStatus();
  }

  const ContainerFile& file_;
  const BulkFile& bulk_;
  const std::span<const PayloadRange> ranges_;
  const PayloadReadOptions& options_;
  std::vector<uint64_t> requests_;  // those that a range touches
  std::atomic<size_t> next_{0};
  std::atomic<uint64_t> done_bytes_{0};
  std::atomic<bool> is_over_{false};
  std::mutex mutex_;
  absl::Status status_;  // guarded by mutex_ until all threads have ended
};

}  // namespace

absl::Status ReadPayload(const ContainerFile& file, std::span<const PayloadRange> ranges,
                         const PayloadReadOptions& options) {
  uint64_t end = 0;
  for (const PayloadRange& range : ranges) {
    FOREGATE_CHECK(range.offset >= end && range.num_bytes <= file.payload_bytes() - range.offset);
    FOREGATE_CHECK(range.is_writable || options.deliver != nullptr);
    end = range.offset + range.num_bytes;
  }
  FOREGATE_ASSIGN_OR_RETURN(const std::unique_ptr<BulkFile> bulk, BulkFile::Open(file.path()));
  return Reader(file, *bulk, ranges, options).Run();
}

}  // namespace foregate
