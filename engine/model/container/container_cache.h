// ContainerCache: a directory of packed containers, one per model, formats, layout and contract. Several daemons may
// share it; of those that start together, one packs and the others wait.
#ifndef FOREGATE_ENGINE_MODEL_CONTAINER_CONTAINER_CACHE_H_
#define FOREGATE_ENGINE_MODEL_CONTAINER_CONTAINER_CACHE_H_

#include <atomic>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "engine/formats/container/container_file.h"
#include "engine/model/container/container_directory.h"

namespace foregate {

// The path of the container in the cache `folder` of the model at `model` that `wanted` describes: another one for
// other formats, layouts and contracts, the same for another state of the model's files.
std::string CachedContainerPath(const std::string& folder, const std::string& model, const ContainerDirectory& wanted);

struct CachedContainer {
  std::unique_ptr<const ContainerFile> file;
  ContainerDirectory directory;
};

// The container at `path` if it is what `wanted` describes. NOT_FOUND when there is none; FAILED_PRECONDITION when it
// was made from other files or for another plan (stale); otherwise ContainerFile::Open's errors.
absl::StatusOr<CachedContainer> OpenContainer(const std::string& path, const ContainerDirectory& wanted);

// The right to write a container, held by one process at a time and given back when destroyed or when the process ends.
class ContainerLock {
 public:
  // Waits for its turn, looking at `cancelled` (may be null) ten times a second: CANCELLED. The error of the file
  // system when there can be no lock, as on a read-only volume.
  static absl::StatusOr<ContainerLock> Acquire(const std::string& container_path, const std::atomic<bool>* cancelled);
  ContainerLock(ContainerLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  ContainerLock& operator=(ContainerLock&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~ContainerLock();

 private:
  explicit ContainerLock(int fd) : fd_(fd) {}
  int fd_;
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MODEL_CONTAINER_CONTAINER_CACHE_H_
