// Commands of `foregate` that need no server live in another program, foregate-offline, which links the engine.
#ifndef FOREGATE_CLIENT_CLI_OFFLINE_PROGRAM_H_
#define FOREGATE_CLIENT_CLI_OFFLINE_PROGRAM_H_

#include <ostream>
#include <string>
#include <vector>

namespace foregate {

// Becomes `foregate-offline COMMAND ARGUMENTS`: the one beside this program, else the first on the PATH. Returns only
// when there is none or it does not start: says so and gives the exit code.
int BecomeOfflineProgram(const std::string& command, const std::vector<std::string>& arguments, std::ostream& err);

}  // namespace foregate

#endif  // FOREGATE_CLIENT_CLI_OFFLINE_PROGRAM_H_
