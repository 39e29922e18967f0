#include "server/rpc/discovery_service.h"

#include <chrono>

#include "server/generation/request_limits.h"
#include "server/generation/served_text.h"
#include "server/rpc/tokenizer_stream.h"
#include "server/rpc/unary_call.h"
#include "server/rpc/utf8_fields.h"

namespace foregate {
namespace {

namespace wire = discovery::v1;

// Rises with every change of the protos that a client could notice (GetServerInfoResponse.schema_revision).
constexpr int32_t kSchemaRevision = 3;

wire::ServerState WireState(ServerPhase phase) {
  switch (phase) {
    case ServerPhase::kLoading:
      return wire::SERVER_STATE_LOADING;
    case ServerPhase::kReady:
      return wire::SERVER_STATE_READY;
    case ServerPhase::kDraining:
      return wire::SERVER_STATE_DRAINING;
    case ServerPhase::kFailed:
      return wire::SERVER_STATE_FAILED;
  }
  return wire::SERVER_STATE_UNSPECIFIED;
}

int64_t UnixMilliseconds() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

void WriteArchitecture(const DecoderInfo& info, const ExpertTier& tier, wire::ModelArchitecture* out) {
  out->set_family(info.architecture);
  out->set_weights_format(info.weights_format);
  out->set_num_parameters(info.num_parameters);
  out->set_weight_bytes(info.weight_bytes);
  out->set_num_layers(info.num_layers);
  out->set_num_moe_layers(static_cast<int32_t>(info.moe_layers.size()));
  out->set_num_experts(info.num_experts);
  out->set_experts_per_token(info.experts_per_token);
  out->set_hidden_size(info.hidden_size);
  out->set_vocab_size(info.vocab_size);
  out->set_pre_gate_distance(info.pre_gate_distance);
  out->set_expert_prefetch(tier.prefetch);
}

void WriteLimits(const EngineOptions& options, int64_t max_request_bytes, wire::ModelLimits* out) {
  out->set_max_sequence_tokens(options.max_sequence_tokens);
  out->set_max_prompt_tokens(options.max_sequence_tokens - 1);
  out->set_max_running_requests(options.max_running_requests);
  out->set_max_queued_requests(options.max_queued_requests);
  out->set_max_queued_tokens(options.max_queued_tokens);
  out->set_max_samples(kMaxSamples);
  out->set_max_logprobs(kMaxLogprobs);
  out->set_max_stop_strings(kMaxStopStrings);
  out->set_max_stop_token_ids(kMaxStopTokenIds);
  out->set_max_logit_bias(kMaxLogitBias);
  out->set_max_request_bytes(max_request_bytes);
}

void WriteTokenizer(const ServedModel& model, wire::TokenizerInfo* out) {
  const TextModel& text = model.text;
  out->mutable_eos_token_ids()->Add(text.eos_token_ids.begin(), text.eos_token_ids.end());
  if (text.tokenizer == nullptr) return;
  out->set_present(true);
  out->set_vocab_size(text.tokenizer->vocab_size());
  out->set_sha256(model.tokenizer_files.sha256);
  if (const auto bos = text.tokenizer->TokenToId(text.bos_token)) out->set_bos_token_id(*bos);
  if (const auto pad = text.tokenizer->TokenToId(text.pad_token)) out->set_pad_token_id(*pad);
}

void WriteCapabilities(const ServedModel& model, wire::Capabilities* out) {
  const bool has_tokenizer = model.text.tokenizer != nullptr;
  const bool has_template = model.text.chat_template != nullptr;
  const bool has_tool_template = model.text.named_templates.count("tool_use") > 0;
  out->set_text_prompts(has_tokenizer);
  out->set_token_prompts(true);
  out->set_chat(has_tokenizer && has_template);
  // Every template is offered the tools; one that never names them ignores them.
  out->set_tools_in_template(
      has_tokenizer &&
      (has_tool_template || (has_template && model.text.chat_template->source().find("tools") != std::string::npos)));
  out->set_logprobs(true);
  out->set_prompt_logprobs(true);
  out->set_prefix_cache(model.engine->options().prefix_cache);
  out->set_expert_stats(true);
  if (!out->chat()) return;
  out->set_reply_format(std::string(model.reply_format->name()));
  for (const std::string_view name : ReplyFormat::Names()) out->add_reply_formats(std::string(name));
  for (const auto& [name, chat_template] : model.text.named_templates) out->add_chat_templates(name);
}

}  // namespace

grpc::ServerUnaryReactor* DiscoveryService::GetServerInfo(grpc::CallbackServerContext* context,
                                                          const wire::GetServerInfoRequest* /*request*/,
                                                          wire::GetServerInfoResponse* response) {
  auto* call = new UnaryCall(gate_.Enter(context, "/foregate.discovery.v1.DiscoveryService/GetServerInfo"));
  if (call->ticket().admitted().ok()) {
    const RpcDependencies& dependencies = gate_.dependencies();
    const ServerPhase phase = dependencies.state->phase();
    response->set_version(dependencies.version);
    response->set_state(WireState(phase));
    response->set_start_unix_ms(dependencies.state->start_unix_ms());
    response->set_schema_revision(kSchemaRevision);
    if (phase == ServerPhase::kLoading) {
      uint64_t bytes_done = 0;
      uint64_t bytes_total = 0;
      dependencies.state->GetProgress(&bytes_done, &bytes_total);
      response->mutable_load_progress()->set_bytes_done(bytes_done);
      response->mutable_load_progress()->set_bytes_total(bytes_total);
    }
    if (const std::shared_ptr<ServedModel> model = dependencies.state->model()) {
      const DeviceInfo& device = model->engine->device();
      response->set_isa(device.isa);
      response->set_numeric_contract(device.numeric_contract);
      response->set_compute_threads(device.num_threads);
    }
  }
  call->Complete(call->ticket().admitted());
  return call;
}

grpc::ServerUnaryReactor* DiscoveryService::ListModels(grpc::CallbackServerContext* context,
                                                       const wire::ListModelsRequest* /*request*/,
                                                       wire::ListModelsResponse* response) {
  auto* call = new UnaryCall(gate_.Enter(context, "/foregate.discovery.v1.DiscoveryService/ListModels"));
  if (call->ticket().admitted().ok()) {
    const ServingState& state = *gate_.dependencies().state;
    wire::ModelSummary* summary = response->add_models();
    summary->set_name(state.model_name());
    summary->set_state(WireState(state.phase()));
    if (const std::shared_ptr<ServedModel> model = state.model()) {
      summary->set_architecture(model->engine->model().architecture);
    }
  }
  call->Complete(call->ticket().admitted());
  return call;
}

grpc::ServerUnaryReactor* DiscoveryService::GetModel(grpc::CallbackServerContext* context,
                                                     const wire::GetModelRequest* request,
                                                     wire::GetModelResponse* response) {
  auto* call = new UnaryCall(gate_.Enter(context, "/foregate.discovery.v1.DiscoveryService/GetModel"));
  const ServingState& state = *gate_.dependencies().state;
  absl::Status status = call->ticket().admitted();
  if (status.ok()) status = CheckUtf8Fields(*request);
  if (status.ok()) status = CheckModelName(state.model_name(), request->name());
  const std::shared_ptr<ServedModel> model = state.model();
  if (status.ok() && model == nullptr) status = gate_.ReadyModel().status();
  if (status.ok() && model != nullptr) {
    response->set_name(model->name);
    WriteArchitecture(model->engine->model(), model->engine->expert_tier(), response->mutable_architecture());
    WriteLimits(model->engine->options(), gate_.dependencies().limits.max_request_bytes, response->mutable_limits());
    WriteTokenizer(*model, response->mutable_tokenizer());
    WriteCapabilities(*model, response->mutable_capabilities());
  }
  call->Complete(status);
  return call;
}

grpc::ServerUnaryReactor* DiscoveryService::GetLoad(grpc::CallbackServerContext* context,
                                                    const wire::GetLoadRequest* /*request*/,
                                                    wire::GetLoadResponse* response) {
  auto* call = new UnaryCall(gate_.Enter(context, "/foregate.discovery.v1.DiscoveryService/GetLoad"));
  if (call->ticket().admitted().ok()) {
    response->set_unix_ms(UnixMilliseconds());
    if (const std::shared_ptr<ServedModel> model = gate_.dependencies().state->model()) {
      const EngineLoad load = model->engine->load();
      response->set_running_requests(load.running_requests);
      response->set_waiting_requests(load.waiting_requests);
      response->set_waiting_tokens(load.waiting_tokens);
      response->set_kv_blocks_total(load.kv_blocks_total);
      response->set_kv_blocks_used(load.kv_blocks_used);
      response->set_kv_block_tokens(model->engine->options().kv_block_tokens);
      response->set_engine_steps(load.steps);
      response->set_kv_blocks_cached(load.kv_blocks_cached);
      const EngineMetrics& metrics = model->engine->metrics();
      response->set_generated_tokens(metrics.generation_tokens.value());
      response->set_computed_prompt_tokens(metrics.prompt_tokens_computed.value());
      response->set_cached_prompt_tokens(metrics.prompt_tokens_cached.value());
      response->set_step_us(static_cast<uint64_t>(metrics.step_time.sum() * 1e6));
    }
  }
  call->Complete(call->ticket().admitted());
  return call;
}

grpc::ServerWriteReactor<wire::GetTokenizerResponse>* DiscoveryService::GetTokenizer(
    grpc::CallbackServerContext* context, const wire::GetTokenizerRequest* request) {
  auto* call = new TokenizerStream(gate_.Enter(context, "/foregate.discovery.v1.DiscoveryService/GetTokenizer"),
                                   gate_.dependencies().text_pool);
  const ServingState& state = *gate_.dependencies().state;
  absl::Status status = call->ticket().admitted();
  if (status.ok()) status = CheckUtf8Fields(*request);
  if (status.ok()) status = CheckModelName(state.model_name(), request->name());
  std::shared_ptr<ServedModel> model = state.model();
  if (status.ok() && model == nullptr) {
    absl::StatusOr<std::shared_ptr<ServedModel>> ready = gate_.ReadyModel();
    status = ready.status();
    if (ready.ok()) model = *std::move(ready);
  }
  if (status.ok()) status = RequireTokenizer(model->text, "GetTokenizer");
  if (status.ok()) {
    call->Start(std::move(model));
  } else {
    call->Refuse(status);
  }
  return call;
}

}  // namespace foregate
