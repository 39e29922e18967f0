// ServingState: what every service asks before it works: is the model loaded, are we draining, what is served.
//
// Thread-safe. Listeners open before the model is loaded, so calls meet each of these states:
//
//   state      Ready() answers                           leaves by
//   Loading    UNAVAILABLE with progress                  SetReady, SetFailed
//   Ready      the model                                  BeginDrain
//   Draining   UNAVAILABLE "draining" (new work only)     process exit
//   Failed     UNAVAILABLE with the reason                process exit
#ifndef FOREGATE_SERVER_LIFECYCLE_SERVING_STATE_H_
#define FOREGATE_SERVER_LIFECYCLE_SERVING_STATE_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "engine/engine.h"
#include "kernels/api/kernels.h"
#include "server/text/file_manifest.h"
#include "server/text/reply/reply_format.h"
#include "server/text/text_model.h"

namespace foregate {

// A model that is being served. Immutable but for the engine, which is thread-safe. Destroyed in reverse order of
// declaration: the engine stops before the backend that it computes on.
struct ServedModel {
  std::string name;
  TextModel text;                             // text.tokenizer is null for a checkpoint without one
  FileManifest tokenizer_files;               // empty without a tokenizer
  const ReplyFormat* reply_format = nullptr;  // of chats that ask for none; never null once loaded
  std::unique_ptr<Backend> backend;
  std::unique_ptr<Engine> engine;
};

enum class ServerPhase : uint8_t { kLoading, kReady, kDraining, kFailed };

class ServingState {
 public:
  explicit ServingState(std::string model_name);

  ServerPhase phase() const;
  const std::string& model_name() const { return model_name_; }
  int64_t start_unix_ms() const { return start_unix_ms_; }

  // Loader's side.
  void SetProgress(uint64_t bytes_done, uint64_t bytes_total);
  void SetReady(std::shared_ptr<ServedModel> model);
  void SetFailed(absl::Status reason);
  // From kReady or kLoading to kDraining. Idempotent.
  void BeginDrain();

  void GetProgress(uint64_t* bytes_done, uint64_t* bytes_total) const;

  // The model for new work, or UNAVAILABLE saying why not (loading with progress, draining, failed).
  absl::StatusOr<std::shared_ptr<ServedModel>> Ready() const;
  // The model once loaded, whatever the phase; null before. For read-only calls and for draining.
  std::shared_ptr<ServedModel> model() const;

 private:
  const std::string model_name_;
  const int64_t start_unix_ms_;
  std::atomic<uint64_t> bytes_done_{0};
  std::atomic<uint64_t> bytes_total_{0};
  mutable std::mutex mutex_;
  ServerPhase phase_ = ServerPhase::kLoading;  // guarded by mutex_
  std::shared_ptr<ServedModel> model_;         // guarded by mutex_
  absl::Status failure_;                       // guarded by mutex_
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_LIFECYCLE_SERVING_STATE_H_
