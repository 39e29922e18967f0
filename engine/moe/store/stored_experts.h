// StoredExperts: where in a packed container each expert's matrices lie, and what proves their bytes. A value.
#ifndef FOREGATE_ENGINE_MOE_STORE_STORED_EXPERTS_H_
#define FOREGATE_ENGINE_MOE_STORE_STORED_EXPERTS_H_

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "engine/moe/expert_directory.h"

namespace foregate {

// One projection. Offsets are multiples of kExpertAlignment; file and slot have room for as many bytes as direct I/O
// rounds the part up to.
struct StoredPart {
  uint64_t file_offset = 0;
  uint64_t slot_offset = 0;
  uint64_t num_bytes = 0;
  uint64_t checksum = 0;  // XXH3-64

  uint64_t padded_bytes() const { return (num_bytes + kExpertAlignment - 1) / kExpertAlignment * kExpertAlignment; }
};

struct StoredExperts {
  std::string path;
  std::vector<std::array<StoredPart, kProjections.size()>> experts;  // by directory index
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_STORE_STORED_EXPERTS_H_
