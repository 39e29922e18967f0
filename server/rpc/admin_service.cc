#include "server/rpc/admin_service.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "foregate/admin/v1/admin.grpc.pb.h"
#include "grpcpp/alarm.h"
#include "grpcpp/grpcpp.h"
#include "server/lifecycle/drain_controller.h"
#include "server/lifecycle/serving_state.h"
#include "server/rpc/utf8_fields.h"
#include "server/security/token_verifier.h"
#include "server/telemetry/logging.h"

namespace foregate {
namespace {

namespace v1 = admin::v1;

constexpr std::chrono::milliseconds kDrainReportPeriod(200);
constexpr int64_t kMaxDrainTimeoutMs = 24LL * 3600 * 1000;
constexpr int64_t kDefaultTraceBytes = 64 << 20;
constexpr int64_t kMaxTraceBytes = 1 << 30;
constexpr size_t kTraceChunkBytes = 64 << 10;

// The codes of absl::Status are those of gRPC.
grpc::Status ToGrpcStatus(const absl::Status& status) {
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), std::string(status.message()));
}

absl::Status CheckToken(const grpc::CallbackServerContext& context, const TokenVerifier& tokens) {
  const auto& metadata = context.client_metadata();
  const auto found = metadata.find("authorization");
  if (found == metadata.end()) return tokens.Verify("");
  return tokens.Verify(std::string_view(found->second.data(), found->second.size()));
}

template <typename Response>
class RefusedStream final : public grpc::ServerWriteReactor<Response> {
 public:
  explicit RefusedStream(const absl::Status& status) { this->Finish(ToGrpcStatus(status)); }
  void OnDone() override { delete this; }
};

// Reports every kDrainReportPeriod until the drain is done or the caller goes away; the drain itself goes on.
class DrainReactor final : public grpc::ServerWriteReactor<v1::DrainResponse> {
 public:
  explicit DrainReactor(DrainController* drain) : drain_(drain) { Report(); }

  void OnWriteDone(bool ok) override {
    if (!ok || response_.done()) {
      Finish(ok ? grpc::Status::OK : grpc::Status::CANCELLED);
      return;
    }
    alarm_.Set(std::chrono::system_clock::now() + kDrainReportPeriod, [this](bool) { Report(); });
  }
  // The next write fails then and ends the call.
  void OnCancel() override {}
  void OnDone() override { delete this; }

 private:
  void Report() {
    const DrainProgress progress = drain_->progress();
    response_.set_running_requests(progress.running_requests);
    response_.set_waiting_requests(progress.waiting_requests);
    response_.set_cancelled_requests(progress.cancelled_requests);
    response_.set_done(progress.is_done);
    StartWrite(&response_);
  }

  DrainController* const drain_;
  v1::DrainResponse response_;
  grpc::Alarm alarm_;
};

class TraceReactor final : public grpc::ServerWriteReactor<v1::StopRouteTraceResponse> {
 public:
  explicit TraceReactor(RecordedRoutes trace) : trace_(std::move(trace)) { WriteNext(); }

  void OnWriteDone(bool ok) override {
    if (ok && part_ < trace_.parts.size()) {
      WriteNext();
    } else {
      Finish(ok ? grpc::Status::OK : grpc::Status::CANCELLED);
    }
  }
  void OnDone() override { delete this; }

 private:
  void WriteNext() {
    const std::string& part = trace_.parts[part_];
    const size_t bytes = std::min(kTraceChunkBytes, part.size() - next_);
    std::string* const field =
        trace_.form == RouteTraceForm::kCsv ? response_.mutable_csv() : response_.mutable_trace();
    field->assign(part, next_, bytes);
    next_ += bytes;
    if (next_ == part.size()) {
      ++part_;
      next_ = 0;
    }
    response_.set_truncated(trace_.truncated && part_ == trace_.parts.size());
    StartWrite(&response_);
  }

  const RecordedRoutes trace_;  // of one part at least
  size_t part_ = 0;
  size_t next_ = 0;  // byte of the part
  v1::StopRouteTraceResponse response_;
};

class AdminServiceImpl final : public v1::AdminService::CallbackService {
 public:
  AdminServiceImpl(ServingState* state, DrainController* drain, const TokenVerifier* tokens)
      : state_(state), drain_(drain), tokens_(tokens) {}

