// `foregate models`, `status` and `experts`.
#include <chrono>
#include <string>
#include <utility>

#include "client/cli/commands.h"
#include "client/cli/exit_code.h"
#include "client/cli/json_output.h"
#include "client/cli/text_output.h"

namespace foregate {
namespace {

namespace pb = ::foregate::discovery::v1;

constexpr std::chrono::milliseconds kPollInterval{100};

// Draws over the last bar on a terminal; elsewhere it writes nothing, because logs do not overwrite.
void DrawProgress(const Session& session, const pb::GetServerInfoResponse& server) {
  if (!session.err_is_terminal) return;
  const auto& progress = server.load_progress();
  session.err << "\rloading " << ProgressBar(progress.bytes_done(), progress.bytes_total()) << std::flush;
}

struct ServerStatus {
  pb::GetServerInfoResponse server;
  bool is_serving = false;

  // Neither ready nor on its way there: draining or failed.
  bool is_final() const {
    return is_serving || (server.state() != pb::SERVER_STATE_LOADING && server.state() != pb::SERVER_STATE_READY);
  }
};

absl::StatusOr<ServerStatus> AskStatus(const Session& session, Client* client) {
  auto server = client->GetServerInfo(session.call_options());
  if (!server.ok()) return server.status();
  const auto healthy = client->IsHealthy({"", session.interrupt->cancellation(), /*retry=*/false});
  const bool is_serving = healthy.ok() && *healthy && server->state() == pb::SERVER_STATE_READY;
  return ServerStatus{*std::move(server), is_serving};
}

// Asks until the server serves, or never will. --timeout bounds the whole wait; a server that cannot be reached yet is
// waited for as long, or for --retry when there is no --timeout. Health follows the state a moment later, so that ready
// alone is not enough.
absl::StatusOr<ServerStatus> AwaitServing(const Session& session, Client* client) {
  using Seconds = std::chrono::duration<double>;
  const double timeout_s = session.line.connection.timeout_s;
  const auto start = std::chrono::steady_clock::now();
  const auto deadline = start + Seconds(timeout_s);
  const auto reachable_by = timeout_s > 0 ? deadline : start + Seconds(session.line.connection.retry_s);
  bool drawn = false;
  while (true) {
    auto status = AskStatus(session, client);
    const bool is_unreachable = absl::IsUnavailable(status.status());
    if (is_unreachable && std::chrono::steady_clock::now() < reachable_by) {
      if (!session.interrupt->cancellation()->SleepFor(kPollInterval)) return absl::CancelledError("interrupted");
      continue;
    }
    const bool is_over = !status.ok() || status->is_final();
    if (!is_over && status->server.state() == pb::SERVER_STATE_LOADING) {
      DrawProgress(session, status->server);
      drawn = true;
    }
    if (is_over) {
      if (drawn && session.err_is_terminal) session.err << "\n";
      return status;
    }
    if (timeout_s > 0 && std::chrono::steady_clock::now() >= deadline) {
      return absl::DeadlineExceededError("still " + StateName(status->server.state()) + " when the timeout was up");
    }
    if (!session.interrupt->cancellation()->SleepFor(kPollInterval)) return absl::CancelledError("interrupted");
  }
}

}  // namespace

int RunModels(const Session& session, Client* client) {
  const Interrupt::Call call(session.interrupt);
  const auto models = client->ListModels(session.call_options());
  if (!models.ok()) return session.Report(models.status());
  for (const auto& summary : models->models()) {
    pb::GetModelRequest request;
    request.set_name(summary.name());
    if (summary.state() != pb::SERVER_STATE_READY) {
      session.out << (session.line.json ? JsonLine(summary) : summary.name() + "  " + StateName(summary.state()))
                  << "\n";
      continue;
    }
    const auto model = client->GetModel(request, session.call_options());
    if (!model.ok()) return session.Report(model.status());
    session.out << (session.line.json ? JsonLine(*model) + "\n" : ModelText(*model));
  }
  return kExitOk;
}

int RunStatus(const Session& session, Client* client) {
  const Interrupt::Call call(session.interrupt);
  const auto status = session.line.wait ? AwaitServing(session, client) : AskStatus(session, client);
  if (!status.ok()) return session.Report(status.status());
  // A server that is loading has no load yet, which is worth telling at once.
  const auto load = client->GetLoad({"", session.interrupt->cancellation(), /*retry=*/false});
  const pb::GetLoadResponse* known_load = load.ok() ? &*load : nullptr;
  if (session.line.json) {
    session.out << JsonLine({{"server", &status->server}, {"load", known_load}}) << "\n";
  } else {
    session.out << StatusText(status->server, status->is_serving, known_load);
  }
  return status->is_serving ? kExitOk : kExitUnavailable;
}

int RunExperts(const Session& session, Client* client) {
  const Interrupt::Call call(session.interrupt);
  const auto stats = client->GetExpertStats(session.call_options());
  if (!stats.ok()) return session.Report(stats.status());
  session.out << (session.line.json ? JsonLine(*stats) + "\n" : ExpertsText(*stats));
  return kExitOk;
}

}  // namespace foregate
