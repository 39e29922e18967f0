// Counts what the calling thread allocates, whoever asks: malloc and its relatives are replaced in the program that
// links this (operator new calls them). Not under a sanitizer, which replaces them itself: there nothing is counted.
#ifndef FOREGATE_TESTS_INTEGRATION_ENGINE_ALLOCATION_COUNT_H_
#define FOREGATE_TESTS_INTEGRATION_ENGINE_ALLOCATION_COUNT_H_

#include <cstdint>

namespace foregate {

// Whether this program counts.
bool CountsAllocations();
// Allocations of the calling thread since it began.
uint64_t ThreadAllocations();
// The first 8 allocations of the calling thread from now on leave their call stacks, until PrintAllocationStacks(),
// which writes them to standard error as addresses.
void RememberAllocationStacks();
void PrintAllocationStacks();

}  // namespace foregate

#endif  // FOREGATE_TESTS_INTEGRATION_ENGINE_ALLOCATION_COUNT_H_
