#include "server/rpc/inference_service.h"

#include <string>
#include <utility>
#include <vector>

#include "kernels/base/status_macros.h"
#include "server/generation/generation_collector.h"
#include "server/generation/generation_service.h"
#include "server/generation/served_text.h"
#include "server/generation/text_pool.h"
#include "server/rpc/conversation_parser.h"
#include "server/rpc/request_parser.h"
#include "server/rpc/response_writer.h"
#include "server/rpc/stream_call.h"
#include "server/rpc/unary_call.h"
#include "server/rpc/utf8_fields.h"

namespace foregate {
namespace {

namespace wire = inference::v1;

// Parses and starts; text thread. The request message lives as long as its call, which ends only through `sink` or,
// where this fails, through the caller.
template <typename Request>
absl::Status Start(const CallGate& gate, const CallTicket& ticket, const Request& request,
                   const std::shared_ptr<CancelLink>& cancel_link, std::shared_ptr<DeltaSink> sink) {
  FOREGATE_RETURN_IF_ERROR(cancel_link->reason());
  FOREGATE_RETURN_IF_ERROR(ticket.CheckDeadline());
  FOREGATE_RETURN_IF_ERROR(CheckUtf8Fields(request));
  FOREGATE_ASSIGN_OR_RETURN(std::shared_ptr<ServedModel> model, gate.ReadyModel());
  FOREGATE_ASSIGN_OR_RETURN(GenerationCall call, ParseRequest(request));
  call.request_id = ticket.request_id();
  call.arrival = ticket.arrival();
  call.deadline = ticket.deadline();
  FOREGATE_ASSIGN_OR_RETURN(
      std::shared_ptr<RunningGeneration> running,
      StartGeneration(std::move(model), std::move(call), gate.dependencies().text_pool, std::move(sink)));
  // From here on the call may end, and be deleted, at any time; the link is shared.
  cancel_link->Attach(std::move(running));
  return absl::OkStatus();
}

template <typename Response>
class UnarySink final : public DeltaSink {
 public:
  UnarySink(UnaryCall* call, Response* response, size_t max_bytes)
      : call_(call), response_(response), collector_(max_bytes) {}

  absl::Status OnDelta(GenerationDelta delta) override { return collector_.Add(std::move(delta)); }
  void OnDone(const absl::Status& status, const GenerationSummary& summary) override {
    if (status.ok()) WriteResult(collector_.Take(), summary, response_);
    call_->Complete(status, summary.engine);
  }

 private:
  UnaryCall* const call_;
  Response* const response_;
  GenerationCollector collector_;
};

template <typename Response>
class StreamSink final : public DeltaSink {
 public:
  explicit StreamSink(StreamCall<Response>* call) : call_(call) {}

  absl::Status OnDelta(GenerationDelta delta) override { return call_->Push(std::move(delta)); }
  void OnDone(const absl::Status& status, const GenerationSummary& summary) override { call_->End(status, summary); }

