#include "client/client.h"

#include <utility>

#include "client/connection.h"
#include "foregate/discovery/v1/discovery.grpc.pb.h"
#include "foregate/experts/v1/expert.grpc.pb.h"
#include "foregate/inference/v1/inference.grpc.pb.h"
#include "grpc/health/v1/health.grpc.pb.h"

namespace foregate {

namespace health = ::grpc::health::v1;

struct Client::Stubs {
  std::unique_ptr<internal::Connection> connection;
  std::unique_ptr<inference::v1::InferenceService::Stub> inference;
  std::unique_ptr<discovery::v1::DiscoveryService::Stub> discovery;
  std::unique_ptr<experts::v1::ExpertService::Stub> experts;
  std::unique_ptr<health::Health::Stub> health;

  template <typename Response, typename Stub, typename Request>
  absl::StatusOr<Response> Unary(Stub* stub,
                                 grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&, Response*),
                                 const Request& request, const CallOptions& call) const {
    Response response;
    absl::Status status = connection->Call(
        call, [&](grpc::ClientContext* context) { return (stub->*method)(context, request, &response); });
    if (!status.ok()) return status;
    return response;
  }

  template <typename Response, typename Open>
  absl::Status Stream(const Open& open, const std::function<void(const Response&)>& on_response,
                      const CallOptions& call) const {
    bool delivered = false;
    return connection->Call(
        call,
        [&](grpc::ClientContext* context) {
          const std::unique_ptr<grpc::ClientReader<Response>> reader = open(context);
          Response response;
          while (reader->Read(&response)) {
            delivered = true;
            on_response(response);
          }
          return reader->Finish();
        },
        [&delivered] { return !delivered; });
  }
};

Client::Client(std::unique_ptr<Stubs> stubs) : stubs_(std::move(stubs)) {}
Client::~Client() = default;

absl::StatusOr<std::unique_ptr<Client>> Client::Connect(ClientOptions options) {
  auto connection = internal::Connection::Open(std::move(options));
  if (!connection.ok()) return connection.status();
  auto stubs = std::make_unique<Stubs>();
  const auto& channel = (*connection)->channel();
  stubs->inference = inference::v1::InferenceService::NewStub(channel);
  stubs->discovery = discovery::v1::DiscoveryService::NewStub(channel);
  stubs->experts = experts::v1::ExpertService::NewStub(channel);
  stubs->health = health::Health::NewStub(channel);
  stubs->connection = *std::move(connection);
  return std::unique_ptr<Client>(new Client(std::move(stubs)));
}

using InferenceStub = inference::v1::InferenceService::Stub;
using DiscoveryStub = discovery::v1::DiscoveryService::Stub;

absl::StatusOr<inference::v1::GenerateResponse> Client::Generate(const inference::v1::GenerateRequest& request,
                                                                 const CallOptions& call) {
  return stubs_->Unary(stubs_->inference.get(), &InferenceStub::Generate, request, call);
}

absl::StatusOr<inference::v1::ChatResponse> Client::Chat(const inference::v1::ChatRequest& request,
                                                         const CallOptions& call) {
  return stubs_->Unary(stubs_->inference.get(), &InferenceStub::Chat, request, call);
}

absl::Status Client::GenerateStream(
    const inference::v1::GenerateStreamRequest& request,
    const std::function<void(const inference::v1::GenerateStreamResponse&)>& on_response, const CallOptions& call) {
  return stubs_->Stream(
      [&](grpc::ClientContext* context) { return stubs_->inference->GenerateStream(context, request); }, on_response,
      call);
}

absl::Status Client::ChatStream(const inference::v1::ChatStreamRequest& request,
                                const std::function<void(const inference::v1::ChatStreamResponse&)>& on_response,
                                const CallOptions& call) {
  return stubs_->Stream([&](grpc::ClientContext* context) { return stubs_->inference->ChatStream(context, request); },
                        on_response, call);
}

absl::StatusOr<inference::v1::TokenizeResponse> Client::Tokenize(const inference::v1::TokenizeRequest& request,
                                                                 const CallOptions& call) {
  return stubs_->Unary(stubs_->inference.get(), &InferenceStub::Tokenize, request, call);
}

absl::StatusOr<inference::v1::DetokenizeResponse> Client::Detokenize(const inference::v1::DetokenizeRequest& request,
                                                                     const CallOptions& call) {
  return stubs_->Unary(stubs_->inference.get(), &InferenceStub::Detokenize, request, call);
}

absl::StatusOr<inference::v1::RenderChatResponse> Client::RenderChat(const inference::v1::RenderChatRequest& request,
                                                                     const CallOptions& call) {
  return stubs_->Unary(stubs_->inference.get(), &InferenceStub::RenderChat, request, call);
}

absl::StatusOr<discovery::v1::GetServerInfoResponse> Client::GetServerInfo(const CallOptions& call) {
  return stubs_->Unary(stubs_->discovery.get(), &DiscoveryStub::GetServerInfo, discovery::v1::GetServerInfoRequest(),
                       call);
}

absl::StatusOr<discovery::v1::ListModelsResponse> Client::ListModels(const CallOptions& call) {
  return stubs_->Unary(stubs_->discovery.get(), &DiscoveryStub::ListModels, discovery::v1::ListModelsRequest(), call);
}

absl::StatusOr<discovery::v1::GetModelResponse> Client::GetModel(const discovery::v1::GetModelRequest& request,
                                                                 const CallOptions& call) {
  return stubs_->Unary(stubs_->discovery.get(), &DiscoveryStub::GetModel, request, call);
}

absl::Status Client::GetTokenizer(const discovery::v1::GetTokenizerRequest& request,
                                  const std::function<void(const discovery::v1::GetTokenizerResponse&)>& on_response,
                                  const CallOptions& call) {
  return stubs_->Stream([&](grpc::ClientContext* context) { return stubs_->discovery->GetTokenizer(context, request); },
                        on_response, call);
}

absl::StatusOr<discovery::v1::GetLoadResponse> Client::GetLoad(const CallOptions& call) {
  return stubs_->Unary(stubs_->discovery.get(), &DiscoveryStub::GetLoad, discovery::v1::GetLoadRequest(), call);
}

absl::StatusOr<experts::v1::GetExpertStatsResponse> Client::GetExpertStats(const CallOptions& call) {
  return stubs_->Unary(stubs_->experts.get(), &experts::v1::ExpertService::Stub::GetExpertStats,
                       experts::v1::GetExpertStatsRequest(), call);
}

absl::StatusOr<bool> Client::IsHealthy(const CallOptions& call) {
  const auto response =
      stubs_->Unary(stubs_->health.get(), &health::Health::Stub::Check, health::HealthCheckRequest(), call);
  if (!response.ok()) return response.status();
  return response->status() == health::HealthCheckResponse::SERVING;
}

}  // namespace foregate
