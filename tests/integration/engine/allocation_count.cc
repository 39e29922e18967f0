#include "tests/integration/engine/allocation_count.h"

#include <execinfo.h>

#include <cerrno>
#include <cstddef>
#include <cstdio>

namespace foregate {
namespace {

constexpr int kMaxStacks = 8;
constexpr int kMaxFrames = 16;

struct ThreadCount {
  uint64_t allocations = 0;
  int stacks_wanted = 0;
  int num_stacks = 0;
  int num_frames[kMaxStacks] = {};
  void* frames[kMaxStacks][kMaxFrames] = {};
};
thread_local ThreadCount thread_count;

[[maybe_unused]] void Count() {
  ThreadCount& count = thread_count;
  ++count.allocations;
  if (count.stacks_wanted == 0) return;
  --count.stacks_wanted;
  const int i = count.num_stacks++;
  count.num_frames[i] = backtrace(count.frames[i], kMaxFrames);
}

}  // namespace

uint64_t ThreadAllocations() { return thread_count.allocations; }

void RememberAllocationStacks() {
  void* frame = nullptr;
  backtrace(&frame, 1);  // the first call allocates
  thread_count.num_stacks = 0;
  thread_count.stacks_wanted = kMaxStacks;
}

void PrintAllocationStacks() {
  thread_count.stacks_wanted = 0;
  for (int i = 0; i < thread_count.num_stacks; ++i) {
    std::fprintf(stderr, "allocation %d:\n", i + 1);
    backtrace_symbols_fd(thread_count.frames[i], thread_count.num_frames[i], /*fd=*/2);
  }
}

}  // namespace foregate

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)

namespace foregate {
bool CountsAllocations() { return false; }
}  // namespace foregate

#else

namespace foregate {
bool CountsAllocations() { return true; }
}  // namespace foregate

// glibc's own names of what is replaced.
extern "C" {
void* __libc_malloc(size_t num_bytes);
void* __libc_calloc(size_t count, size_t num_bytes);
void* __libc_realloc(void* memory, size_t num_bytes);
void* __libc_memalign(size_t alignment, size_t num_bytes);

void* malloc(size_t num_bytes) {
  foregate::Count();
  return __libc_malloc(num_bytes);
}
void* calloc(size_t count, size_t num_bytes) {
  foregate::Count();
  return __libc_calloc(count, num_bytes);
}
void* realloc(void* memory, size_t num_bytes) {
  foregate::Count();
  return __libc_realloc(memory, num_bytes);
}
void* aligned_alloc(size_t alignment, size_t num_bytes) {
  foregate::Count();
  return __libc_memalign(alignment, num_bytes);
}
int posix_memalign(void** memory, size_t alignment, size_t num_bytes) {
  foregate::Count();
  *memory = __libc_memalign(alignment, num_bytes);
  return *memory == nullptr ? ENOMEM : 0;
}
}  // extern "C"

#endif
