// A device that the host cannot read: the proof that the engine keeps to the device contract (docs/adr/0006).
//
// kDevice buffers are mapped without access and open only while queued work runs, so a host access faults (SIGSEGV).
// Nothing runs at enqueue: work runs, in order, when an event behind it is polled or waited for, so a result that is
// read, or an operand that is changed, too early gives wrong bits. Buffers freed before their work ran fault as well.
// Operations are those of kernels/ref. One thread at a time; outlives its streams, events and buffers.
#ifndef FOREGATE_TESTS_FAKES_FAULTING_DEVICE_H_
#define FOREGATE_TESTS_FAKES_FAULTING_DEVICE_H_

#include "kernels/api/kernels.h"

namespace foregate {

// The device's kind is "faulting"; its numeric contract is that of kernels/ref.
Backend MakeFaultingBackend();

}  // namespace foregate

#endif  // FOREGATE_TESTS_FAKES_FAULTING_DEVICE_H_
