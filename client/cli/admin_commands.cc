// `foregate drain`, `abort` and `trace`, on the admin listener.
#include <chrono>
#include <optional>
#include <string>

#include "client/cli/commands.h"
#include "client/cli/exit_code.h"
#include "client/cli/json_output.h"
#include "client/cli/part_file.h"

namespace foregate {

int RunDrain(const Session& session, AdminClient* client) {
  std::optional<std::chrono::milliseconds> timeout;
  if (session.line.drain_timeout_s) {
    timeout = std::chrono::milliseconds(static_cast<int64_t>(*session.line.drain_timeout_s * 1000));
  }
  const Interrupt::Call call(session.interrupt);
  const absl::Status status = client->Drain(
      timeout,
      [&session](const admin::v1::DrainResponse& progress) {
        if (session.line.json) {
          session.out << JsonLine(progress) << "\n" << std::flush;
        } else if (progress.done()) {
          session.out << "drained; " << progress.cancelled_requests() << " requests were cancelled\n";
        } else {
          session.out << "draining: " << progress.running_requests() << " running, " << progress.waiting_requests()
                      << " waiting\n"
                      << std::flush;
        }
      },
      session.call_options());
  return session.Report(status);
}

int RunAbort(const Session& session, AdminClient* client) {
  const Interrupt::Call call(session.interrupt);
  // Not call_options(): its id names the request to abort, not this call.
  return session.Report(
      client->Abort(session.line.request_id, {"", session.interrupt->cancellation(), /*retry=*/true}));
}

int RunTraceStart(const Session& session, AdminClient* client) {
  const Interrupt::Call call(session.interrupt);
  return session.Report(
      client->StartRouteTrace(session.line.max_bytes, admin::v1::ROUTE_TRACE_FORMAT_CSV, session.call_options()));
}

namespace {

// Without a file on standard output.
int FetchTrace(const Session& session, AdminClient* client, PartFile* file) {
  const auto write = [&](const std::string& bytes) {
    if (file != nullptr) {
      file->Write(bytes);
    } else {
      session.out << bytes;
    }
  };
  const auto truncated = client->StopRouteTrace(write, session.call_options());
  if (!truncated.ok()) {
    // It cannot be fetched again, and a torn trace is worth what it holds.
    if (file != nullptr && file->num_bytes() > 0)
      session.err << "foregate: what arrived of the trace is in " << file->Keep() << "\n";
    return session.Report(truncated.status());
  }
  if (*truncated) session.err << "foregate: the trace was cut at its size limit\n";
  if (file != nullptr) return session.Report(file->Finish());
  if (session.out.flush()) return kExitOk;
  session.err << "foregate: the trace could not be written completely\n";
  return kExitOther;
}

}  // namespace

int RunTraceStop(const Session& session, AdminClient* client) {
  std::optional<PartFile> file;
  if (!session.line.output_file.empty()) {
    file.emplace(session.line.output_file);
    // Before the call: the trace can be fetched only once.
    if (!file->status().ok()) return session.ReportUsage(file->status());
  } else if (session.out_is_terminal) {
    return session.ReportUsage(absl::InvalidArgumentError(
        "a trace may be binary, which is nothing for a terminal, and can be fetched only once: want -o FILE"));
  }
  const Interrupt::Call call(session.interrupt);
  return FetchTrace(session, client, file.has_value() ? &*file : nullptr);
}

int RunTraceRecord(const Session& session, AdminClient* client) {
  PartFile file(session.line.output_file);
  if (!file.status().ok()) return session.ReportUsage(file.status());
  const Interrupt::Call call(session.interrupt);
  const absl::Status started =
      client->StartRouteTrace(session.line.max_bytes, admin::v1::ROUTE_TRACE_FORMAT_COMPACT, session.call_options());
  if (!started.ok()) return session.Report(started);
  if (session.err_is_terminal) session.err << "recording; Ctrl-C ends it\n" << std::flush;
  const double seconds = session.line.record_seconds.value_or(1e8);
  session.interrupt->cancellation()->SleepFor(std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000)));
  // The interrupt meant the wait, not the call that fetches the trace; a second one means that.
  session.interrupt->cancellation()->Reset();
  const int code = FetchTrace(session, client, &file);
  if (code == kExitOk) session.out << session.line.output_file << ": " << file.num_bytes() << " bytes\n";
  return code;
}

}  // namespace foregate
