// InferenceService on the wire: each method enters the gate, then hands the work to the text pool and returns.
#ifndef FOREGATE_SERVER_RPC_INFERENCE_SERVICE_H_
#define FOREGATE_SERVER_RPC_INFERENCE_SERVICE_H_

#include <memory>

#include "foregate/inference/v1/inference.grpc.pb.h"
#include "server/rpc/call_gate.h"
#include "server/rpc/data_services.h"

namespace foregate {

// Thread-safe. Outlives the server that it is registered with.
class InferenceService final : public inference::v1::InferenceService::CallbackService {
 public:
  explicit InferenceService(const RpcDependencies& dependencies) : gate_(dependencies) {}

  grpc::ServerUnaryReactor* Generate(grpc::CallbackServerContext* context,
                                     const inference::v1::GenerateRequest* request,
                                     inference::v1::GenerateResponse* response) override;
  grpc::ServerWriteReactor<inference::v1::GenerateStreamResponse>* GenerateStream(
      grpc::CallbackServerContext* context, const inference::v1::GenerateStreamRequest* request) override;
  grpc::ServerUnaryReactor* Chat(grpc::CallbackServerContext* context, const inference::v1::ChatRequest* request,
                                 inference::v1::ChatResponse* response) override;
  grpc::ServerWriteReactor<inference::v1::ChatStreamResponse>* ChatStream(
      grpc::CallbackServerContext* context, const inference::v1::ChatStreamRequest* request) override;
  grpc::ServerUnaryReactor* Tokenize(grpc::CallbackServerContext* context,
                                     const inference::v1::TokenizeRequest* request,
                                     inference::v1::TokenizeResponse* response) override;
  grpc::ServerUnaryReactor* Detokenize(grpc::CallbackServerContext* context,
                                       const inference::v1::DetokenizeRequest* request,
                                       inference::v1::DetokenizeResponse* response) override;
  grpc::ServerUnaryReactor* RenderChat(grpc::CallbackServerContext* context,
                                       const inference::v1::RenderChatRequest* request,
                                       inference::v1::RenderChatResponse* response) override;

 private:
  // Answers on the text pool with what `work` returns. Work is absl::Status(const ServedModel&).
  template <typename Request, typename Work>
  grpc::ServerUnaryReactor* AnswerFromText(grpc::CallbackServerContext* context, const char* method,
                                           const Request* request, Work work);
  template <typename Request, typename Response>
  grpc::ServerUnaryReactor* GenerateOnce(grpc::CallbackServerContext* context, const char* method,
                                         const Request* request, Response* response);
  template <typename Response, typename Request>
  grpc::ServerWriteReactor<Response>* GenerateAsStream(grpc::CallbackServerContext* context, const char* method,
                                                       const Request* request);

  const CallGate gate_;
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_RPC_INFERENCE_SERVICE_H_
