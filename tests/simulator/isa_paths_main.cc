// isa_paths: runs every instruction-set path that this machine can execute over many shapes, compares each with the
// written arithmetic bit by bit, and prints one line per path. Exit code 1 when a path differs.
//
// Linked statically it needs nothing but a kernel: as process 1 of a machine (or of a simulator of one that the
// developer does not have; tests/simulator/README.md) it writes to the console and powers the machine off.
#include <sys/reboot.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <vector>

#include "kernels/cpu/isa_check.h"
#include "kernels/cpu/isa_present.h"

namespace {

using foregate::internal::CheckShape;

std::vector<CheckShape> ManyShapes() {
  std::vector<CheckShape> shapes;
  for (const int64_t rows : {1, 2, 3, 4, 5, 7, 13, 16, 17, 32, 33}) {
    for (const int64_t inputs : {1, 33, 64, 127, 130}) shapes.push_back({rows, 8 * (rows % 5) + 3, inputs});
  }
  shapes.push_back({129, 19, 65});
  // Beyond one pass of inputs of each kernel.
  for (const int64_t inputs : {2111, 4600}) {
    shapes.push_back({2, 20, inputs});
    shapes.push_back({18, 20, inputs});
  }
  return shapes;
}

int RunAll() {
  int num_failed = 0;
  const std::vector<CheckShape> shapes = ManyShapes();
  for (const foregate::internal::IsaTable* table : foregate::internal::PresentIsaTables()) {
    std::printf("%s: %zu shapes ...\n", table->name, shapes.size());
    std::fflush(stdout);
    std::string difference = FirstDifference(*table, foregate::internal::StartShapes());
    if (difference.empty()) difference = FirstDifference(*table, shapes);
    std::printf("%s %s %s\n", difference.empty() ? "PASS" : "FAIL", table->name, difference.c_str());
    std::fflush(stdout);
    num_failed += difference.empty() ? 0 : 1;
  }
  std::printf("%d paths differ\n", num_failed);
  std::fflush(stdout);
  return num_failed == 0 ? 0 : 1;
}

}  // namespace

int main() {
  const int result = RunAll();
  if (getpid() != 1) return result;
  sleep(1);  // for the serial line
  return reboot(RB_POWER_OFF);
}
