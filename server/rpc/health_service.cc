#include "server/rpc/health_service.h"

#include <algorithm>
#include <mutex>
#include <optional>
#include <set>
#include <utility>

#include "grpc/health/v1/health.grpc.pb.h"
#include "grpcpp/grpcpp.h"

namespace foregate {
namespace {

using grpc::health::v1::Health;
using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;
using ServingStatus = HealthCheckResponse::ServingStatus;

class Watcher;

class HealthServiceImpl final : public HealthService, public Health::CallbackService {
 public:
  explicit HealthServiceImpl(std::vector<std::string> services) : services_(std::move(services)) {
    services_.emplace_back();
  }

  grpc::Service* service() override { return this; }
  void SetServing(bool is_serving) override;
  void Shutdown() override;

  grpc::ServerUnaryReactor* Check(grpc::CallbackServerContext* context, const HealthCheckRequest* request,
                                  HealthCheckResponse* response) override;
  grpc::ServerWriteReactor<HealthCheckResponse>* Watch(grpc::CallbackServerContext* context,
                                                       const HealthCheckRequest* request) override;
  void Forget(Watcher* watcher) {
    std::lock_guard lock(mutex_);
    watchers_.erase(watcher);
  }

 private:
  bool Knows(const std::string& service) const {
    return std::find(services_.begin(), services_.end(), service) != services_.end();
  }

  std::vector<std::string> services_;
  std::mutex mutex_;
  ServingStatus status_ = HealthCheckResponse::NOT_SERVING;  // guarded by mutex_
  bool is_shut_down_ = false;                                // guarded by mutex_
  std::set<Watcher*> watchers_;                              // guarded by mutex_
};

// One Watch. Holds at most one message in flight and one waiting: a slow watcher misses intermediate states, never the
// last one.
class Watcher final : public grpc::ServerWriteReactor<HealthCheckResponse> {
 public:
  // A watch of an unknown service stays open, as the protocol says, but nothing follows: services are never added.
  Watcher(HealthServiceImpl* owner, bool is_known) : owner_(owner), is_known_(is_known) {}

  bool is_known() const { return is_known_; }

  void Send(ServingStatus status, bool is_last) {
    std::lock_guard lock(mutex_);
    if (is_ending_) return;
    pending_ = status;
    is_ending_ = is_last;
    Proceed();
  }

  void OnWriteDone(bool ok) override {
    std::lock_guard lock(mutex_);
    is_writing_ = false;
    if (!ok) is_ending_ = true;
    if (!ok) pending_.reset();
    Proceed();
  }
  void OnCancel() override {
    std::lock_guard lock(mutex_);
    is_ending_ = true;
    pending_.reset();
    Proceed();
  }
  void OnDone() override {
    owner_->Forget(this);
    // Whoever called Finish may still hold the lock.
    { std::lock_guard lock(mutex_); }
    delete this;
  }

 private:
  void Proceed() {
    if (is_writing_ || is_finished_) return;
    if (pending_) {
      response_.set_status(*pending_);
      pending_.reset();
      is_writing_ = true;
      StartWrite(&response_);
    } else if (is_ending_) {
      is_finished_ = true;
      Finish(grpc::Status::OK);
    }
  }

  HealthServiceImpl* const owner_;
  const bool is_known_;
  std::mutex mutex_;
  HealthCheckResponse response_;          // of the write in flight
  std::optional<ServingStatus> pending_;  // guarded by mutex_
  bool is_writing_ = false;               // guarded by mutex_
  bool is_ending_ = false;                // guarded by mutex_
  bool is_finished_ = false;              // guarded by mutex_
};

class RefusedWatch final : public grpc::ServerWriteReactor<HealthCheckResponse> {
 public:
  RefusedWatch() {
    Finish(grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED,
                        "more than " + std::to_string(kMaxHealthWatchers) + " health watches"));
  }
  void OnDone() override { delete this; }
};

void HealthServiceImpl::SetServing(bool is_serving) {
  std::lock_guard lock(mutex_);
  if (is_shut_down_) return;
  status_ = is_serving ? HealthCheckResponse::SERVING : HealthCheckResponse::NOT_SERVING;
  for (Watcher* watcher : watchers_) {
    if (watcher->is_known()) watcher->Send(status_, /*is_last=*/false);
  }
}

void HealthServiceImpl::Shutdown() {
  std::lock_guard lock(mutex_);
  is_shut_down_ = true;
  status_ = HealthCheckResponse::NOT_SERVING;
  for (Watcher* watcher : watchers_) watcher->Send(status_, /*is_last=*/true);
}

grpc::ServerUnaryReactor* HealthServiceImpl::Check(grpc::CallbackServerContext* context,
                                                   const HealthCheckRequest* request, HealthCheckResponse* response) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  if (!Knows(request->service())) {
    reactor->Finish(grpc::Status(grpc::StatusCode::NOT_FOUND, "no such service on this listener"));
    return reactor;
  }
  {
    std::lock_guard lock(mutex_);
    response->set_status(status_);
  }
  reactor->Finish(grpc::Status::OK);
  return reactor;
}

grpc::ServerWriteReactor<HealthCheckResponse>* HealthServiceImpl::Watch(grpc::CallbackServerContext*,
                                                                        const HealthCheckRequest* request) {
  std::lock_guard lock(mutex_);
  if (watchers_.size() >= kMaxHealthWatchers) return new RefusedWatch;
  const bool is_known = Knows(request->service());
  auto* watcher = new Watcher(this, is_known);  // deletes itself in OnDone
  watchers_.insert(watcher);
  watcher->Send(is_known ? status_ : HealthCheckResponse::SERVICE_UNKNOWN, is_shut_down_);
  return watcher;
}

}  // namespace

std::unique_ptr<HealthService> HealthService::Create(std::vector<std::string> services) {
  return std::make_unique<HealthServiceImpl>(std::move(services));
}

}  // namespace foregate
