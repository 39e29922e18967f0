#include "engine/moe/store/expert_file.h"

#include <fcntl.h>
#include <unistd.h>
#include <xxhash.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "engine/formats/bulk_file.h"
#include "kernels/base/check.h"

namespace foregate {
namespace {

constexpr ExpertLayout kLayout = {
    .hidden = 40, .width = 32, .formats = {WeightFormat::kF32, WeightFormat::kF32, WeightFormat::kF32}};

}  // namespace

ExpertFile::ExpertFile(const std::string& parent) : directory_({1, 4}, 4, std::vector<ExpertLayout>(8, kLayout)) {
  std::string folder = parent + "/experts.XXXXXX";
  FOREGATE_CHECK(::mkdtemp(folder.data()) != nullptr);
  folder_ = folder;
  stored_.path = folder_ + "/model.fgw";
  std::ofstream file(stored_.path, std::ios::binary);
  file << std::string(kPage, 'h');
  uint64_t at = kPage;
  for (size_t expert = 0; expert < directory_.size(); ++expert) {
    auto& parts = stored_.experts.emplace_back();
    for (const Projection projection : kProjections) {
      const auto part = static_cast<size_t>(projection);
      const size_t num_bytes = directory_.layout(expert).projection_bytes(projection);
      const std::string bytes(num_bytes, FillOf(expert, part));
      parts[part] = {.file_offset = at,
                     .slot_offset = directory_.layout(expert).offset(projection),
                     .num_bytes = num_bytes,
                     .checksum = XXH3_64bits(bytes.data(), bytes.size())};
      file << bytes << std::string(parts[part].padded_bytes() - num_bytes, '\0');
      at += parts[part].padded_bytes();
    }
  }
}

ExpertFile::~ExpertFile() { std::filesystem::remove_all(folder_); }

bool ExpertFile::LeavePageCache() const {
  const int fd = ::open(stored_.path.c_str(), O_RDONLY | O_CLOEXEC);
  // Pages that are not written yet stay whatever is advised.
  const bool has_left = fd >= 0 && ::fdatasync(fd) == 0 && ::posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED) == 0;
  ::close(fd);
  const absl::StatusOr<std::unique_ptr<BulkFile>> file = BulkFile::Open(stored_.path);
  if (!has_left || !file.ok()) return false;
  for (const auto& parts : stored_.experts)
    for (const StoredPart& part : parts)
      if (!(*file)->PrefersDirect(part.file_offset, part.padded_bytes())) return false;
  return true;
}

void ExpertFile::EnterPageCache(size_t expert) const {
  const int fd = ::open(stored_.path.c_str(), O_RDONLY | O_CLOEXEC);
  FOREGATE_CHECK(fd >= 0);
  FOREGATE_CHECK_EQ(::posix_fadvise(fd, 0, 0, POSIX_FADV_RANDOM), 0);  // nothing is read ahead
  std::array<char, kExpertBytes> bytes = {};
  const auto offset = static_cast<off_t>(stored_.experts[expert].front().file_offset);
  FOREGATE_CHECK_EQ(::pread(fd, bytes.data(), bytes.size(), offset), static_cast<ssize_t>(bytes.size()));
  ::close(fd);
}

}  // namespace foregate
