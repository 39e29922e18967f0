// ExpertTier: what anyone may read of a model's expert cache and store while it is served. Views of counters that live
// as long as the decoder; null where there is none.
#ifndef FOREGATE_ENGINE_MOE_EXPERT_TIER_H_
#define FOREGATE_ENGINE_MOE_EXPERT_TIER_H_

#include <cstddef>
#include <cstdint>
#include <string>

#include "engine/moe/expert_board.h"
#include "engine/moe/expert_cache_counters.h"
#include "engine/moe/expert_store.h"

namespace foregate {

struct ExpertTier {
  size_t num_experts = 0;                      // over all layers
  size_t num_slots = 0;                        // of fast memory; as many as experts when all stay there
  uint64_t slot_bytes = 0;                     // of all slots, as planned
  uint64_t least_slot_bytes = 0;               // of the fewest that serve
  const ExpertCacheCounters* cache = nullptr;  // null when all stay in fast memory
  const FetchCounters* store = nullptr;        // null when nothing is read from a file
  const ExpertBoard* board = nullptr;          // null without experts
  std::string source = {};                     // where experts come from, and how; empty when all stay in fast memory
  std::string file = {};                       // that they are read from; empty when all stay in fast memory
  const char* prefetch = "";                   // as engine.expert_prefetch names it; empty when all stay there
};

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_EXPERT_TIER_H_
