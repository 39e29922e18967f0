// What the operations of the CPU backend compute with, and how they split work.
#ifndef FOREGATE_KERNELS_CPU_COMPUTE_H_
#define FOREGATE_KERNELS_CPU_COMPUTE_H_

#include <algorithm>
#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/api/kernels.h"
#include "kernels/cpu/isa_table.h"
#include "kernels/cpu/product_tasks.h"
#include "kernels/cpu/thread_pool.h"

namespace foregate::internal {

// Below this many element operations a wake-up costs more than it gains (about 5 us of work against 1 to 5 us).
inline constexpr int64_t kMinParallelWork = 32768;

// Room for quantized rows; grows to the largest request and stays.
class QuantizedScratch {
 public:
  QuantizedRows Reserve(int64_t num_rows, int64_t num_inputs, int64_t num_groups) {
    const int64_t stride = (num_inputs + 7) / 8 * 8;
    Grow(values_, num_rows * stride);
    Grow(scales_, num_rows * num_groups);
    Grow(sums_, num_rows * num_groups);
    if (stride != num_inputs) std::fill(values_.begin(), values_.end(), int8_t{0});
    return {values_.data(), stride, scales_.data(), sums_.data(), num_groups};
  }
  int8_t* values() { return values_.data(); }
  float* scales() { return scales_.data(); }
  int32_t* sums() { return sums_.data(); }

 private:
  template <typename T>
  static void Grow(std::vector<T>& vector, int64_t size) {
    if (static_cast<int64_t>(vector.size()) < size) vector.resize(static_cast<size_t>(size));
  }
  std::vector<int8_t> values_;
  std::vector<float> scales_;
  std::vector<int32_t> sums_;
};

// Rows of the grouped order that meet one expert's matrices.
struct ExpertRows {
  const ExpertWeights* weights;
  int64_t first_entry;
  int64_t num_entries;
};

// Owned by the kernels; one thread at a time.
struct Compute {
  const IsaTable* isa = nullptr;
  std::unique_ptr<ThreadPool> pool;
  // Bytes of weights that stay in a core's private cache while rows pass over them.
  int64_t panel_bytes = 0;
  // Of one operation; kept, so that steps allocate nothing.
  ProductTasks tasks;
  std::vector<ExpertRows> expert_rows;
  // Activations quantized for the products of one operation: its input, and what lies between gate-up and down.
  QuantizedScratch quantized[2];

  // body(i) for i in [0, count), in parallel when `work` element operations in total are worth it. How the work is
  // split never reaches the results.
  template <typename Body>
  void For(int64_t count, int64_t work, const Body& body) const {
    if (work >= kMinParallelWork) {
      pool->ParallelFor(count, body);
    } else {
      for (int64_t i = 0; i < count; ++i) body(i);
    }
  }
};

}  // namespace foregate::internal

#endif  // FOREGATE_KERNELS_CPU_COMPUTE_H_
