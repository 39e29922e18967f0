// DataServer: the data services on a loopback socket over a FakeEngine, and stubs that talk to them.
#ifndef FOREGATE_TESTS_INTEGRATION_RPC_DATA_SERVER_H_
#define FOREGATE_TESTS_INTEGRATION_RPC_DATA_SERVER_H_

#include <grpcpp/grpcpp.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "foregate/inference/v1/inference.grpc.pb.h"
#include "google/rpc/error_details.pb.h"
#include "server/admission/admission_controller.h"
#include "server/generation/text_pool.h"
#include "server/lifecycle/serving_state.h"
#include "server/rpc/data_services.h"
#include "server/security/token_verifier.h"
#include "server/telemetry/access_log.h"
#include "tests/fakes/fake_engine.h"

namespace foregate {

// Keeps the lines; a call's line is written just before its status leaves, so a client that has the status may still
// have to wait a moment for it.
class RecordingAccessLog final : public AccessLog {
 public:
  void Write(const AccessRecord& record) override;
  // The first `count` lines, or fewer after ten seconds.
  std::vector<AccessRecord> WaitFor(size_t count);

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<AccessRecord> records_;
};

struct DataServerOptions {
  bool has_tokenizer = true;
  std::string chat_template = {};  // empty: none
  std::string reply_format = "plain";
  std::string tokenizer_directory = {};  // of the files that GetTokenizer streams
  std::vector<std::string> tokenizer_files = {};
  GenerationDefaults defaults = {};
  FakeEngineOptions engine = {};
  int32_t max_concurrent_calls = 100;
  int64_t max_stream_buffer_bytes = 1 << 20;
  int64_t max_response_bytes = 64 << 20;
  int64_t slow_reader_grace_ms = 10000;
  std::optional<std::string> token = {};  // set: calls need "Bearer TOKEN"
  bool ready = true;                      // false: the model is still loading
};

class DataServer {
 public:
  static constexpr char kModelName[] = "fake-model";

  explicit DataServer(DataServerOptions options = {});
  ~DataServer();

  // Valid until the server ends.
  FakeEngine& engine() { return *engine_; }
  ServingState& state() { return state_; }
  AdmissionController& admission() { return admission_; }
  RecordingAccessLog& access_log() { return access_log_; }
  std::shared_ptr<grpc::Channel> channel() { return channel_; }
  inference::v1::InferenceService::Stub& inference() { return *inference_; }
  // True once no call holds a permit, within ten seconds: a permit returns when gRPC is done with the call, a moment
  // after the client has its status.
  bool WaitForPermits();
  // As the loader does when it has finished.
  void BecomeReady();

 private:
  class Tokens;

  DataServerOptions options_;
  std::shared_ptr<ServedModel> model_;
  FakeEngine* engine_ = nullptr;
  ServingState state_{kModelName};
  AdmissionController admission_;
  RecordingAccessLog access_log_;
  std::unique_ptr<TokenVerifier> tokens_;
  TextPool text_pool_;
  DataServices services_;
  std::unique_ptr<grpc::Server> server_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<inference::v1::InferenceService::Stub> inference_;
};

// The google.rpc details of a failed status.
struct ErrorDetails {
  std::string reason;
  std::string request_id;
  std::string field;  // empty: no BadRequest
  std::optional<google::rpc::RetryInfo> retry;
};
ErrorDetails DetailsOf(const grpc::Status& status);

// A context with a deadline far enough that only a hang meets it.
std::unique_ptr<grpc::ClientContext> NewContext();

}  // namespace foregate

#endif  // FOREGATE_TESTS_INTEGRATION_RPC_DATA_SERVER_H_
