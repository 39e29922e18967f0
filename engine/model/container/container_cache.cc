#include "engine/model/container/container_cache.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>
#include <xxhash.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <iterator>
#include <thread>

#include "absl/status/status.h"
#include "kernels/base/status_macros.h"

namespace foregate {

std::string CachedContainerPath(const std::string& folder, const std::string& model, const ContainerDirectory& wanted) {
  ContainerDirectory named = wanted;
  named.source = model;
  const std::string text = SerializeContainerDirectory(named);
  const size_t slash = model.find_last_not_of('/');
  const std::string path = slash == std::string::npos ? model : model.substr(0, slash + 1);
  char hash[17];
  std::snprintf(hash, sizeof(hash), "%016" PRIx64, XXH3_64bits(text.data(), text.size()));
  return folder + "/" + path.substr(path.rfind('/') + 1) + "-" + hash + kContainerExtension;
}

absl::StatusOr<CachedContainer> OpenContainer(const std::string& path, const ContainerDirectory& wanted) {
  CachedContainer container;
  FOREGATE_ASSIGN_OR_RETURN(container.file, ContainerFile::Open(path));
  FOREGATE_ASSIGN_OR_RETURN(
      container.directory, ParseContainerDirectory(container.file->directory(), container.file->payload_bytes(), path));
  const ContainerDirectory& directory = container.directory;
  if (!directory.DescribesSame(wanted))
    return absl::FailedPreconditionError(path + (directory.source == wanted.source
                                                     ? ": packed for another plan"
                                                     : ": packed from other files than there are now"));
  return container;
}

absl::StatusOr<ContainerLock> ContainerLock::Acquire(const std::string& container_path,
                                                     const std::atomic<bool>* cancelled) {
  const std::string path = container_path + ".lock";
  const int fd = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (fd < 0) return absl::PermissionDeniedError(path + ": cannot create: " + std::strerror(errno));
  ContainerLock lock(fd);
  while (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR)
      return absl::UnavailableError(path + ": cannot lock: " + std::strerror(errno));
    if (cancelled != nullptr && cancelled->load(std::memory_order_relaxed))
      return absl::CancelledError("loading was cancelled");
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  }
  return lock;
}

ContainerLock::~ContainerLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace foregate
