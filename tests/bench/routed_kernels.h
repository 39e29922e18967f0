// Kernels whose router says what a RoutingSource says, for benches; everything else is computed as ever, the router's
// own choice too.
//
// A decoder asks in a fixed order (transformer_decoder.cc), by which the layer of a choice is known: with pre-gates of
// distance d, a layer first chooses for the one that is d ahead, and the first d layers for themselves. A choice of
// more experts than top-k is a guess for the layer behind the one that routes next. Every layer has to route.
#ifndef FOREGATE_TESTS_BENCH_ROUTED_KERNELS_H_
#define FOREGATE_TESTS_BENCH_ROUTED_KERNELS_H_

#include <cstdint>
#include <memory>

#include "kernels/api/kernels.h"
#include "tests/bench/routing_source.h"

namespace foregate {

struct RoutedOptions {
  RoutedModel model;
  int32_t pre_gate_distance = 0;  // of the checkpoint; 0: it has none
  double guess_accuracy = 1;      // of the guesses of a layer ahead
  // Experts are computed when all of their layer are there, as a simple offloader does, and not as they come. Slots are
  // given back before: what is computed may be another expert's weights by then.
  bool waits_for_all = false;
};

// `routing` outlives the kernels, whose memory the host can write (the CPU's). Thread-compatible. No failed step may
// come between.
std::unique_ptr<Kernels> MakeRoutedKernels(std::unique_ptr<Kernels> kernels, const RoutedOptions& options,
                                           const RoutingSource* routing);

}  // namespace foregate

#endif  // FOREGATE_TESTS_BENCH_ROUTED_KERNELS_H_
