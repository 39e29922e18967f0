// Client: the C++ SDK for the data listener of foregated.
//
//   auto client = Client::Connect({.address = "127.0.0.1:50051"});
//   ChatStreamRequest request;  // foregate/inference/v1/inference.proto
//   absl::Status status = (*client)->ChatStream(request, [](const auto& response) { ... });
//
// Thread-safe. Every call blocks until it ends and returns the server's status; client/call_error.h reads its details.
#ifndef FOREGATE_CLIENT_CLIENT_H_
#define FOREGATE_CLIENT_CLIENT_H_

#include <functional>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/client_options.h"
#include "foregate/discovery/v1/discovery.pb.h"
#include "foregate/experts/v1/expert.pb.h"
#include "foregate/inference/v1/inference.pb.h"

namespace foregate {

class Client {
 public:
  // INVALID_ARGUMENT for options that contradict each other. Does not wait for the server.
  static absl::StatusOr<std::unique_ptr<Client>> Connect(ClientOptions options);
  ~Client();

  absl::StatusOr<inference::v1::GenerateResponse> Generate(const inference::v1::GenerateRequest& request,
                                                           const CallOptions& call = {});
  absl::StatusOr<inference::v1::ChatResponse> Chat(const inference::v1::ChatRequest& request,
                                                   const CallOptions& call = {});
  // `on_response` runs on the calling thread for each message; while it runs, nothing more is read (the server bounds
  // what it keeps for a slow reader).
  absl::Status GenerateStream(const inference::v1::GenerateStreamRequest& request,
                              const std::function<void(const inference::v1::GenerateStreamResponse&)>& on_response,
                              const CallOptions& call = {});
  absl::Status ChatStream(const inference::v1::ChatStreamRequest& request,
                          const std::function<void(const inference::v1::ChatStreamResponse&)>& on_response,
                          const CallOptions& call = {});

  absl::StatusOr<inference::v1::TokenizeResponse> Tokenize(const inference::v1::TokenizeRequest& request,
                                                           const CallOptions& call = {});
  absl::StatusOr<inference::v1::DetokenizeResponse> Detokenize(const inference::v1::DetokenizeRequest& request,
                                                               const CallOptions& call = {});
  absl::StatusOr<inference::v1::RenderChatResponse> RenderChat(const inference::v1::RenderChatRequest& request,
                                                               const CallOptions& call = {});

  absl::StatusOr<discovery::v1::GetServerInfoResponse> GetServerInfo(const CallOptions& call = {});
  absl::StatusOr<discovery::v1::ListModelsResponse> ListModels(const CallOptions& call = {});
  absl::StatusOr<discovery::v1::GetModelResponse> GetModel(const discovery::v1::GetModelRequest& request,
                                                           const CallOptions& call = {});
  // The first message is the manifest, the others are pieces of its files in order.
  absl::Status GetTokenizer(const discovery::v1::GetTokenizerRequest& request,
                            const std::function<void(const discovery::v1::GetTokenizerResponse&)>& on_response,
                            const CallOptions& call = {});
  absl::StatusOr<discovery::v1::GetLoadResponse> GetLoad(const CallOptions& call = {});
  absl::StatusOr<experts::v1::GetExpertStatsResponse> GetExpertStats(const CallOptions& call = {});
  // grpc.health.v1 of the whole server: true is SERVING.
  absl::StatusOr<bool> IsHealthy(const CallOptions& call = {});

 private:
  struct Stubs;
  explicit Client(std::unique_ptr<Stubs> stubs);

  const std::unique_ptr<Stubs> stubs_;
};

}  // namespace foregate

#endif  // FOREGATE_CLIENT_CLIENT_H_
