#include "engine/model/base_check.h"

#include <algorithm>
#include <mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/formats/sha256.h"
#include "engine/model/run_in_threads.h"
#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

// Threads take the files in turn.
class BaseChecker {
 public:
  BaseChecker(const std::vector<Checkpoint::BaseFile>& files, const BaseCheckOptions& options)
      : files_(files), options_(options) {}

  absl::Status Run() {
    const int num_threads = std::clamp(options_.num_threads, 1, static_cast<int>(files_.size()));
    RunInThreads(num_threads, [this](int /*index*/) {
      std::string piece(options_.piece_bytes, '\0');
      for (size_t next = next_.fetch_add(1); next < files_.size(); next = next_.fetch_add(1)) {
        const absl::Status status = Check(files_[next], piece);
        const std::lock_guard lock(mutex_);
        if (status_.ok()) status_ = status;
      }
    });
    return status_;
  }

 private:
  absl::Status Check(const Checkpoint::BaseFile& base, std::string& piece) {
    Sha256 digest;
    for (uint64_t offset = 0; offset < base.file->num_bytes();) {
      if (options_.cancelled != nullptr && options_.cancelled->load(std::memory_order_relaxed))
        return absl::CancelledError("loading was cancelled");
      const size_t count = std::min<uint64_t>(piece.size(), base.file->num_bytes() - offset);
      FOREGATE_RETURN_IF_ERROR(base.file->Read(offset, std::as_writable_bytes(std::span(piece).first(count))));
      digest.Update(std::string_view(piece).substr(0, count));
      offset += count;
      const std::lock_guard lock(mutex_);
      if (!status_.ok()) return status_;
      if (options_.progress) options_.progress(count);
    }
    const std::string found = digest.Finish();
    if (found == base.sha256) return absl::OkStatus();
    return absl::FailedPreconditionError(base.where + "the SHA-256 of " + base.file->path() + " is " + found + ": \"" +
                                         base.sha256 + "\"");
  }

  const std::vector<Checkpoint::BaseFile>& files_;
  const BaseCheckOptions& options_;
  std::atomic<size_t> next_{0};
  std::mutex mutex_;  // guards status_ and calls of progress
  absl::Status status_;
};

}  // namespace

uint64_t BaseBytes(const Checkpoint& checkpoint) {
  uint64_t num_bytes = 0;
  for (const Checkpoint::BaseFile& base : checkpoint.base_files()) num_bytes += base.file->num_bytes();
  return num_bytes;
}

absl::Status CheckBase(const Checkpoint& checkpoint, const BaseCheckOptions& options) {
  if (checkpoint.base_files().empty()) return absl::OkStatus();
  return BaseChecker(checkpoint.base_files(), options).Run();
}

}  // namespace foregate
