// How the products of rows with packed matrices are cut into tasks, which threads take one by one.
//
// Few rows are bound by memory: tasks are small and equal, so that all threads read until the end. Many rows are bound
// by arithmetic: a float task packs its rows once for many panels, an integer task has panels to fetch while it
// multiplies others (panel_walk.h), or with tiles keeps its panels in the L2. How the work is cut never reaches the
// results.
#ifndef FOREGATE_KERNELS_CPU_PRODUCT_TASKS_H_
#define FOREGATE_KERNELS_CPU_PRODUCT_TASKS_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kernels/api/weight_matrix.h"

namespace foregate::internal {

// Rows [first_row, first_row + num_rows) of one matrix's input times outputs [first_output, first_output +
// num_outputs). `first_output` is a multiple of 16.
struct ProductTask {
  int32_t matrix;
  int64_t first_row;
  int64_t num_rows;
  int64_t first_output;
  int64_t num_outputs;
};

class ProductTasks {
 public:
  struct Machine {
    int64_t num_threads = 1;
    // Of quantized weights, that stay in a core's L2 while rows pass over them; 0: the kernels see to that.
    int64_t panel_bytes = 0;
  };

  // Starts over for matrices of the format and shape of `like`, `matrices_per_task` of which (gate and up) are read by
  // each task. `total_rows` over all matrices. Keeps its memory: no allocation once the largest operation has been
  // seen.
  void Start(const Machine& machine, const WeightMatrix& like, int64_t matrices_per_task, int64_t total_rows);
  // Appends the tasks of a matrix that meets `num_rows` > 0 rows. Larger matrices should come first.
  void Add(int32_t matrix, int64_t num_rows);

  const std::vector<ProductTask>& tasks() const { return tasks_; }
  int64_t size() const { return static_cast<int64_t>(tasks_.size()); }
  const ProductTask& operator[](int64_t i) const { return tasks_[static_cast<size_t>(i)]; }

 private:
  int64_t Share(int64_t tasks_per_thread, int64_t num_rows) const;
  int64_t StreamedPanels(int64_t num_rows) const;
  int64_t PanelsPerTask(int64_t num_rows) const;

  Machine machine_;
  bool is_quantized_ = false;
  int64_t num_outputs_ = 0;
  int64_t num_panels_ = 0;
  int64_t bytes_per_panel_ = 0;  // of all matrices of a task
  int64_t work_ = 0;             // rows times panels, of all matrices
  std::vector<ProductTask> tasks_;
};

}  // namespace foregate::internal

#endif  // FOREGATE_KERNELS_CPU_PRODUCT_TASKS_H_
