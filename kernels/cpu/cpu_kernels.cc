#include "kernels/cpu/cpu_kernels.h"

#include <cstring>
#include <utility>

#include "kernels/api/args_check.h"
#include "kernels/base/arg_max.h"
#include "kernels/base/arithmetic.h"
#include "kernels/base/check.h"
#include "kernels/cpu/cpu_attention.h"
#include "kernels/cpu/cpu_linear.h"
#include "kernels/cpu/cpu_moe.h"
#include "kernels/weights/pack.h"

namespace foregate::internal {
namespace {

// Element operations that take as long as unpacking a weight, at least.
constexpr int64_t kUnpackingWork = 16;

class CpuKernels final : public Kernels {
 public:
  explicit CpuKernels(Compute compute) : compute_(std::move(compute)) {}

  absl::Status Embed(const EmbedArgs& args, Stream& stream) override;
  absl::Status RmsNorm(const RmsNormArgs& args, Stream& stream) override;
  absl::Status Linear(const LinearArgs& args, Stream& stream) override;
  absl::Status Clamp(const ClampArgs& args, Stream& stream) override;
  absl::Status Rope(const RopeArgs& args, Stream& stream) override;
  absl::Status WriteKv(const WriteKvArgs& args, Stream& stream) override;
  absl::Status PagedAttention(const PagedAttentionArgs& args, Stream& stream) override;
  absl::Status TopKRouter(const TopKRouterArgs& args, Stream& stream) override;
  absl::Status WeighExperts(const WeighExpertsArgs& args, Stream& stream) override;
  absl::Status GroupByExpert(const GroupByExpertArgs& args, Stream& stream) override;
  absl::Status GroupedFfn(const GroupedFfnArgs& args, Stream& stream) override;
  absl::Status Combine(const CombineArgs& args, Stream& stream) override;
  absl::Status SwiGlu(const SwiGluArgs& args, Stream& stream) override;
  absl::Status Accumulate(const AccumulateArgs& args, Stream& stream) override;
  absl::Status GatherRows(const GatherRowsArgs& args, Stream& stream) override;
  absl::Status Fill(const FillArgs& args, Stream& stream) override;
  absl::Status ArgMax(const ArgMaxArgs& args, Stream& stream) override;

