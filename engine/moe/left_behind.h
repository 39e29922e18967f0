// LeaveBehind: keeps what a thread may still write to when its owner ends.
//
// A read that hangs in the kernel cannot be called back, and waiting for it would let a daemon hang that was told to
// stop. So its owner waits for a while, and then leaves behind everything that the read still reaches: the slots'
// memory and fetches, the file, the queue. It stays until the process ends, which is what the owners wait for as well:
// only a daemon that stops destroys them. Sharing all of it with every reader instead would cost the same memory, and a
// reference count in each of their objects.
#ifndef FOREGATE_ENGINE_MOE_LEFT_BEHIND_H_
#define FOREGATE_ENGINE_MOE_LEFT_BEHIND_H_

#include <cstddef>
#include <memory>

namespace foregate {

// Never destroyed from now on. Thread-safe.
void LeaveBehind(std::shared_ptr<void> owned);
// How often that was done. Thread-safe.
size_t NumLeftBehind();

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_LEFT_BEHIND_H_
