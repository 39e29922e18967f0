// The commands of `foregate`. Each runs to its end and returns the process's exit code.
#ifndef FOREGATE_CLIENT_CLI_COMMANDS_H_
#define FOREGATE_CLIENT_CLI_COMMANDS_H_

#include "client/cli/session.h"

namespace foregate {

// Runs the command that `session.line` names.
int RunCommand(const Session& session);

int RunGenerate(const Session& session, Client* client);
int RunChat(const Session& session, Client* client);

int RunTokenize(const Session& session, Client* client);
int RunDetokenize(const Session& session, Client* client);
int RunRender(const Session& session, Client* client);
int RunTokenizer(const Session& session, Client* client);

int RunModels(const Session& session, Client* client);
int RunStatus(const Session& session, Client* client);
int RunExperts(const Session& session, Client* client);
int RunTop(const Session& session, Client* client);
int RunEval(const Session& session, Client* client);

int RunDrain(const Session& session, AdminClient* client);
int RunAbort(const Session& session, AdminClient* client);
int RunTraceStart(const Session& session, AdminClient* client);
int RunTraceStop(const Session& session, AdminClient* client);
int RunTraceRecord(const Session& session, AdminClient* client);

}  // namespace foregate

#endif  // FOREGATE_CLIENT_CLI_COMMANDS_H_
