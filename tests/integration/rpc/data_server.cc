#include "tests/integration/rpc/data_server.h"

#include <chrono>
#include <thread>
#include <utility>

#include "google/rpc/status.pb.h"
#include "kernels/base/check.h"
#include "tests/fakes/byte_tokenizer.h"

namespace foregate {
namespace {

constexpr std::chrono::seconds kPatience{10};

}  // namespace

class DataServer::Tokens final : public TokenVerifier {
 public:
  explicit Tokens(std::optional<std::string> token) : token_(std::move(token)) {}
  absl::Status Verify(std::string_view authorization) const override {
    if (!token_.has_value() || authorization == "Bearer " + *token_) return absl::OkStatus();
    return absl::UnauthenticatedError("a bearer token is needed");
  }

 private:
  const std::optional<std::string> token_;
};

void RecordingAccessLog::Write(const AccessRecord& record) {
  std::lock_guard<std::mutex> lock(mutex_);
  records_.push_back(record);
  changed_.notify_all();
}

std::vector<AccessRecord> RecordingAccessLog::WaitFor(size_t count) {
  std::unique_lock<std::mutex> lock(mutex_);
  changed_.wait_for(lock, kPatience, [&] { return records_.size() >= count; });
  return records_;
}

DataServer::DataServer(DataServerOptions options)
    : options_(std::move(options)),
      model_(std::make_shared<ServedModel>()),
      admission_(options_.max_concurrent_calls),
      tokens_(std::make_unique<Tokens>(options_.token)),
      text_pool_(2, 1000) {
  model_->name = kModelName;
  if (options_.has_tokenizer) model_->text.tokenizer = MakeByteTokenizer();
  if (!options_.chat_template.empty()) {
    auto compiled = ChatTemplate::Compile(options_.chat_template, "test template");
    FOREGATE_CHECK(compiled.ok());
    model_->text.chat_template = *std::move(compiled);
  }
  auto reply_format = ReplyFormat::Find(options_.reply_format);
  FOREGATE_CHECK(reply_format.ok());
  model_->reply_format = *reply_format;
  auto manifest = MakeFileManifest(ModelFiles(options_.tokenizer_directory), options_.tokenizer_files);
  FOREGATE_CHECK(manifest.ok());
  model_->tokenizer_files = *std::move(manifest);
  model_->text.eos_token = kByteEndText;
  model_->text.eos_token_ids = {kByteEndToken};
  model_->text.defaults = options_.defaults;
  auto engine = std::make_unique<FakeEngine>(options_.engine);
  engine_ = engine.get();
  model_->engine = std::move(engine);
  if (options_.ready) BecomeReady();

  RpcDependencies dependencies;
  dependencies.state = &state_;
  dependencies.admission = &admission_;
  dependencies.tokens = tokens_.get();
  dependencies.access_log = &access_log_;
  dependencies.text_pool = &text_pool_;
  dependencies.limits.max_request_bytes = 16 << 20;
  dependencies.limits.max_response_bytes = options_.max_response_bytes;
  dependencies.limits.max_stream_buffer_bytes = options_.max_stream_buffer_bytes;
  dependencies.limits.slow_reader_grace_ms = options_.slow_reader_grace_ms;
  dependencies.version = "test";
  services_ = MakeDataServices(dependencies);
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  for (auto& service : services_.services) builder.RegisterService(service.get());
  server_ = builder.BuildAndStart();
  FOREGATE_CHECK(server_ != nullptr);
  grpc::ChannelArguments arguments;
  // Tests differ in nothing but the port: without this, gRPC shares one connection among equal targets.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetMaxReceiveMessageSize(-1);
  channel_ =
      grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(port), grpc::InsecureChannelCredentials(), arguments);
  inference_ = inference::v1::InferenceService::NewStub(channel_);
}

DataServer::~DataServer() {
  engine_->AllowSteps(FakeEngine::kUnlimited);
  server_->Shutdown(std::chrono::system_clock::now());
  server_->Wait();
  text_pool_.Stop();
}

bool DataServer::WaitForPermits() {
  const auto give_up = std::chrono::steady_clock::now() + kPatience;
  while (admission_.num_admitted() > 0 && std::chrono::steady_clock::now() < give_up) std::this_thread::yield();
  return admission_.num_admitted() == 0;
}

void DataServer::BecomeReady() { state_.SetReady(model_); }

ErrorDetails DetailsOf(const grpc::Status& status) {
  ErrorDetails details;
  google::rpc::Status wire;
  FOREGATE_CHECK(wire.ParseFromString(status.error_details()));
  for (const google::protobuf::Any& any : wire.details()) {
    google::rpc::ErrorInfo info;
    google::rpc::BadRequest bad_request;
    google::rpc::RetryInfo retry;
    if (any.UnpackTo(&info)) {
      details.reason = info.reason();
      details.request_id = info.metadata().at("request_id");
    } else if (any.UnpackTo(&bad_request)) {
      details.field = bad_request.field_violations(0).field();
    } else if (any.UnpackTo(&retry)) {
      details.retry = retry;
    }
  }
  return details;
}

std::unique_ptr<grpc::ClientContext> NewContext() {
  auto context = std::make_unique<grpc::ClientContext>();
  context->set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
  return context;
}

}  // namespace foregate
