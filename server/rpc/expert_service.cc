#include "server/rpc/expert_service.h"

#include <algorithm>
#include <chrono>

#include "server/rpc/unary_call.h"

namespace foregate {
namespace {

namespace wire = experts::v1;

constexpr auto kRelaxed = std::memory_order_relaxed;

uint64_t Microseconds(double seconds) { return static_cast<uint64_t>(seconds * 1e6); }

uint64_t Count(const Histogram& histogram) {
  uint64_t count = 0;
  for (size_t i = 0; i <= histogram.bounds().size(); ++i) count += histogram.bucket_count(i);
  return count;
}

void WriteCounts(const RouteStatistics& routing, wire::GetExpertStatsResponse* response) {
  response->set_num_experts(routing.num_experts());
  response->set_experts_per_token(routing.top_k());
  for (size_t i = 0; i < routing.moe_layers().size(); ++i) {
    wire::LayerExpertStats* layer = response->add_layers();
    layer->set_layer(routing.moe_layers()[i]);
    uint64_t total = 0;
    uint64_t largest = 0;
    for (int32_t expert = 0; expert < routing.num_experts(); ++expert) {
      const uint64_t count = routing.count(i, expert);
      layer->add_counts(count);
      total += count;
      largest = std::max(largest, count);
    }
    if (total == 0) continue;
    layer->set_imbalance(static_cast<double>(largest) * routing.num_experts() / static_cast<double>(total));
  }
}

wire::ExpertResidency WireResidency(ExpertState state) {
  switch (state) {
    case ExpertState::kAbsent:
      return wire::EXPERT_RESIDENCY_ABSENT;
    case ExpertState::kLoading:
      return wire::EXPERT_RESIDENCY_LOADING;
    case ExpertState::kResident:
      return wire::EXPERT_RESIDENCY_RESIDENT;
    case ExpertState::kPinned:
      return wire::EXPERT_RESIDENCY_PINNED;
  }
  return wire::EXPERT_RESIDENCY_UNSPECIFIED;
}

// The response's layers are the board's, in its order.
void WriteBoard(const ExpertBoard& board, wire::GetExpertStatsResponse* response) {
  const std::vector<ExpertState> states = board.States();
  for (size_t i = 0; i < board.layers().size() && i < static_cast<size_t>(response->layers_size()); ++i) {
    const ExpertBoard::Layer& layer = board.layers()[i];
    wire::LayerExpertStats* out = response->mutable_layers(static_cast<int>(i));
    for (size_t expert = 0; expert < board.experts_per_layer(); ++expert)
      out->add_residency(WireResidency(states[i * board.experts_per_layer() + expert]));
    out->set_expert_bytes(layer.expert_bytes);
    out->set_hits(layer.num_hits.load(kRelaxed));
    out->set_late(layer.num_late.load(kRelaxed));
    out->set_misses(layer.num_misses.load(kRelaxed));
    out->set_evictions(layer.num_evictions.load(kRelaxed));
  }
}

void WriteReads(const FetchCounters& store, wire::ExpertTierStats* out) {
  for (size_t i = 0; i < kNumFetchClasses; ++i) {
    wire::ExpertReadStats* reads = out->add_reads();
    reads->set_read_class(static_cast<wire::ExpertReadClass>(i + 1));
    reads->set_bytes_read(store.bytes_read[i].load(kRelaxed));
    reads->set_stall_us(store.wait_us[i].load(kRelaxed));
    reads->set_experts_read(Count(store.expert_seconds[i]));
    reads->set_expert_read_us(Microseconds(store.expert_seconds[i].sum()));
    reads->set_pending_experts(store.num_pending[i].load(kRelaxed));
    reads->set_pieces_under_way(store.num_pieces_out[i].load(kRelaxed));
  }
  out->set_silent_us(static_cast<uint64_t>(store.SilentFor(std::chrono::steady_clock::now()).count()));
  out->set_read_retries(store.num_retries.load(kRelaxed));
  out->set_read_failures(store.num_failed.load(kRelaxed));
  out->set_pieces_read(Count(store.piece_seconds));
  out->set_piece_read_us(Microseconds(store.piece_seconds.sum()));
}

void WriteCache(const ExpertCacheCounters& cache, wire::ExpertTierStats* out) {
  out->set_memory_bytes(cache.memory_bytes.load(kRelaxed));
  out->set_guess_level(cache.guess_level.load(kRelaxed));
  out->set_prefetched(cache.num_prefetched.load(kRelaxed));
  out->set_prefetched_used(cache.num_prefetched_used.load(kRelaxed));
  out->set_absent_bytes(cache.demand_bytes.load(kRelaxed));
  out->set_guess_used_bytes(cache.guess_used_bytes.load(kRelaxed));
  out->set_guess_wasted_bytes(cache.guess_wasted_bytes.load(kRelaxed));
  out->set_guess_regretted_bytes(cache.guess_regretted_bytes.load(kRelaxed));
  out->set_stall_us(cache.stall_us.load(kRelaxed));
}

void WriteTier(const ExpertTier& tier, wire::GetExpertStatsResponse* response) {
  if (tier.board != nullptr) WriteBoard(*tier.board, response);
  wire::ExpertTierStats* out = response->mutable_tier();
  out->set_num_experts(tier.num_experts);
  out->set_num_slots(tier.num_slots);
  out->set_slot_bytes(tier.slot_bytes);
  out->set_memory_bytes(tier.slot_bytes);
  out->set_holds_all(tier.cache == nullptr);
  out->set_source(tier.source);
  out->set_prefetch(tier.prefetch);
  out->set_guess_level(-1);
  // Of the layers just written, so that parts and sums agree whatever the engine does meanwhile.
  for (const wire::LayerExpertStats& layer : response->layers()) {
    out->set_hits(out->hits() + layer.hits());
    out->set_late(out->late() + layer.late());
    out->set_misses(out->misses() + layer.misses());
    out->set_evictions(out->evictions() + layer.evictions());
  }
  if (tier.cache != nullptr) WriteCache(*tier.cache, out);
  if (tier.store != nullptr) WriteReads(*tier.store, out);
}

}  // namespace

grpc::ServerUnaryReactor* ExpertService::GetExpertStats(grpc::CallbackServerContext* context,
                                                        const wire::GetExpertStatsRequest* /*request*/,
                                                        wire::GetExpertStatsResponse* response) {
  auto* call = new UnaryCall(gate_.Enter(context, "/foregate.experts.v1.ExpertService/GetExpertStats"));
  absl::Status status = call->ticket().admitted();
  const std::shared_ptr<ServedModel> model = gate_.dependencies().state->model();
  if (status.ok() && model == nullptr) status = gate_.ReadyModel().status();
  if (status.ok() && model != nullptr) {
    WriteCounts(model->engine->routing(), response);
    WriteTier(model->engine->expert_tier(), response);
  }
  call->Complete(status);
  return call;
}

}  // namespace foregate
