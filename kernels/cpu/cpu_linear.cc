#include "kernels/cpu/cpu_linear.h"

#include <algorithm>
#include <array>
#include <vector>

#include "kernels/base/check.h"
#include "kernels/cpu/widen.h"

namespace foregate::internal {
namespace {

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

// Adds the bias to the task's rows and outputs; `out` is the first of these rows.
void AddBias(const TensorView& bias, const ProductTask& task, float* out, int64_t out_stride) {
  std::array<float, 64> widened;
  const auto chunk = static_cast<int64_t>(widened.size());
  const int64_t end = task.first_output + task.num_outputs;
  for (int64_t begin = task.first_output; begin < end; begin += chunk) {
    const int64_t width = std::min(chunk, end - begin);
    WidenElements(bias, begin, width, widened.data());
    for (int64_t t = 0; t < task.num_rows; ++t) {
      float* row = out + t * out_stride + begin;
      for (int64_t i = 0; i < width; ++i) row[i] += widened[static_cast<size_t>(i)];
    }
  }
}

QuantizedRows FirstRows(QuantizedRows rows, int64_t first) {
  rows.values += first * rows.stride;
  rows.scales += first * rows.num_groups;
  rows.sums += first * rows.num_groups;
  return rows;
}

// The `count` rows from `first` on.
Rows SomeRows(Rows rows, int64_t first, int64_t count) {
  rows.count = count;
  if (rows.index != nullptr) {
    rows.index += first;
    return rows;
  }
  rows.x += first * rows.stride;
  rows.quantized = FirstRows(rows.quantized, first);
  return rows;
}

void StartTasks(Compute& compute, const WeightMatrix& like, int64_t matrices_per_task, int64_t total_rows) {
  compute.tasks.Start({.num_threads = compute.pool->num_threads(), .panel_bytes = compute.panel_bytes}, like,
                      matrices_per_task, total_rows);
}

// The experts of a call that have rows, those with the most rows first: what begins last is small, so threads end
// together.
void PlanExperts(Compute& compute, const GroupedFfnArgs& args) {
  std::vector<ExpertRows>& plan = compute.expert_rows;
  plan.clear();
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
    plan.push_back({&weights, first, end - first});
  }
  std::sort(plan.begin(), plan.end(), [](const ExpertRows& a, const ExpertRows& b) {
    return a.num_entries != b.num_entries ? a.num_entries > b.num_entries : a.first_entry < b.first_entry;
  });
}

// Calls body(expert, task) over the tasks of matrices like `like`, one or two per expert.
template <typename Body>
void ForExperts(Compute& compute, const WeightMatrix& like, int64_t matrices_per_expert, int64_t total_rows,
                const Body& body) {
  StartTasks(compute, like, matrices_per_expert, total_rows);
  for (size_t i = 0; i < compute.expert_rows.size(); ++i) {
    compute.tasks.Add(static_cast<int32_t>(i), compute.expert_rows[i].num_entries);
  }
  const int64_t work = matrices_per_expert * total_rows * like.num_outputs * like.num_inputs;
  compute.For(compute.tasks.size(), work, [&](int64_t i) {
    const ProductTask& task = compute.tasks[i];
    body(compute.expert_rows[static_cast<size_t>(task.matrix)], task);
  });
}

// scratch[j, 0:F] = silu(gate(x)) * up(x) for the rows and outputs of a task.
void GateUp(const Compute& compute, const GroupedFfnArgs& args, const ExpertRows& expert, const ProductTask& task,
            Rows x) {
  const int64_t ffn = expert.weights->gate.num_outputs;
  const int64_t first_entry = expert.first_entry + task.first_row;
  float* gate = args.scratch.as<float>() + first_entry * 2 * ffn;
  x.index = args.token_of.as<const int32_t>() + first_entry;
  x.count = task.num_rows;
  RunPanels(compute, expert.weights->gate, task.first_output, task.num_outputs, x, gate, 2 * ffn);
  RunPanels(compute, expert.weights->up, task.first_output, task.num_outputs, x, gate + ffn, 2 * ffn);
  for (int64_t j = 0; j < task.num_rows; ++j) {
    float* row = gate + j * 2 * ffn + task.first_output;
    compute.isa->silu_mul(row, row + ffn, row, task.num_outputs);
  }
}

// The activations between gate-up and down, by entry.
Rows InnerRows(Compute& compute, const GroupedFfnArgs& args, const WeightMatrix& down) {
  Rows rows = {.x = args.scratch.as<const float>(), .stride = 2 * down.num_inputs};
  if (!IsQuantized(down.format)) return rows;
  int64_t first = args.token_of.dim(0);
  int64_t end = 0;
  for (const ExpertRows& expert : compute.expert_rows) {
    first = std::min(first, expert.first_entry);
    end = std::max(end, expert.first_entry + expert.num_entries);
  }
  const float* x = rows.x + first * rows.stride;
  rows.quantized = FirstRows(Quantize(compute, down, x, rows.stride, end - first, compute.quantized[1]), -first);
  return rows;
}

}  // namespace

void CpuLinear(Compute& compute, const LinearArgs& args) {
  const WeightMatrix& weight = args.weight;
  Rows rows = {.x = args.x.as<const float>(), .stride = weight.num_inputs, .count = args.x.dim(0)};
  if (rows.count == 0) return;
  if (IsQuantized(weight.format)) {
    rows.quantized = Quantize(compute, weight, rows.x, rows.stride, rows.count, compute.quantized[0]);
  }
  StartTasks(compute, weight, 1, rows.count);
  compute.tasks.Add(0, rows.count);
  compute.For(compute.tasks.size(), args.x.num_elements() * weight.num_outputs, [&](int64_t i) {
    const ProductTask& task = compute.tasks[i];
    float* out = args.out.as<float>() + task.first_row * weight.num_outputs;
    RunPanels(compute, weight, task.first_output, task.num_outputs, SomeRows(rows, task.first_row, task.num_rows), out,
              weight.num_outputs);
    if (!args.bias.empty()) AddBias(args.bias, task, out, weight.num_outputs);
  });
}

void CpuGroupedFfn(Compute& compute, const GroupedFfnArgs& args) {
  PlanExperts(compute, args);
  if (compute.expert_rows.empty()) return;
  int64_t total_rows = 0;
  for (const ExpertRows& expert : compute.expert_rows) total_rows += expert.num_entries;
  const ExpertWeights& some = *compute.expert_rows.front().weights;
  Rows x = {.x = args.x.as<const float>(), .stride = args.x.dim(1)};
  if (IsQuantized(some.gate.format)) {
    x.quantized = Quantize(compute, some.gate, x.x, x.stride, args.x.dim(0), compute.quantized[0]);
  }
  ForExperts(compute, some.gate, 2, total_rows,
             [&](const ExpertRows& expert, const ProductTask& task) { GateUp(compute, args, expert, task, x); });
  const Rows inner = InnerRows(compute, args, some.down);
  ForExperts(compute, some.down, 1, total_rows, [&](const ExpertRows& expert, const ProductTask& task) {
    const int64_t first_entry = expert.first_entry + task.first_row;
    const int64_t hidden = some.down.num_outputs;
    RunPanels(compute, expert.weights->down, task.first_output, task.num_outputs,
              SomeRows(inner, first_entry, task.num_rows), args.y.as<float>() + first_entry * hidden, hidden);
  });
}

}  // namespace foregate::internal
