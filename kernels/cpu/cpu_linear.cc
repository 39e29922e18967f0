#include "kernels/cpu/cpu_linear.h"

#include <algorithm>
#include <array>
#include <vector>

#include "kernels/base/check.h"
#include "kernels/cpu/widen.h"

namespace foregate::internal {
namespace {

int64_t BytesPerOutput(const TensorView& weight) {
  return weight.dim(1) * static_cast<int64_t>(ElementBytes(weight.dtype()));
}

// Rows [first, first + count) of `weight` applied to the rows that `panel` describes.
void RunPanel(const Compute& compute, const TensorView& weight, int64_t first, int64_t count, DotPanel panel) {
  panel.weight = weight.Rows(first, count).data();
  panel.num_outputs = count;
  panel.k_end = weight.dim(1);
  panel.out += first;
  compute.isa->dot_panel[static_cast<size_t>(weight.dtype())](panel);
}

void AddBias(const TensorView& bias, int64_t first, int64_t count, const TensorView& out) {
  std::array<float, 64> widened;
  const auto chunk = static_cast<int64_t>(widened.size());
  for (int64_t begin = first; begin < first + count; begin += chunk) {
    const int64_t width = std::min(chunk, first + count - begin);
    WidenElements(bias, begin, width, widened.data());
    for (int64_t t = 0; t < out.dim(0); ++t) {
      float* row = out.as<float>() + t * out.dim(1) + begin;
      for (int64_t i = 0; i < width; ++i) row[i] += widened[static_cast<size_t>(i)];
    }
  }
}

// The experts of a call that have rows, and how their matrices are cut into panels.
struct GroupedPlan {
  struct Group {
    const ExpertWeights* weights;
    int64_t first_entry;
    int64_t num_entries;
  };
  std::vector<Group> groups;
  int64_t num_entries = 0;
};

GroupedPlan PlanGroups(const GroupedFfnArgs& args) {
  GroupedPlan plan;
  const int32_t* offsets = args.offsets.as<const int32_t>();
  for (const ExpertWeights& weights : args.experts) {
    const int32_t first = offsets[weights.expert];
    const int32_t end = offsets[weights.expert + 1];
    FOREGATE_CHECK(0 <= first && first <= end && end <= args.token_of.dim(0));
    if (first == end) continue;
    for (int32_t j = first; j < end; ++j) {
      const int32_t token = args.token_of.as<const int32_t>()[j];
      FOREGATE_CHECK(token >= 0 && token < args.x.dim(0));
    }
    plan.groups.push_back({&weights, first, end - first});
    plan.num_entries += end - first;
  }
  return plan;
}

// scratch[j, 0:F] = silu(gate(x)) * up(x) for a panel of F.
void GateUpPanel(const Compute& compute, const GroupedFfnArgs& args, const GroupedPlan::Group& group, int64_t first,
                 int64_t count) {
  const int64_t ffn = group.weights->gate.dim(0);
  float* gate = args.scratch.as<float>() + group.first_entry * 2 * ffn;
  float* up = gate + ffn;
  DotPanel panel = {};
  panel.x = args.x.as<const float>();
  panel.x_stride = args.x.dim(1);
  panel.x_rows = args.token_of.as<const int32_t>() + group.first_entry;
  panel.num_rows = group.num_entries;
  panel.out_stride = 2 * ffn;
  panel.out = gate;
  RunPanel(compute, group.weights->gate, first, count, panel);
  panel.out = up;
  RunPanel(compute, group.weights->up, first, count, panel);
  for (int64_t j = 0; j < group.num_entries; ++j) {
    float* row = gate + j * 2 * ffn + first;
    compute.isa->silu_mul(row, row + ffn, row, count);
  }
}

void DownPanel(const Compute& compute, const GroupedFfnArgs& args, const GroupedPlan::Group& group, int64_t first,
               int64_t count) {
  const int64_t hidden = args.x.dim(1);
  const int64_t ffn = group.weights->gate.dim(0);
  DotPanel panel = {};
  panel.x = args.scratch.as<const float>() + group.first_entry * 2 * ffn;
  panel.x_stride = 2 * ffn;
  panel.num_rows = group.num_entries;
  panel.out = args.y.as<float>() + group.first_entry * hidden;
  panel.out_stride = hidden;
  RunPanel(compute, group.weights->down, first, count, panel);
}

}  // namespace

void CpuLinear(const Compute& compute, const LinearArgs& args) {
  const int64_t num_outputs = args.weight.dim(0);
  const int64_t panel_outputs = compute.PanelOutputs(num_outputs, BytesPerOutput(args.weight), 1);
  const int64_t num_panels = (num_outputs + panel_outputs - 1) / panel_outputs;
  DotPanel panel = {};
  panel.x = args.x.as<const float>();
  panel.x_stride = args.x.dim(1);
  panel.num_rows = args.x.dim(0);
  panel.out = args.out.as<float>();
  panel.out_stride = num_outputs;
  compute.For(num_panels, args.x.num_elements() * num_outputs, [&](int64_t i) {
    const int64_t first = i * panel_outputs;
    const int64_t count = std::min(panel_outputs, num_outputs - first);
    RunPanel(compute, args.weight, first, count, panel);
    if (!args.bias.empty()) AddBias(args.bias, first, count, args.out);
  });
}

void CpuGroupedFfn(const Compute& compute, const GroupedFfnArgs& args) {
  const GroupedPlan plan = PlanGroups(args);
  if (plan.groups.empty()) return;
  const auto num_groups = static_cast<int64_t>(plan.groups.size());
  const int64_t hidden = args.x.dim(1);
  const int64_t ffn = plan.groups.front().weights->gate.dim(0);
  // Calls body(group, first, count) over all panels of `num_outputs` of all groups.
  const auto for_panels = [&](int64_t num_outputs, int64_t bytes_per_output, auto body) {
    const int64_t panel_outputs = compute.PanelOutputs(num_outputs, bytes_per_output, num_groups);
    const int64_t panels = (num_outputs + panel_outputs - 1) / panel_outputs;
    compute.For(panels * num_groups, plan.num_entries * hidden * ffn, [&](int64_t i) {
      const int64_t first = i % panels * panel_outputs;
      body(plan.groups[static_cast<size_t>(i / panels)], first, std::min(panel_outputs, num_outputs - first));
    });
  };
  const ExpertWeights& some = *plan.groups.front().weights;
  for_panels(ffn, 2 * BytesPerOutput(some.gate), [&](const GroupedPlan::Group& group, int64_t first, int64_t count) {
    GateUpPanel(compute, args, group, first, count);
  });
  for_panels(hidden, BytesPerOutput(some.down), [&](const GroupedPlan::Group& group, int64_t first, int64_t count) {
    DownPanel(compute, args, group, first, count);
  });
}

}  // namespace foregate::internal
