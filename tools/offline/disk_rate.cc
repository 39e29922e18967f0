#include "tools/offline/disk_rate.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <optional>
#include <random>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/formats/bulk_file.h"
#include "engine/formats/container/container_file.h"
#include "engine/formats/container/container_format.h"
#include "engine/formats/overlay.h"
#include "engine/moe/store/read_rate.h"
#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

constexpr uint64_t kTemporaryBytes = uint64_t{256} << 20;
constexpr auto kDuration = std::chrono::milliseconds(800);

// Has no name any more, so that it is gone when the process is, however that ends.
class TemporaryFile {
 public:
  static absl::StatusOr<TemporaryFile> Write(const std::string& directory) {
    std::string path = directory + "/foregate-plan-XXXXXX";
    TemporaryFile file(::mkstemp(path.data()));
    if (file.fd_ < 0) return absl::UnavailableError("cannot write in " + directory + ": " + std::strerror(errno));
    ::unlink(path.c_str());
    std::vector<uint64_t> words((4 << 20) / sizeof(uint64_t));
    std::mt19937_64 random(kTemporaryBytes);
    for (uint64_t done = 0; done < kTemporaryBytes; done += words.size() * sizeof(uint64_t)) {
      for (uint64_t& word : words) word = random();
      if (const int error = file.Append(std::as_bytes(std::span(words))); error != 0)
        return absl::UnavailableError("cannot write 256 MiB in " + directory + ": " + std::strerror(error));
    }
    // Out of the page cache, so that it is read as a container would be.
    ::fsync(file.fd_);
    ::posix_fadvise(file.fd_, 0, 0, POSIX_FADV_DONTNEED);
    return file;
  }
  TemporaryFile(TemporaryFile&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  TemporaryFile& operator=(TemporaryFile&&) = delete;
  ~TemporaryFile() {
    if (fd_ >= 0) ::close(fd_);
  }
  std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  explicit TemporaryFile(int fd) : fd_(fd) {}
  // 0, or errno: of a full disk, which writes a part first, as well.
  int Append(std::span<const std::byte> bytes) const {
    while (!bytes.empty()) {
      const ssize_t written = ::write(fd_, bytes.data(), bytes.size());
      if (written < 0 && errno != EINTR) return errno;
      bytes = bytes.subspan(static_cast<size_t>(std::max<ssize_t>(written, 0)));
    }
    return 0;
  }

  int fd_;
};

// The largest regular file in the directories with one of these extensions; empty: none.
std::string LargestFile(const std::vector<std::string>& directories,
                        std::initializer_list<std::string_view> extensions) {
  std::string largest;
  uintmax_t largest_bytes = 0;
  for (const std::string& directory : directories) {
    std::error_code error;
    for (std::filesystem::directory_iterator entry(directory, error), end; !error && entry != end;
         entry.increment(error)) {
      const std::string extension = entry->path().extension().string();
      std::error_code ignored;
      if (std::find(extensions.begin(), extensions.end(), extension) == extensions.end() ||
          !entry->is_regular_file(ignored) || entry->file_size(ignored) <= largest_bytes)
        continue;
      largest = entry->path().string();
      largest_bytes = entry->file_size(ignored);
    }
  }
  return largest;
}

// Where a model's weights lie. What cannot be read here is an error of whoever loads it.
std::vector<std::string> DirectoriesOf(const std::string& model) {
  std::vector<std::string> directories = {model};
  const absl::StatusOr<std::optional<Overlay>> overlay = FindOverlay(model);
  if (overlay.ok() && overlay->has_value()) directories.push_back((*overlay)->base_directory);
  return directories;
}

// The directory, or where it would be made: that disk counts, and a plan makes nothing.
std::string ExistingDirectory(const std::string& directory) {
  std::error_code ignored;
  std::filesystem::path path = std::filesystem::absolute(directory, ignored);
  while (!std::filesystem::exists(path, ignored) && path.has_relative_path()) path = path.parent_path();
  return path.string();
}

absl::StatusOr<DiskRate> MeasureOn(const std::string& path, uint64_t expert_bytes, const std::string& origin) {
  FOREGATE_ASSIGN_OR_RETURN(const auto file, BulkFile::Open(path));
  const ReadShape shape = ProbeReadShape(*file, 0, file->num_bytes());
  // A model smaller than an expert of its container: its pieces tell as much.
  const uint64_t run_bytes = std::min(expert_bytes, file->num_bytes());
  FOREGATE_ASSIGN_OR_RETURN(const ReadRate rate,
                            MeasureReadRate(*file, 0, file->num_bytes(), shape, run_bytes, kDuration));
  return DiskRate{.shape = shape,
                  .bytes_per_second = rate.bytes_per_second,
                  .origin = "measured on " + origin + (rate.is_direct ? "" : " (through the page cache)")};
}

}  // namespace

absl::StatusOr<DiskRate> MeasureDiskRate(const std::string& cache_directory, const std::string& model,
                                         uint64_t expert_bytes) {
  const absl::StatusOr<std::optional<std::string>> served = FindContainer(model);
  if (served.ok() && served->has_value()) return MeasureOn(**served, expert_bytes, **served);
  if (!cache_directory.empty()) {
    const std::string container = LargestFile({cache_directory}, {kContainerExtension});
    if (!container.empty()) return MeasureOn(container, expert_bytes, container);
    const std::string directory = ExistingDirectory(cache_directory);
    FOREGATE_ASSIGN_OR_RETURN(const TemporaryFile file, TemporaryFile::Write(directory));
    return MeasureOn(file.path(), expert_bytes, "a temporary file in " + directory);
  }
  std::error_code ignored;
  if (!std::filesystem::is_directory(model, ignored)) return MeasureOn(model, expert_bytes, model);
  const std::string file = LargestFile(DirectoriesOf(model), {".safetensors", ".gguf", kContainerExtension});
  if (file.empty()) return absl::NotFoundError(model + ": no file to measure the disk on");
  return MeasureOn(file, expert_bytes, file);
}

}  // namespace foregate
