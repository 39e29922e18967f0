// ReadPayload: ranges of a container's payload into memory, at the rate of the disk or of the page cache: several
// threads, large requests, checksums verified by the thread that read.
#ifndef FOREGATE_ENGINE_MODEL_CONTAINER_PAYLOAD_READER_H_
#define FOREGATE_ENGINE_MODEL_CONTAINER_PAYLOAD_READER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

#include "absl/status/status.h"
#include "engine/formats/container/container_file.h"

namespace foregate {

struct PayloadRange {
  uint64_t offset = 0;  // in the payload
  uint64_t num_bytes = 0;
  std::byte* destination = nullptr;
  bool is_writable = true;  // by the host; else `deliver` brings the bytes there
};

struct PayloadReadOptions {
  int num_threads = 1;
  const std::atomic<bool>* cancelled = nullptr;           // polled; may be null
  std::function<void(uint64_t num_bytes)> progress = {};  // on the calling thread: so many more of the ranges' bytes
  // Brings verified bytes to where the host cannot write, and returns when they may be overwritten. Calls do not
  // overlap. Needed when a range is not writable.
  std::function<absl::Status(std::span<const std::byte> bytes, std::byte* destination)> deliver = {};
};

// `ranges` ascend and do not overlap. Fastest where offsets, addresses and lengths are multiples of 4 KiB: such bytes
// are read from the disk straight into their place. DATA_LOSS naming file and chunk when the bytes are not what was
// written; CANCELLED. After an error the destinations hold anything. Needs 2 MiB for each thread.
absl::Status ReadPayload(const ContainerFile& file, std::span<const PayloadRange> ranges,
                         const PayloadReadOptions& options);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MODEL_CONTAINER_PAYLOAD_READER_H_
