#include "kernels/ref/ref_kernels.h"

#include <cmath>
#include <cstring>

#include "kernels/api/args_check.h"
#include "kernels/base/arg_max.h"
#include "kernels/base/arithmetic.h"
#include "kernels/base/check.h"
#include "kernels/ref/ref_attention.h"
#include "kernels/ref/ref_matrix.h"
#include "kernels/ref/ref_moe.h"
#include "kernels/ref/widen.h"
#include "kernels/weights/pack.h"

namespace foregate {
namespace {

class RefKernels final : public Kernels {
 public:
  explicit RefKernels(Bf16Products bf16_products) : bf16_products_(bf16_products) {}

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
  const Bf16Products bf16_products_;
};

absl::Status RefKernels::Embed(const EmbedArgs& args, Stream& /*stream*/) {
  CheckArgs(args);
  const int64_t width = args.table.num_inputs;
  for (int64_t t = 0; t < args.ids.dim(0); ++t) {
    const int64_t id = args.ids.as<const int32_t>()[t];
    FOREGATE_CHECK(id >= 0 && id < args.table.num_outputs);
    float* out = args.out.as<float>() + t * width;
    for (int64_t i = 0; i < width; ++i) out[i] = UnpackElement(args.table, id, i);
  }
  return absl::OkStatus();
}

absl::Status RefKernels::RmsNorm(const RmsNormArgs& args, Stream& /*stream*/) {
  CheckArgs(args);
  const int64_t width = args.x.dim(1);
  internal::WithWidened(args.weight, [&](auto read) {
    for (int64_t t = 0; t < args.x.dim(0); ++t) {
      const float* x = args.x.as<const float>() + t * width;
      float* out = args.out.as<float>() + t * width;
      const float sum = LaneDot(
          x, [x](int64_t i) { return x[i]; }, width);
      const float scale = 1.0f / std::sqrt(sum / static_cast<float>(width) + args.eps);
      for (int64_t i = 0; i < width; ++i) out[i] = x[i] * scale * read(i);
    }
  });
  return absl::OkStatus();
}

absl::Status RefKernels::Linear(const LinearArgs& args, Stream& /*stream*/) {
  CheckArgs(args);
  const internal::RefMatrix weight(args.weight, bf16_products_);
  const int64_t n_end = args.weight.num_outputs;
  for (int64_t t = 0; t < args.x.dim(0); ++t)
    weight.Apply(args.x.as<const float>() + t * args.x.dim(1), args.out.as<float>() + t * args.out.dim(1));
  if (args.bias.empty()) return absl::OkStatus();
  internal::WithWidened(args.bias, [&](auto read) {
    float* out = args.out.as<float>();
    for (int64_t i = 0; i < args.out.num_elements(); ++i) out[i] += read(i % n_end);
  });
  return absl::OkStatus();
}

absl::Status RefKernels::Clamp(const ClampArgs& args, Stream& /*stream*/) {
  CheckArgs(args);
  float* x = args.x.as<float>();
  for (int64_t i = 0; i < args.x.num_elements(); ++i) x[i] = MinOf(args.limit, MaxOf(-args.limit, x[i]));
  return absl::OkStatus();
}

absl::Status RefKernels::Rope(const RopeArgs& args, Stream& /*stream*/) {
  CheckArgs(args);
  const int64_t heads = args.x.dim(1);
  const int64_t head_dim = args.x.dim(2);
  const int64_t half = args.cos.dim(1);
  for (int64_t t = 0; t < args.x.dim(0); ++t) {
    const int64_t position = args.positions.as<const int32_t>()[t];
    FOREGATE_CHECK(position >= 0 && position < args.cos.dim(0));
    const float* cos = args.cos.as<const float>() + position * half;
    const float* sin = args.sin.as<const float>() + position * half;
    for (int64_t head = 0; head < heads; ++head) {
      float* low = args.x.as<float>() + (t * heads + head) * head_dim;
      float* high = low + half;
      for (int64_t i = 0; i < half; ++i) {
        const float a = low[i];
        const float b = high[i];
        low[i] = std::fma(a, cos[i], -(b * sin[i]));
        high[i] = std::fma(b, cos[i], a * sin[i]);
      }
    }
  }
  return absl::OkStatus();
}

absl::Status RefKernels::WriteKv(const WriteKvArgs& args, Stream& /*stream*/) {
  CheckArgs(args);
  internal::RefWriteKv(args);
  return absl::OkStatus();
}

absl::Status RefKernels::PagedAttention(const PagedAttentionArgs& args, Stream& /*stream*/) {
  CheckArgs(args);
  internal::RefPagedAttention(args, bf16_products_);
  return absl::OkStatus();
}

absl::Status RefKernels::TopKRouter(const TopKRouterArgs& args, Stream& /*stream*/) {
  CheckArgs(args);
  internal::RefTopKRouter(args);
  return absl::OkStatus();
}

absl::Status RefKernels::WeighExperts(const WeighExpertsArgs& args, Stream& /*stream*/) {
  CheckArgs(args);
  internal::RefWeighExperts(args);
  return absl::OkStatus();
}

absl::Status RefKernels::GroupByExpert(const GroupByExpertArgs& args, Stream& /*stream*/) {
  CheckArgs(args);
  internal::RefGroupByExpert(args);
  return absl::OkStatus();
}

absl::Status RefKernels::GroupedFfn(const GroupedFfnArgs& args, Stream& /*stream*/) {
  CheckArgs(args);
  internal::RefGroupedFfn(args, bf16_products_);
  return absl::OkStatus();
}

absl::Status RefKernels::Combine(const CombineArgs& args, Stream& /*stream*/) {
  CheckArgs(args);
  internal::RefCombine(args);
  return absl::OkStatus();
}

absl::Status RefKernels::SwiGlu(const SwiGluArgs& args, Stream& /*stream*/) {
  CheckArgs(args);
  const float* gate = args.gate.as<const float>();
  const float* up = args.up.as<const float>();
  float* out = args.out.as<float>();
  for (int64_t i = 0; i < args.gate.num_elements(); ++i) out[i] = Silu(gate[i]) * up[i];
  return absl::OkStatus();
}

absl::Status RefKernels::Accumulate(const AccumulateArgs& args, Stream& /*stream*/) {
  CheckArgs(args);
  const int64_t width = args.y.dim(1);
  for (int64_t t = 0; t < args.y.dim(0); ++t) {
    const float scale = args.gate_logits.empty() ? 1.0f : Sigmoid(args.gate_logits.as<const float>()[t]);
    const float* y = args.y.as<const float>() + t * width;
    float* acc = args.acc.as<float>() + t * width;
    for (int64_t i = 0; i < width; ++i) acc[i] = std::fma(scale, y[i], acc[i]);
  }
  return absl::OkStatus();
}

absl::Status RefKernels::GatherRows(const GatherRowsArgs& args, Stream& /*stream*/) {
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

absl::Status RefKernels::Fill(const FillArgs& args, Stream& /*stream*/) {
  CheckArgs(args);
  float* x = args.x.as<float>();
  for (int64_t i = 0; i < args.x.num_elements(); ++i) x[i] = args.value;
  return absl::OkStatus();
}

absl::Status RefKernels::ArgMax(const ArgMaxArgs& args, Stream& /*stream*/) {
  CheckArgs(args);
  const int64_t width = args.x.dim(1);
  for (int64_t t = 0; t < args.x.dim(0); ++t) {
    const float* x = args.x.as<const float>() + t * width;
    int32_t& best = args.out.as<int32_t>()[t];
    best = kAllMasked;
    for (int64_t i = 0; i < width && best != kNotANumber; ++i) {
      if (std::isnan(x[i]) || (std::isinf(x[i]) && x[i] > 0)) {
        best = kNotANumber;
      } else if (!std::isinf(x[i]) && (best == kAllMasked || x[i] > x[best])) {
        best = static_cast<int32_t>(i);
      }
    }
  }
  return absl::OkStatus();
}

}  // namespace

std::unique_ptr<Kernels> MakeRefKernels(Bf16Products bf16_products) {
  return std::make_unique<RefKernels>(bf16_products);
}

}  // namespace foregate