 private:
  StreamCall<Response>* const call_;
};

}  // namespace

template <typename Request, typename Work>
grpc::ServerUnaryReactor* InferenceService::AnswerFromText(grpc::CallbackServerContext* context, const char* method,
                                                           const Request* request, Work work) {
  auto* call = new UnaryCall(gate_.Enter(context, method));
  absl::Status status = call->ticket().admitted();
  if (status.ok()) {
    status = gate_.dependencies().text_pool->Submit([this, call, request, work = std::move(work)] {
      call->Complete([&]() -> absl::Status {
        FOREGATE_RETURN_IF_ERROR(call->cancel_link()->reason());
        FOREGATE_RETURN_IF_ERROR(CheckUtf8Fields(*request));
        FOREGATE_ASSIGN_OR_RETURN(std::shared_ptr<ServedModel> model, gate_.ReadyModel());
        return work(*model);
      }());
    });
  }
  if (!status.ok()) call->Complete(status);
  return call;
}

template <typename Request, typename Response>
grpc::ServerUnaryReactor* InferenceService::GenerateOnce(grpc::CallbackServerContext* context, const char* method,
                                                         const Request* request, Response* response) {
  auto* call = new UnaryCall(gate_.Enter(context, method));
  absl::Status status = call->ticket().admitted();
  if (status.ok()) {
    status = gate_.dependencies().text_pool->Submit([this, call, request, response] {
      auto sink = std::make_shared<UnarySink<Response>>(
          call, response, static_cast<size_t>(gate_.dependencies().limits.max_response_bytes));
      const std::shared_ptr<CancelLink> cancel_link = call->cancel_link();
      const absl::Status started = Start(gate_, call->ticket(), *request, cancel_link, std::move(sink));
      if (!started.ok()) call->Complete(started);
    });
  }
  if (!status.ok()) call->Complete(status);
  return call;
}

template <typename Response, typename Request>
grpc::ServerWriteReactor<Response>* InferenceService::GenerateAsStream(grpc::CallbackServerContext* context,
                                                                       const char* method, const Request* request) {
  const RpcDependencies& dependencies = gate_.dependencies();
  auto* call = new StreamCall<Response>(context, gate_.Enter(context, method), dependencies.limits);
  absl::Status status = call->ticket().admitted();
  if (status.ok()) {
    // The caller learns the request's id before the first token.
    call->StartSendInitialMetadata();
    status = dependencies.text_pool->Submit([this, call, request] {
      const std::shared_ptr<CancelLink> cancel_link = call->cancel_link();
      const absl::Status started =
          Start(gate_, call->ticket(), *request, cancel_link, std::make_shared<StreamSink<Response>>(call));
      if (!started.ok()) call->End(started, {});
    });
  }
  if (!status.ok()) call->End(status, {});
  return call;
}

grpc::ServerUnaryReactor* InferenceService::Generate(grpc::CallbackServerContext* context,
                                                     const wire::GenerateRequest* request,
                                                     wire::GenerateResponse* response) {
  return GenerateOnce(context, "/foregate.inference.v1.InferenceService/Generate", request, response);
}

grpc::ServerWriteReactor<wire::GenerateStreamResponse>* InferenceService::GenerateStream(
    grpc::CallbackServerContext* context, const wire::GenerateStreamRequest* request) {
  return GenerateAsStream<wire::GenerateStreamResponse>(
      context, "/foregate.inference.v1.InferenceService/GenerateStream", request);
}

grpc::ServerUnaryReactor* InferenceService::Chat(grpc::CallbackServerContext* context, const wire::ChatRequest* request,
                                                 wire::ChatResponse* response) {
  return GenerateOnce(context, "/foregate.inference.v1.InferenceService/Chat", request, response);
}

grpc::ServerWriteReactor<wire::ChatStreamResponse>* InferenceService::ChatStream(
    grpc::CallbackServerContext* context, const wire::ChatStreamRequest* request) {
  return GenerateAsStream<wire::ChatStreamResponse>(context, "/foregate.inference.v1.InferenceService/ChatStream",
                                                    request);
}

grpc::ServerUnaryReactor* InferenceService::Tokenize(grpc::CallbackServerContext* context,
                                                     const wire::TokenizeRequest* request,
                                                     wire::TokenizeResponse* response) {
  return AnswerFromText(
      context, "/foregate.inference.v1.InferenceService/Tokenize", request,
      [request, response](const ServedModel& model) -> absl::Status {
        FOREGATE_RETURN_IF_ERROR(CheckModelName(model.name, request->model()));
        FOREGATE_RETURN_IF_ERROR(RequireTokenizer(model.text, "Tokenize"));
        const bool add_special_tokens = !request->has_add_special_tokens() || request->add_special_tokens();
        FOREGATE_ASSIGN_OR_RETURN(const std::vector<TokenId> ids,
                                  EncodeField(model.text, request->text(), add_special_tokens, "text"));
        response->mutable_token_ids()->Add(ids.begin(), ids.end());
        for (TokenId id : ids) response->add_tokens(model.text.tokenizer->TokenText(id));
        return absl::OkStatus();
      });
}

grpc::ServerUnaryReactor* InferenceService::Detokenize(grpc::CallbackServerContext* context,
                                                       const wire::DetokenizeRequest* request,
                                                       wire::DetokenizeResponse* response) {
  return AnswerFromText(context, "/foregate.inference.v1.InferenceService/Detokenize", request,
                        [request, response](const ServedModel& model) -> absl::Status {
                          FOREGATE_RETURN_IF_ERROR(CheckModelName(model.name, request->model()));
                          FOREGATE_RETURN_IF_ERROR(RequireTokenizer(model.text, "Detokenize"));
                          const std::vector<TokenId> ids(request->token_ids().begin(), request->token_ids().end());
                          FOREGATE_ASSIGN_OR_RETURN(
                              *response->mutable_text(),
                              DecodeField(model.text, ids, request->skip_special_tokens(), "token_ids"));
                          return absl::OkStatus();
                        });
}

grpc::ServerUnaryReactor* InferenceService::RenderChat(grpc::CallbackServerContext* context,
                                                       const wire::RenderChatRequest* request,
                                                       wire::RenderChatResponse* response) {
  return AnswerFromText(
      context, "/foregate.inference.v1.InferenceService/RenderChat", request,
      [request, response](const ServedModel& model) -> absl::Status {
        FOREGATE_RETURN_IF_ERROR(CheckModelName(model.name, request->model()));
        FOREGATE_ASSIGN_OR_RETURN(const ChatPrompt conversation, ParseConversation(request->conversation()));
        FOREGATE_ASSIGN_OR_RETURN(RenderedPrompt rendered, RenderConversation(model.text, conversation));
        response->set_text(std::move(rendered.text));
        response->mutable_token_ids()->Add(rendered.token_ids.begin(), rendered.token_ids.end());
        return absl::OkStatus();
      });
}

}  // namespace foregate
