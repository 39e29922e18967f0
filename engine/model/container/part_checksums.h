// PartChecksums: the checksums of a container's expert parts, taken while its payload passes by.
#ifndef FOREGATE_ENGINE_MODEL_CONTAINER_PART_CHECKSUMS_H_
#define FOREGATE_ENGINE_MODEL_CONTAINER_PART_CHECKSUMS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "engine/model/container/container_directory.h"

struct XXH3_state_s;

namespace foregate {

// One thread at a time.
class PartChecksums {
 public:
  // Writes into the parts of `directory`, which must outlive it and keep its experts. Parts are equal or apart.
  explicit PartChecksums(ContainerDirectory& directory);
  ~PartChecksums();

  // Bytes of the payload; offsets ascend, and every byte of every part comes by.
  void Add(uint64_t payload_offset, std::span<const std::byte> bytes);

 private:
  struct FreeState {
    void operator()(XXH3_state_s* state) const;
  };
  void HashInto(ContainerDirectory::Part& part, std::span<const std::byte> bytes);

  std::vector<ContainerDirectory::Part*> parts_;  // ascending by offset
  size_t next_ = 0;                               // the first part that is not whole yet
  uint64_t done_bytes_ = 0;                       // of that part
  std::unique_ptr<XXH3_state_s, FreeState> state_;
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MODEL_CONTAINER_PART_CHECKSUMS_H_
