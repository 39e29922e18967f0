// What experts do, as Prometheus families: routing, and the expert tier where not all experts stay in memory.
//
// By at most kMaxLayerGroups groups of neighbouring layers: a series per expert would be thousands; those are behind
// the expert service.
#ifndef FOREGATE_SERVER_TELEMETRY_EXPERT_METRICS_H_
#define FOREGATE_SERVER_TELEMETRY_EXPERT_METRICS_H_

#include <cstddef>

#include "engine/moe/expert_tier.h"
#include "engine/moe/route_trace.h"
#include "server/telemetry/family_builder.h"

namespace foregate {

inline constexpr size_t kMaxLayerGroups = 8;

// `tier`: of the same model, its layers those that `routing` has.
void AddExperts(const RouteStatistics& routing, const ExpertTier& tier, FamilyBuilder* out);

}  // namespace foregate

#endif  // FOREGATE_SERVER_TELEMETRY_EXPERT_METRICS_H_
