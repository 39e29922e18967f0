#include "tests/bench/timed_kernels.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <utility>
#include <vector>

namespace foregate {
namespace {

std::string NameOf(const char* operation, const WeightMatrix& weight) {
  return std::string(operation) + " " + WeightFormatName(weight.format);
}

// Of a product of `rows` rows.
double OperationsOf(int64_t rows, const WeightMatrix& weight) {
  return 2.0 * static_cast<double>(rows) * static_cast<double>(weight.num_outputs) *
         static_cast<double>(weight.num_inputs);
}

class TimedKernels final : public Kernels {
 public:
  TimedKernels(std::unique_ptr<Kernels> kernels, OperationTimes* times) : kernels_(std::move(kernels)), times_(times) {}

  absl::Status Embed(const EmbedArgs& args, Stream& stream) override {
    return Time("embed", &Kernels::Embed, args, stream);
  }
  absl::Status RmsNorm(const RmsNormArgs& args, Stream& stream) override {
    return Time("rms_norm", &Kernels::RmsNorm, args, stream);
  }
  absl::Status Linear(const LinearArgs& args, Stream& stream) override {
    return Time(NameOf("linear", args.weight), &Kernels::Linear, args, stream,
                OperationsOf(args.x.dim(0), args.weight));
  }
  absl::Status Clamp(const ClampArgs& args, Stream& stream) override {
    return Time("clamp", &Kernels::Clamp, args, stream);
  }
  absl::Status Rope(const RopeArgs& args, Stream& stream) override {
    return Time("rope", &Kernels::Rope, args, stream);
  }
  absl::Status WriteKv(const WriteKvArgs& args, Stream& stream) override {
    return Time("write_kv", &Kernels::WriteKv, args, stream);
  }
  absl::Status PagedAttention(const PagedAttentionArgs& args, Stream& stream) override {
    return Time("paged_attention", &Kernels::PagedAttention, args, stream);
  }
  absl::Status TopKRouter(const TopKRouterArgs& args, Stream& stream) override {
    return Time("top_k_router", &Kernels::TopKRouter, args, stream);
  }
  absl::Status WeighExperts(const WeighExpertsArgs& args, Stream& stream) override {
    return Time("weigh_experts", &Kernels::WeighExperts, args, stream);
  }
  absl::Status GroupByExpert(const GroupByExpertArgs& args, Stream& stream) override {
    return Time("group_by_expert", &Kernels::GroupByExpert, args, stream);
  }
  absl::Status GroupedFfn(const GroupedFfnArgs& args, Stream& stream) override {
    double operations = 0;
    const int32_t* offsets = args.offsets.as<const int32_t>();
    for (const ExpertWeights& expert : args.experts) {
      const int64_t rows = offsets[expert.expert + 1] - offsets[expert.expert];
      for (const WeightMatrix* weight : {&expert.gate, &expert.up, &expert.down})
        operations += OperationsOf(rows, *weight);
    }
    const std::string name = args.experts.empty() ? "grouped_ffn"
                                                  : NameOf("grouped_ffn", args.experts[0].gate) + "/" +
                                                        WeightFormatName(args.experts[0].down.format);
    return Time(name, &Kernels::GroupedFfn, args, stream, operations);
  }
  absl::Status Combine(const CombineArgs& args, Stream& stream) override {
    return Time("combine", &Kernels::Combine, args, stream);
  }
  absl::Status SwiGlu(const SwiGluArgs& args, Stream& stream) override {
    return Time("swiglu", &Kernels::SwiGlu, args, stream);
  }
  absl::Status Accumulate(const AccumulateArgs& args, Stream& stream) override {
    return Time("accumulate", &Kernels::Accumulate, args, stream);
  }
  absl::Status GatherRows(const GatherRowsArgs& args, Stream& stream) override {
    return Time("gather_rows", &Kernels::GatherRows, args, stream);
  }
  absl::Status Fill(const FillArgs& args, Stream& stream) override {
    return Time("fill", &Kernels::Fill, args, stream);
  }
  absl::Status ArgMax(const ArgMaxArgs& args, Stream& stream) override {
    return Time("arg_max", &Kernels::ArgMax, args, stream);
  }

 private:
  template <typename Args>
  absl::Status Time(const std::string& name, absl::Status (Kernels::*operation)(const Args&, Stream&), const Args& args,
                    Stream& stream, double operations = 0) {
    const auto begin = std::chrono::steady_clock::now();
    absl::Status status = (kernels_.get()->*operation)(args, stream);
    OperationTime& time = (*times_)[name];
    time.seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    time.operations += operations;
    ++time.calls;
    return status;
  }

  const std::unique_ptr<Kernels> kernels_;
  OperationTimes* const times_;
};

}  // namespace

std::unique_ptr<Kernels> MakeTimedKernels(std::unique_ptr<Kernels> kernels, OperationTimes* times) {
  return std::make_unique<TimedKernels>(std::move(kernels), times);
}

std::string OperationText(const OperationTimes& times, double seconds) {
  std::vector<std::pair<std::string, OperationTime>> sorted(times.begin(), times.end());
  std::sort(sorted.begin(), sorted.end(),
            [](const auto& a, const auto& b) { return a.second.seconds > b.second.seconds; });
  std::string text;
  double rest = seconds;
  const auto add = [&](const std::string& name, double some, const char* more) {
    char line[160];
    std::snprintf(line, sizeof(line), "    %-26s %9.1f ms %5.1f %% %s\n", name.c_str(), some * 1e3,
                  100 * some / seconds, more);
    text += line;
  };
  for (const auto& [name, time] : sorted) {
    char speed[64] = "";
    if (time.operations > 0) std::snprintf(speed, sizeof(speed), "%7.0f GOP/s", time.operations / time.seconds / 1e9);
    add(name, time.seconds, speed);
    rest -= time.seconds;
  }
  add("(outside operations)", rest, "");
  return text;
}

}  // namespace foregate
