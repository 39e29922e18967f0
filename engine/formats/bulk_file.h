// BulkFile: a regular file that is read once, in large requests, at the rate of the disk or of the page cache.
//
// What is not in the page cache is read with direct I/O where the file system takes it: that saves a copy, and keeps
// a model from filling memory twice. Untrusted: the file may shrink while it is open.
#ifndef FOREGATE_ENGINE_FORMATS_BULK_FILE_H_
#define FOREGATE_ENGINE_FORMATS_BULK_FILE_H_

#include <sys/uio.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace foregate {

// Thread-safe.
class BulkFile {
 public:
  // Of addresses, offsets and lengths, for direct reads.
  static constexpr size_t kAlignment = 4096;

  // As ReadOnlyFile::Open.
  static absl::StatusOr<std::unique_ptr<BulkFile>> Open(const std::string& path);
  ~BulkFile();
  BulkFile(const BulkFile&) = delete;
  BulkFile& operator=(const BulkFile&) = delete;

  const std::string& path() const { return path_; }
  // For a reader of its own, which asks for aligned offsets, addresses and lengths: -1 where direct I/O is refused.
  int direct_fd() const { return direct_works_.load(std::memory_order_relaxed) ? direct_fd_ : -1; }
  // When it was opened.
  uint64_t num_bytes() const { return num_bytes_; }
  // Whether reading these bytes should be direct: most of them are not in the page cache, and direct reads work here.
  bool PrefersDirect(uint64_t offset, size_t num_bytes) const;
  // Fills the buffers, one behind the other, with the file's bytes from `offset` on; changes `buffers`. `direct` asks
  // for aligned offset, addresses and lengths, and falls back to the page cache where it is refused. DATA_LOSS when
  // the file ends before.
  absl::Status Read(uint64_t offset, std::span<iovec> buffers, bool direct) const;

 private:
  BulkFile(int fd, int direct_fd, void* map, uint64_t num_bytes, std::string path);

  const int fd_;
  const int direct_fd_;  // -1: refused
  void* const map_;      // asked about, never touched; null where it is not to be had
  const uint64_t num_bytes_;
  const std::string path_;
  mutable std::atomic<bool> direct_works_;
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_FORMATS_BULK_FILE_H_
