// ExpertFile: for tests, a file of experts that a store reads. 2 layers (1 and 4) of 4 experts, each part of 5 KiB
// that takes two pages; the bytes of a part are all the same, and other than any other part's.
#ifndef FOREGATE_ENGINE_MOE_STORE_EXPERT_FILE_H_
#define FOREGATE_ENGINE_MOE_STORE_EXPERT_FILE_H_

#include <cstddef>
#include <string>

#include "engine/moe/expert_directory.h"
#include "engine/moe/store/stored_experts.h"

namespace foregate {

class ExpertFile {
 public:
  static constexpr size_t kPage = kExpertAlignment;
  static constexpr size_t kExpertBytes = 6 * kPage;

  // In a folder of its own in `parent`, which ends with it.
  explicit ExpertFile(const std::string& parent);
  ~ExpertFile();
  ExpertFile(const ExpertFile&) = delete;
  ExpertFile& operator=(const ExpertFile&) = delete;

  const ExpertDirectory& directory() const { return directory_; }
  const StoredExperts& stored() const { return stored_; }
  static char FillOf(size_t expert, size_t part) { return static_cast<char>(10 * (expert + 1) + part); }

  // Puts the file out of the page cache. False where it cannot be read with direct I/O then: a file system without it,
  // or one that lives in memory.
  bool LeavePageCache() const;
  // Puts one expert into the page cache, and nothing beside it.
  void EnterPageCache(size_t expert) const;

 private:
  const ExpertDirectory directory_;
  std::string folder_;
  StoredExperts stored_;
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_STORE_EXPERT_FILE_H_
