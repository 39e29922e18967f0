#include "client/cli/commands.h"

namespace foregate {
namespace {

int RunData(const Session& session, int (*command)(const Session&, Client*)) {
  const auto client = session.Connect();
  if (!client.ok()) return session.ReportUsage(client.status());
  return command(session, client->get());
}

int RunAdmin(const Session& session, int (*command)(const Session&, AdminClient*)) {
  const auto client = session.ConnectAdmin();
  if (!client.ok()) return session.ReportUsage(client.status());
  return command(session, client->get());
}

}  // namespace

int RunCommand(const Session& session) {
  switch (session.line.command) {
    case Command::kChat:
      return RunData(session, RunChat);
    case Command::kGenerate:
      return RunData(session, RunGenerate);
    case Command::kTokenize:
      return RunData(session, RunTokenize);
    case Command::kDetokenize:
      return RunData(session, RunDetokenize);
    case Command::kRender:
      return RunData(session, RunRender);
    case Command::kTokenizer:
      return RunData(session, RunTokenizer);
    case Command::kModels:
      return RunData(session, RunModels);
    case Command::kStatus:
      return RunData(session, RunStatus);
    case Command::kExperts:
      return RunData(session, RunExperts);
    case Command::kTop:
      return RunData(session, RunTop);
    case Command::kEval:
      return RunData(session, RunEval);
    case Command::kDrain:
      return RunAdmin(session, RunDrain);
    case Command::kAbort:
      return RunAdmin(session, RunAbort);
    case Command::kTraceStart:
      return RunAdmin(session, RunTraceStart);
    case Command::kTraceStop:
      return RunAdmin(session, RunTraceStop);
    case Command::kTraceRecord:
      return RunAdmin(session, RunTraceRecord);
    case Command::kTraceOffline:
    case Command::kPack:
    case Command::kPlan:
      break;  // another program, which main becomes
  }
  return 1;
}

}  // namespace foregate
