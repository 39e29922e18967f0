#include "engine/formats/bulk_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>
#include <vector>

namespace foregate {
namespace {

// A short read ends a request inside its buffers: drops what has arrived.
void Advance(std::span<iovec>& buffers, size_t count) {
  while (count > 0 && count >= buffers[0].iov_len) {
    count -= buffers[0].iov_len;
    buffers = buffers.subspan(1);
  }
  if (count == 0) return;
  buffers[0].iov_base = static_cast<std::byte*>(buffers[0].iov_base) + count;
  buffers[0].iov_len -= count;
}

}  // namespace

absl::StatusOr<std::unique_ptr<BulkFile>> BulkFile::Open(const std::string& path) {
  // O_NONBLOCK: opening a FIFO must not hang.
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) {
    const std::string message = path + ": cannot open: " + std::strerror(errno);
    return errno == ENOENT ? absl::NotFoundError(message) : absl::PermissionDeniedError(message);
  }
  struct stat status = {};
  if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) {
    ::close(fd);
    return absl::InvalidArgumentError(path + ": not a regular file");
  }
  const auto num_bytes = static_cast<uint64_t>(status.st_size);
  void* map = num_bytes == 0 ? MAP_FAILED : ::mmap(nullptr, num_bytes, PROT_READ, MAP_SHARED, fd, 0);
  // By its descriptor: the path may mean another file by now.
  const int direct_fd = ::open(("/proc/self/fd/" + std::to_string(fd)).c_str(), O_RDONLY | O_CLOEXEC | O_DIRECT);
  return std::unique_ptr<BulkFile>(new BulkFile(fd, direct_fd, map == MAP_FAILED ? nullptr : map, num_bytes, path));
}

BulkFile::BulkFile(int fd, int direct_fd, void* map, uint64_t num_bytes, std::string path)
    : fd_(fd),
      direct_fd_(direct_fd),
      map_(map),
      num_bytes_(num_bytes),
      path_(std::move(path)),
      direct_works_(direct_fd >= 0 && map != nullptr) {}

BulkFile::~BulkFile() {
  if (map_ != nullptr) ::munmap(map_, num_bytes_);
  if (direct_fd_ >= 0) ::close(direct_fd_);
  ::close(fd_);
}

bool BulkFile::PrefersDirect(uint64_t offset, size_t num_bytes) const {
  if (!direct_works_.load(std::memory_order_relaxed) || offset >= num_bytes_) return false;
  const uint64_t first = offset / kAlignment * kAlignment;
  const uint64_t end = std::min(offset + num_bytes, num_bytes_);
  // One byte per page. The kernel says "resident" of files that others own: these are read through the page cache.
  std::vector<unsigned char> pages((end - first + kAlignment - 1) / kAlignment);
  if (::mincore(static_cast<std::byte*>(map_) + first, end - first, pages.data()) != 0) return false;
  const auto resident = std::count_if(pages.begin(), pages.end(), [](unsigned char page) { return (page & 1) != 0; });
  return static_cast<size_t>(resident) * 2 < pages.size();
}

absl::Status BulkFile::Read(uint64_t offset, std::span<iovec> buffers, bool direct) const {
  while (!buffers.empty()) {
    const size_t count = std::min<size_t>(buffers.size(), 1024);  // IOV_MAX
    const ssize_t got =
        ::preadv(direct ? direct_fd_ : fd_, buffers.data(), static_cast<int>(count), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && direct && errno == EINVAL) {
      direct_works_.store(false, std::memory_order_relaxed);
      direct = false;
      continue;
    }
    if (got < 0) return absl::UnavailableError(path_ + ": cannot read: " + std::strerror(errno));
    if (got == 0)
      return absl::DataLossError(path_ + ": ends at byte " + std::to_string(offset) + ", was " +
                                 std::to_string(num_bytes_) + " bytes long: it shrank while being read");
    // The rest of a read that was cut short may no longer be aligned.
    direct = direct && static_cast<size_t>(got) % kAlignment == 0;
    offset += static_cast<uint64_t>(got);
    Advance(buffers, static_cast<size_t>(got));
  }
  return absl::OkStatus();
}

}  // namespace foregate
