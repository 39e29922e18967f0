// `foregate models`, `status` and `experts`.
#include <chrono>
#include <string>

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

// Asks until the server is neither loading nor unreachable within the retry budget.
absl::StatusOr<pb::GetServerInfoResponse> AwaitLoaded(const Session& session, Client* client) {
  bool drawn = false;
  while (true) {
    auto server = client->GetServerInfo(session.call_options());
    if (!server.ok()) return server;
    if (server->state() != pb::SERVER_STATE_LOADING) {
      if (drawn && session.err_is_terminal) session.err << "\n";
      return server;
    }
    DrawProgress(session, *server);
    drawn = true;
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
  const auto server = session.line.wait ? AwaitLoaded(session, client) : client->GetServerInfo(session.call_options());
  if (!server.ok()) return session.Report(server.status());
  // A server that is loading has no load yet, which is worth telling at once.
  const CallOptions once = {"", session.interrupt->cancellation(), /*retry=*/false};
  const auto healthy = client->IsHealthy(once);
  const bool serving = healthy.ok() && *healthy;
  const auto load = client->GetLoad(once);
  const pb::GetLoadResponse* known_load = load.ok() ? &*load : nullptr;
  if (session.line.json) {
    session.out << JsonLine({{"server", &*server}, {"load", known_load}}) << "\n";
  } else {
    session.out << StatusText(*server, serving, known_load);
  }
  return server->state() == pb::SERVER_STATE_READY && serving ? kExitOk : kExitUnavailable;
}

int RunExperts(const Session& session, Client* client) {
  const Interrupt::Call call(session.interrupt);
  const auto stats = client->GetExpertStats(session.call_options());
  if (!stats.ok()) return session.Report(stats.status());
  session.out << (session.line.json ? JsonLine(*stats) + "\n" : ExpertsText(*stats));
  return kExitOk;
}

}  // namespace foregate
