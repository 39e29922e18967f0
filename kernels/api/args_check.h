// The CHECKs that every backend makes of its operands: ranks, extents that must agree, dtypes. Only the views are read,
// never the memory behind them, so device backends use them as well.
#ifndef FOREGATE_KERNELS_API_ARGS_CHECK_H_
#define FOREGATE_KERNELS_API_ARGS_CHECK_H_

#include "kernels/api/kernels.h"

namespace foregate {

// Each stops the process, naming the condition, when the caller broke the shapes stated in kernels.h.
void CheckArgs(const EmbedArgs& args);
void CheckArgs(const RmsNormArgs& args);
void CheckArgs(const LinearArgs& args);
void CheckArgs(const ClampArgs& args);
void CheckArgs(const RopeArgs& args);
void CheckArgs(const WriteKvArgs& args);
void CheckArgs(const PagedAttentionArgs& args);
void CheckArgs(const TopKRouterArgs& args);
void CheckArgs(const WeighExpertsArgs& args);
void CheckArgs(const GroupByExpertArgs& args);
void CheckArgs(const GroupedFfnArgs& args);
void CheckArgs(const CombineArgs& args);
void CheckArgs(const SwiGluArgs& args);
void CheckArgs(const AccumulateArgs& args);
void CheckArgs(const GatherRowsArgs& args);
void CheckArgs(const FillArgs& args);
void CheckArgs(const ArgMaxArgs& args);

}  // namespace foregate

#endif  // FOREGATE_KERNELS_API_ARGS_CHECK_H_
