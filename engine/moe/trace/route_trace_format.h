// What a routing trace says, and the limits of its file form (docs/route_trace.md): shared by writer and reader.
//
// A trace is a sequence of visits. A visit is one MoE layer in one step of the engine with all rows of that step, in
// the order in which they were computed.
#ifndef FOREGATE_ENGINE_MOE_TRACE_ROUTE_TRACE_FORMAT_H_
#define FOREGATE_ENGINE_MOE_TRACE_ROUTE_TRACE_FORMAT_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace foregate {

enum class TracePhase : uint8_t { kPrefill, kDecode };

struct TraceHeader {
  struct Layer {
    int32_t layer = 0;          // model layer
    uint64_t expert_bytes = 0;  // of one expert of this layer; every expert of a layer has the same
    friend bool operator==(const Layer&, const Layer&) = default;
  };
  std::string source;         // what was traced: model, formats, where the trace came from
  std::vector<Layer> layers;  // those that route, ascending
  int32_t num_experts = 0;    // in each of them
  int32_t top_k = 0;
  bool has_weights = false;  // mixing weights were recorded

  friend bool operator==(const TraceHeader&, const TraceHeader&) = default;

  // Bytes of all experts; fits 64 bits in a header that CheckTraceHeader takes.
  uint64_t expert_bytes() const;
};

struct TraceRow {
  uint64_t request = 0;  // numbers a sequence: of a request with several samples, each is one
  int32_t position = 0;  // of the token in its sequence
  TracePhase phase = TracePhase::kDecode;
  friend bool operator==(const TraceRow&, const TraceRow&) = default;
};

struct TraceVisit {
  uint64_t step = 0;        // never falls from one visit to the next
  int32_t layer_index = 0;  // into TraceHeader::layers
  std::vector<TraceRow> rows;
  std::vector<int32_t> experts;  // [rows, top_k], as the router ranked them; distinct in a row
  std::vector<float> weights;    // [rows, top_k], or empty without TraceHeader::has_weights; bf16 in a file
  friend bool operator==(const TraceVisit&, const TraceVisit&) = default;
};

// Limits: a file is untrusted, and what one chunk can make a reader hold is bounded by them.
inline constexpr size_t kMaxTraceLayers = 4096;
inline constexpr int32_t kMaxTraceExperts = 65536;
inline constexpr int32_t kMaxTraceTopK = 256;
inline constexpr uint64_t kMaxTraceExpertBytes = uint64_t{1} << 35;
inline constexpr size_t kMaxTraceSourceBytes = 4096;
inline constexpr float kMaxTraceWeight = 65536;
inline constexpr size_t kMaxTraceRows = 16384;              // of one visit
inline constexpr size_t kMaxTraceChunkBytes = 32u << 20;    // of one chunk's payload
inline constexpr size_t kTraceChunkTargetBytes = 64 << 10;  // a writer ends a chunk at this size

inline constexpr std::string_view kTraceMagic = "FGROUTE\n";
inline constexpr uint32_t kTraceVersion = 1;
inline constexpr uint32_t kTraceChunkMark = 0x4B4E4843;  // "CHNK"
inline constexpr uint32_t kTraceEndMark = 0x21444E45;    // "END!"
inline constexpr size_t kTracePreambleBytes = 24;        // magic, version, header bytes, header's checksum
inline constexpr size_t kTraceChunkFrameBytes = 24;      // mark, payload bytes, number of visits so far, checksum

// INVALID_ARGUMENT that names the first field outside the limits, prefixed with `name`.
absl::Status CheckTraceHeader(const TraceHeader& header, std::string_view name);
// The same for a visit under a header, in all its arrays.
absl::Status CheckTraceVisit(const TraceHeader& header, const TraceVisit& visit);

// XXH3 of a chunk's mark, sizes and payload, in that order.
uint64_t TraceChecksum(std::string_view frame, std::string_view payload);

}  // namespace foregate

#endif  // FOREGATE_ENGINE_MOE_TRACE_ROUTE_TRACE_FORMAT_H_
