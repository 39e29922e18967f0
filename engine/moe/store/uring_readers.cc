#include <liburing.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "engine/moe/store/piece_readers.h"
#include "kernels/base/check.h"

namespace foregate {
namespace {

// The kernel takes at most 1 GiB for one registered buffer, and IOV_MAX of them.
constexpr size_t kMaxRegisteredBytes = size_t{1} << 30;
constexpr size_t kMaxRegistered = 1024;
// Of buffers that the kernel would not let go.
constexpr __kernel_timespec kUnregisterAgain = {.tv_sec = 0, .tv_nsec = 100'000'000};
// What an entry of the ring is about: a place of under_way_, or this.
constexpr uint64_t kWakePlace = UINT64_MAX;

// One thread waits in the ring for all: for its reads, and for an event that says that there may be more to read. A
// read that hangs so holds up nothing but its expert.
class UringReaders final : public PieceReaders {
 public:
  UringReaders(FetchQueue& queue, const BulkFile& file, FileRead read, int depth)
      : queue_(queue), file_(file), read_(std::move(read)), under_way_(static_cast<size_t>(depth)) {
    ended_.reserve(under_way_.size());
    for (size_t i = under_way_.size(); i-- > 0;) free_.push_back(i);
  }
  ~UringReaders() override {
    if (thread_.joinable()) thread_.join();
    if (has_ring_) ::io_uring_queue_exit(&ring_);
    if (wake_fd_ >= 0) ::close(wake_fd_);
  }

  void Detach() override { thread_.detach(); }
  // The reader's own thread unregisters, when no read into the buffers is under way: until then the kernel would make
  // the caller wait for the disk.
  void ReleaseBuffers() override {
    if (!is_released_.exchange(true)) Wake();
  }

  absl::Status Start(std::span<const std::span<std::byte>> buffers) {
    if (file_.direct_fd() < 0) return absl::UnavailableError("direct I/O is refused");
    wake_fd_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (wake_fd_ < 0) return absl::UnavailableError(std::string("eventfd: ") + std::strerror(errno));
    // One more than reads: for the event.
    if (const int error = ::io_uring_queue_init(static_cast<unsigned>(under_way_.size()) + 1, &ring_, 0); error < 0)
      return absl::UnavailableError(std::string("io_uring: ") + std::strerror(-error));
    has_ring_ = true;
    Register(buffers);
    queue_.WakeBy([this] { Wake(); });
    thread_ = std::thread([this] { Run(); });
    pthread_setname_np(thread_.native_handle(), "expert-read");
    return absl::OkStatus();
  }

 private:
  // Without, as where the limit of locked memory is low, reads work as well.
  void Register(std::span<const std::span<std::byte>> buffers) {
    std::vector<iovec> vectors;
    for (const std::span<std::byte> buffer : buffers) {
      if (buffer.size() > kMaxRegisteredBytes) return;
      vectors.push_back({buffer.data(), buffer.size()});
    }
    if (vectors.empty() || vectors.size() > kMaxRegistered) return;
    // Before Linux 5.13 the kernel unregisters only when the whole ring is idle, which one read that hangs prevents.
    if ((ring_.features & IORING_FEAT_RSRC_TAGS) == 0) return;
    if (::io_uring_register_buffers(&ring_, vectors.data(), static_cast<unsigned>(vectors.size())) == 0)
      registered_.assign(buffers.begin(), buffers.end());
  }

  void Wake() {
    const uint64_t one = 1;
    // Fails only when so many are pending that one more says nothing.
    (void)!::write(wake_fd_, &one, sizeof(one));
  }

  void Run() {
    while (true) {
      CollectEnded();
      if (is_unregister_due()) Unregister();
      // Reads that ended are replaced before they are looked at: the last piece of a part is verified then, 0.5 ms in
      // which the disk would go short of work.
      BeginMore();
      const bool is_idle = free_.size() == under_way_.size() && ended_.empty() && !read_here_.has_value();
      if (is_idle && !queue_.is_open()) return;
      Submit(ended_.empty() && !read_here_.has_value() ? 1 : 0);
      EndAll();
      if (read_here_.has_value()) Read(*std::exchange(read_here_, std::nullopt));
    }
  }

  // Up to a piece that this thread reads itself: what has arrived must not wait behind many of those.
  void BeginMore() {
    while (!free_.empty()) {
      const std::optional<ReadPiece> next = queue_.TryTake();
      if (!next.has_value()) return;
      if (file_.direct_fd() < 0 || !file_.PrefersDirect(next->file_offset, next->num_bytes)) {
        read_here_ = next;
        return;
      }
      Begin(*next);
    }
  }

  bool is_unregister_due() const { return is_released_ && !registered_.empty() && num_fixed_ == 0; }

  // Reads work as well without, and the pages that are given back are free at once. They are not registered again when
  // more memory is used later: that would take all of it at once. The kernel may refuse, for want of memory above all:
  // it is asked again.
  void Unregister() {
    if (::io_uring_unregister_buffers(&ring_) == 0) registered_.clear();
  }

