#include "kernels/cpu/cpu_linear.h"

#include <algorithm>
#include <array>
#include <vector>

#include "kernels/base/check.h"
#include "kernels/cpu/widen.h"

namespace foregate::internal {
namespace {

int64_t PanelBytesOf(const WeightMatrix& weight) {
  return static_cast<int64_t>(LayoutOfPanel(weight.format, weight.num_inputs).stride_bytes);
}

// Rows of activations as the kernels take them: floats, or quantized for one group size.
struct Rows {
  const float* x = nullptr;
  int64_t stride = 0;
  const int32_t* index = nullptr;  // null: in order
  int64_t count = 0;
  QuantizedRows quantized = {};
};

// `first` is a multiple of 16; writes outputs [first, first + count) to out + first.
void RunPanels(const Compute& compute, const WeightMatrix& weight, int64_t first, int64_t count, const Rows& rows,
               float* out, int64_t out_stride) {
  const PanelLayout layout = LayoutOfPanel(weight.format, weight.num_inputs);
  const std::byte* panels =
      static_cast<const std::byte*>(weight.data) + static_cast<size_t>(first / kPanelOutputs) * layout.stride_bytes;
  const auto format = static_cast<size_t>(weight.format);
  if (!IsQuantized(weight.format)) {
    compute.isa->float_panels[format]({.x = rows.x,
                                       .x_stride = rows.stride,
                                       .x_rows = rows.index,
                                       .num_rows = rows.count,
                                       .k_end = weight.num_inputs,
                                       .panels = panels,
                                       .panel_stride = layout.stride_bytes,
                                       .num_outputs = count,
                                       .out = out + first,
                                       .out_stride = out_stride,
                                       .accumulate = false});
    return;
  }
  compute.isa->int_panels[format - kNumFloatFormats]({.x = rows.quantized,
                                                      .x_rows = rows.index,
                                                      .num_rows = rows.count,
                                                      .k_end = weight.num_inputs,
                                                      .group = GroupInputs(weight.format, weight.num_inputs),
                                                      .panels = panels,
                                                      .panel_stride = layout.stride_bytes,
                                                      .scales_offset = layout.value_bytes,
                                                      .has_f32_scales = weight.format == WeightFormat::kInt8,
                                                      .num_outputs = count,
                                                      .out = out + first,
                                                      .out_stride = out_stride});
}

// Quantizes `count` rows of x for matrices like `weight`, into `scratch`.
QuantizedRows Quantize(const Compute& compute, const WeightMatrix& weight, const float* x, int64_t x_stride,
                       int64_t count, QuantizedScratch& scratch) {
  const int64_t n = weight.num_inputs;
  const int64_t group = GroupInputs(weight.format, n);
  const QuantizedRows rows = scratch.Reserve(count, n, NumGroups(weight.format, n));
  compute.For(count, count * n * 4, [&](int64_t r) {
    compute.isa->quantize_row(x + r * x_stride, n, group, scratch.values() + r * rows.stride,
                              scratch.scales() + r * rows.num_groups, scratch.sums() + r * rows.num_groups);
  });
  return rows;
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

// scratch[j, 0:F] = silu(gate(x)) * up(x) for outputs [first, first + count).
void GateUp(const Compute& compute, const GroupedFfnArgs& args, const GroupedPlan::Group& group, const Rows& x,
            int64_t first, int64_t count) {
  const int64_t ffn = group.weights->gate.num_outputs;
  float* gate = args.scratch.as<float>() + group.first_entry * 2 * ffn;
  float* up = gate + ffn;
  RunPanels(compute, group.weights->gate, first, count, x, gate, 2 * ffn);
  RunPanels(compute, group.weights->up, first, count, x, up, 2 * ffn);
  for (int64_t j = 0; j < group.num_entries; ++j) {
    float* row = gate + j * 2 * ffn + first;
    compute.isa->silu_mul(row, row + ffn, row, count);
  }
}

QuantizedRows FirstRows(QuantizedRows rows, int64_t first) {
  rows.values += first * rows.stride;
  rows.scales += first * rows.num_groups;
  rows.sums += first * rows.num_groups;
  return rows;
}

}  // namespace

void CpuLinear(Compute& compute, const LinearArgs& args) {
  const WeightMatrix& weight = args.weight;
  Rows rows = {.x = args.x.as<const float>(), .stride = weight.num_inputs, .count = args.x.dim(0)};
  if (IsQuantized(weight.format)) {
    rows.quantized = Quantize(compute, weight, rows.x, rows.stride, rows.count, compute.quantized[0]);
  }
  const int64_t outputs = compute.TaskOutputs(weight.num_outputs, PanelBytesOf(weight), 1);
  compute.For((weight.num_outputs + outputs - 1) / outputs, args.x.num_elements() * weight.num_outputs, [&](int64_t i) {
    const int64_t first = i * outputs;
    const int64_t count = std::min(outputs, weight.num_outputs - first);
    RunPanels(compute, weight, first, count, rows, args.out.as<float>(), weight.num_outputs);
    if (!args.bias.empty()) AddBias(args.bias, first, count, args.out);
  });
}

void CpuGroupedFfn(Compute& compute, const GroupedFfnArgs& args) {
  const GroupedPlan plan = PlanGroups(args);
  if (plan.groups.empty()) return;
  const auto num_groups = static_cast<int64_t>(plan.groups.size());
  const int64_t hidden = args.x.dim(1);
  const ExpertWeights& some = *plan.groups.front().weights;
  const int64_t ffn = some.gate.num_outputs;
  // Calls body(group, first, count) over all tasks of `num_outputs` of all groups.
  const auto for_tasks = [&](int64_t num_outputs, int64_t bytes_per_panel, auto body) {
    const int64_t outputs = compute.TaskOutputs(num_outputs, bytes_per_panel, num_groups);
    const int64_t tasks = (num_outputs + outputs - 1) / outputs;
    compute.For(tasks * num_groups, plan.num_entries * hidden * ffn, [&](int64_t i) {
      const int64_t first = i % tasks * outputs;
      body(plan.groups[static_cast<size_t>(i / tasks)], first, std::min(outputs, num_outputs - first));
    });
  };
  Rows x = {.x = args.x.as<const float>(), .stride = hidden};
  if (IsQuantized(some.gate.format)) {
    x.quantized = Quantize(compute, some.gate, x.x, hidden, args.x.dim(0), compute.quantized[0]);
  }
  for_tasks(ffn, 2 * PanelBytesOf(some.gate), [&](const GroupedPlan::Group& group, int64_t first, int64_t count) {
    Rows rows = x;
    rows.index = args.token_of.as<const int32_t>() + group.first_entry;
    rows.count = group.num_entries;
    GateUp(compute, args, group, rows, first, count);
  });
  Rows inner = {.x = args.scratch.as<const float>(), .stride = 2 * ffn};
  if (IsQuantized(some.down.format)) {
    const int64_t first = plan.groups.front().first_entry;
    const int64_t end = plan.groups.back().first_entry + plan.groups.back().num_entries;
    const QuantizedRows rows =
        Quantize(compute, some.down, inner.x + first * inner.stride, inner.stride, end - first, compute.quantized[1]);
    inner.quantized = FirstRows(rows, -first);
  }
  for_tasks(hidden, PanelBytesOf(some.down), [&](const GroupedPlan::Group& group, int64_t first, int64_t count) {
    Rows rows = {.x = inner.x + group.first_entry * inner.stride,
                 .stride = inner.stride,
                 .count = group.num_entries,
                 .quantized = FirstRows(inner.quantized, group.first_entry)};
    RunPanels(compute, group.weights->down, first, count, rows, args.y.as<float>() + group.first_entry * hidden, hidden);
  });
}

}  // namespace foregate::internal