  grpc::ServerWriteReactor<v1::DrainResponse>* Drain(grpc::CallbackServerContext* context,
                                                     const v1::DrainRequest* request) override {
    if (absl::Status status = CheckToken(*context, *tokens_); !status.ok())
      return new RefusedStream<v1::DrainResponse>(status);
    std::optional<std::chrono::milliseconds> timeout;
    if (request->has_timeout_ms()) {
      if (request->timeout_ms() < 0 || request->timeout_ms() > kMaxDrainTimeoutMs)
        return new RefusedStream<v1::DrainResponse>(
            absl::InvalidArgumentError("timeout_ms: " + std::to_string(request->timeout_ms()) +
                                       " is not within 0 and " + std::to_string(kMaxDrainTimeoutMs)));
      timeout = std::chrono::milliseconds(request->timeout_ms());
    }
    LogInfo("drain asked for by " + context->peer());
    drain_->Begin(timeout);
    return new DrainReactor(drain_);
  }

  grpc::ServerUnaryReactor* Abort(grpc::CallbackServerContext* context, const v1::AbortRequest* request,
                                  v1::AbortResponse*) override {
    return Answer(context, [&]() -> absl::Status {
      if (absl::Status status = CheckUtf8Fields(*request); !status.ok()) return status;
      if (request->request_id().empty()) return absl::InvalidArgumentError("request_id: must not be empty");
      const std::shared_ptr<ServedModel> model = state_->model();
      const absl::Status reason = absl::CancelledError("aborted by an operator");
      if (model == nullptr || !model->engine->Cancel(request->request_id(), reason))
        return absl::NotFoundError("request_id: \"" + request->request_id() + "\" is not running");
      return absl::OkStatus();
    });
  }

  grpc::ServerUnaryReactor* StartRouteTrace(grpc::CallbackServerContext* context,
                                            const v1::StartRouteTraceRequest* request,
                                            v1::StartRouteTraceResponse* response) override {
    return Answer(context, [&]() -> absl::Status {
      const int64_t max_bytes = request->has_max_bytes() ? request->max_bytes() : kDefaultTraceBytes;
      if (max_bytes < 1 || max_bytes > kMaxTraceBytes)
        return absl::InvalidArgumentError("max_bytes: " + std::to_string(max_bytes) + " is not within 1 and " +
                                          std::to_string(kMaxTraceBytes));
      const std::shared_ptr<ServedModel> model = state_->model();
      if (model == nullptr) return state_->Ready().status();
      RouteRecording recording{.max_bytes = static_cast<size_t>(max_bytes)};
      if (request->format() == v1::ROUTE_TRACE_FORMAT_COMPACT) {
        const DecoderInfo& info = model->engine->model();
        recording.form = RouteTraceForm::kCompact;
        recording.source = model->name + " arch=" + info.architecture + " weights=" + info.weights_format;
        recording.expert_bytes = info.expert_bytes;
      } else if (request->format() != v1::ROUTE_TRACE_FORMAT_UNSPECIFIED &&
                 request->format() != v1::ROUTE_TRACE_FORMAT_CSV) {
        return absl::InvalidArgumentError("format: " + std::to_string(request->format()) + " is not known");
      }
      response->set_format(recording.form == RouteTraceForm::kCsv ? v1::ROUTE_TRACE_FORMAT_CSV
                                                                  : v1::ROUTE_TRACE_FORMAT_COMPACT);
      return model->engine->routing().StartRecording(recording);
    });
  }

  grpc::ServerWriteReactor<v1::StopRouteTraceResponse>* StopRouteTrace(grpc::CallbackServerContext* context,
                                                                       const v1::StopRouteTraceRequest*) override {
    absl::Status status = CheckToken(*context, *tokens_);
    const std::shared_ptr<ServedModel> model = state_->model();
    if (status.ok() && model == nullptr) status = state_->Ready().status();
    if (!status.ok()) return new RefusedStream<v1::StopRouteTraceResponse>(status);
    absl::StatusOr<RecordedRoutes> trace = model->engine->routing().StopRecording();
    if (!trace.ok()) return new RefusedStream<v1::StopRouteTraceResponse>(trace.status());
    return new TraceReactor(*std::move(trace));
  }

 private:
  template <typename Work>
  grpc::ServerUnaryReactor* Answer(grpc::CallbackServerContext* context, Work work) {
    absl::Status status = CheckToken(*context, *tokens_);
    if (status.ok()) status = work();
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(ToGrpcStatus(status));
    return reactor;
  }

  ServingState* const state_;
  DrainController* const drain_;
  const TokenVerifier* const tokens_;
};

}  // namespace

std::unique_ptr<grpc::Service> MakeAdminService(ServingState* state, DrainController* drain,
                                                const TokenVerifier* tokens) {
  return std::make_unique<AdminServiceImpl>(state, drain, tokens);
}

}  // namespace foregate