  void Begin(const ReadPiece& piece) {
    const size_t place = free_.back();
    free_.pop_back();
    io_uring_sqe* const entry = NewEntry();
    const int buffer = BufferOf(piece);
    under_way_[place] = {piece, buffer >= 0};
    if (buffer >= 0) {
      ++num_fixed_;
      ::io_uring_prep_read_fixed(entry, file_.direct_fd(), piece.destination, piece.num_bytes, piece.file_offset,
                                 buffer);
    } else {
      ::io_uring_prep_read(entry, file_.direct_fd(), piece.destination, piece.num_bytes, piece.file_offset);
    }
    ::io_uring_sqe_set_data64(entry, place);
  }

  int BufferOf(const ReadPiece& piece) const {
    // What is given back and taken again lies in other pages than those that the kernel still knows.
    if (is_released_) return -1;
    for (size_t i = 0; i < registered_.size(); ++i) {
      const std::span<std::byte> buffer = registered_[i];
      if (piece.destination >= buffer.data() && piece.destination + piece.num_bytes <= buffer.data() + buffer.size())
        return static_cast<int>(i);
    }
    return -1;
  }

  io_uring_sqe* NewEntry() {
    io_uring_sqe* const entry = ::io_uring_get_sqe(&ring_);
    FOREGATE_CHECK(entry != nullptr);  // as many as there are places, and one
    return entry;
  }

  // Without waiting: moves what has ended to ended_, and listens to the event again.
  void CollectEnded() {
    io_uring_cqe* entry = nullptr;
    while (::io_uring_peek_cqe(&ring_, &entry) == 0) {
      const uint64_t place = ::io_uring_cqe_get_data64(entry);
      if (place == kWakePlace) {
        is_listening_ = false;
      } else {
        ended_.emplace_back(under_way_[place].piece, entry->res);
        if (under_way_[place].is_fixed) --num_fixed_;
        free_.push_back(place);
      }
      ::io_uring_cqe_seen(&ring_, entry);
    }
    if (!std::exchange(is_listening_, true)) Listen();
  }

  void Listen() {
    uint64_t num_events = 0;
    (void)!::read(wake_fd_, &num_events, sizeof(num_events));  // those that were heard
    io_uring_sqe* const entry = NewEntry();
    ::io_uring_prep_poll_add(entry, wake_fd_, POLLIN);
    ::io_uring_sqe_set_data64(entry, kWakePlace);
  }

  void Submit(unsigned num_awaited) {
    int submitted;
    if (num_awaited > 0 && is_unregister_due()) {
      __kernel_timespec at_most = kUnregisterAgain;
      io_uring_cqe* first = nullptr;
      submitted = ::io_uring_submit_and_wait_timeout(&ring_, &first, num_awaited, &at_most, nullptr);
    } else {
      submitted = ::io_uring_submit_and_wait(&ring_, num_awaited);
    }
    if (submitted >= 0 || submitted == -ETIME) return;
    // Interrupted, or the kernel has no memory for requests just now: what is not submitted yet goes with the next.
    FOREGATE_CHECK(submitted == -EINTR || submitted == -EAGAIN || submitted == -EBUSY || submitted == -ENOMEM);
    if (num_awaited > 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }

  void EndAll() {
    for (const auto& [piece, result] : ended_) End(piece, result);
    ended_.clear();
  }

  void Read(const ReadPiece& piece) {
    queue_.Return(piece, read_(piece.file_offset, {piece.destination, piece.num_bytes}));
  }

  void End(const ReadPiece& piece, int result) {
    if (result == static_cast<int>(piece.num_bytes)) return queue_.Return(piece, absl::OkStatus());
    // A file that ended, a file system that takes no such read: `read_` says what it is, or reads it.
    if (result >= 0 || result == -EINVAL) return Read(piece);
    queue_.Return(piece, absl::UnavailableError(file_.path() + ": cannot read: " + std::strerror(-result)));
  }

  FetchQueue& queue_;
  const BulkFile& file_;
  const FileRead read_;
  io_uring ring_ = {};
  bool has_ring_ = false;
  int wake_fd_ = -1;
  bool is_listening_ = false;  // the ring waits for wake_fd_
  struct UnderWay {
    ReadPiece piece;
    bool is_fixed = false;  // into a registered buffer
  };
  std::vector<UnderWay> under_way_;
  size_t num_fixed_ = 0;
  std::vector<size_t> free_;                      // places of under_way_
  std::vector<std::pair<ReadPiece, int>> ended_;  // what CollectEnded found, with its result
  std::optional<ReadPiece> read_here_;            // in the page cache, and taken last
  std::vector<std::span<std::byte>> registered_;
  std::atomic<bool> is_released_{false};
  std::thread thread_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<PieceReaders>> MakeUringReaders(FetchQueue& queue, const BulkFile& file, FileRead read,
                                                               std::span<const std::span<std::byte>> buffers,
                                                               int depth) {
  auto readers = std::make_unique<UringReaders>(queue, file, std::move(read), depth);
  if (absl::Status started = readers->Start(buffers); !started.ok()) return started;
  return readers;
}

}  // namespace foregate