 private:
  Compute compute_;
};

absl::Status CpuKernels::Embed(const EmbedArgs& args, Stream& /*stream*/) {
  CheckArgs(args);
  const int64_t width = args.table.num_inputs;
  compute_.For(args.ids.dim(0), args.out.num_elements() * kUnpackingWork, [&](int64_t t) {
    const int64_t id = args.ids.as<const int32_t>()[t];
    FOREGATE_CHECK(id >= 0 && id < args.table.num_outputs);
    UnpackRow(args.table, id, args.out.as<float>() + t * width);
  });
  return absl::OkStatus();
}

absl::Status CpuKernels::RmsNorm(const RmsNormArgs& args, Stream& /*stream*/) {
  CheckArgs(args);
  const int64_t width = args.x.dim(1);
  const auto norm = compute_.isa->rms_norm[static_cast<size_t>(args.weight.dtype())];
  compute_.For(args.x.dim(0), args.x.num_elements(), [&](int64_t t) {
    norm(args.x.as<const float>() + t * width, args.weight.data(), args.eps, args.out.as<float>() + t * width, width);
  });
  return absl::OkStatus();
}

absl::Status CpuKernels::Linear(const LinearArgs& args, Stream& /*stream*/) {
  CheckArgs(args);
  CpuLinear(compute_, args);
  return absl::OkStatus();
}

absl::Status CpuKernels::Clamp(const ClampArgs& args, Stream& /*stream*/) {
  CheckArgs(args);
  float* x = args.x.as<float>();
  for (int64_t i = 0; i < args.x.num_elements(); ++i) x[i] = MinOf(args.limit, MaxOf(-args.limit, x[i]));
  return absl::OkStatus();
}

absl::Status CpuKernels::Rope(const RopeArgs& args, Stream& /*stream*/) {
  CheckArgs(args);
  const int64_t heads = args.x.dim(1);
  const int64_t head_dim = args.x.dim(2);
  const int64_t half = args.cos.dim(1);
  compute_.For(args.x.dim(0), args.x.num_elements(), [&](int64_t t) {
    const int64_t position = args.positions.as<const int32_t>()[t];
    FOREGATE_CHECK(position >= 0 && position < args.cos.dim(0));
    for (int64_t head = 0; head < heads; ++head) {
      float* low = args.x.as<float>() + (t * heads + head) * head_dim;
      compute_.isa->rope_row(low, low + half, args.cos.as<const float>() + position * half,
                             args.sin.as<const float>() + position * half, half);
    }
  });
  return absl::OkStatus();
}

absl::Status CpuKernels::WriteKv(const WriteKvArgs& args, Stream& /*stream*/) {
  CheckArgs(args);
  CpuWriteKv(compute_, args);
  return absl::OkStatus();
}

absl::Status CpuKernels::PagedAttention(const PagedAttentionArgs& args, Stream& /*stream*/) {
  CheckArgs(args);
  CpuPagedAttention(compute_, args);
  return absl::OkStatus();
}

absl::Status CpuKernels::TopKRouter(const TopKRouterArgs& args, Stream& /*stream*/) {
  CheckArgs(args);
  CpuTopKRouter(compute_, args);
  return absl::OkStatus();
}

absl::Status CpuKernels::WeighExperts(const WeighExpertsArgs& args, Stream& /*stream*/) {
  CheckArgs(args);
  CpuWeighExperts(compute_, args);
  return absl::OkStatus();
}

absl::Status CpuKernels::GroupByExpert(const GroupByExpertArgs& args, Stream& /*stream*/) {
  CheckArgs(args);
  CpuGroupByExpert(args);
  return absl::OkStatus();
}

absl::Status CpuKernels::GroupedFfn(const GroupedFfnArgs& args, Stream& /*stream*/) {
  CheckArgs(args);
  CpuGroupedFfn(compute_, args);
  return absl::OkStatus();
}

absl::Status CpuKernels::Combine(const CombineArgs& args, Stream& /*stream*/) {
  CheckArgs(args);
  CpuCombine(compute_, args);
  return absl::OkStatus();
}

absl::Status CpuKernels::SwiGlu(const SwiGluArgs& args, Stream& /*stream*/) {
  CheckArgs(args);
  const int64_t width = args.gate.dim(1);
  // An exponential and a division cost about 8 element operations.
  compute_.For(args.gate.dim(0), args.gate.num_elements() * 8, [&](int64_t t) {
    compute_.isa->silu_mul(args.gate.as<const float>() + t * width, args.up.as<const float>() + t * width,
                           args.out.as<float>() + t * width, width);
  });
  return absl::OkStatus();
}

absl::Status CpuKernels::Accumulate(const AccumulateArgs& args, Stream& /*stream*/) {
  CheckArgs(args);
  const int64_t width = args.y.dim(1);
  compute_.For(args.y.dim(0), args.y.num_elements(), [&](int64_t t) {
    const float scale = args.gate_logits.empty() ? 1.0f : Sigmoid(args.gate_logits.as<const float>()[t]);
    compute_.isa->fma_row(scale, args.y.as<const float>() + t * width, args.acc.as<float>() + t * width, width);
  });
  return absl::OkStatus();
}

absl::Status CpuKernels::GatherRows(const GatherRowsArgs& args, Stream& /*stream*/) {
  CheckArgs(args);
  const int64_t width = args.x.dim(1);
  for (int64_t i = 0; i < args.rows.dim(0); ++i) {
    const int64_t row = args.rows.as<const int32_t>()[i];
    FOREGATE_CHECK(row >= 0 && row < args.x.dim(0));
    std::memcpy(args.out.as<uint32_t>() + i * width, args.x.as<const uint32_t>() + row * width,
                static_cast<size_t>(width) * sizeof(uint32_t));
  }
  return absl::OkStatus();
}

absl::Status CpuKernels::ArgMax(const ArgMaxArgs& args, Stream& /*stream*/) {
  CheckArgs(args);
  const auto width = static_cast<size_t>(args.x.dim(1));
  compute_.For(args.x.dim(0), args.x.num_elements(), [&](int64_t t) {
    args.out.as<int32_t>()[t] = foregate::ArgMax({args.x.Rows(t, 1).as<const float>(), width});
  });
  return absl::OkStatus();
}

absl::Status CpuKernels::Fill(const FillArgs& args, Stream& /*stream*/) {
  CheckArgs(args);
  float* x = args.x.as<float>();
  for (int64_t i = 0; i < args.x.num_elements(); ++i) x[i] = args.value;
  return absl::OkStatus();
}

}  // namespace

std::unique_ptr<Kernels> MakeCpuKernels(Compute compute) { return std::make_unique<CpuKernels>(std::move(compute)); }

}  // namespace foregate::internal
