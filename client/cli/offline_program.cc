#include "client/cli/offline_program.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "client/cli/exit_code.h"

namespace foregate {
namespace {

constexpr const char* kProgram = "foregate-offline";

}  // namespace

int BecomeOfflineProgram(const std::string& command, const std::vector<std::string>& arguments, std::ostream& err) {
  std::vector<std::string> words = {kProgram, command};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  std::error_code ignored;
  const std::filesystem::path own = std::filesystem::read_symlink("/proc/self/exe", ignored);
  const std::string beside = (own.parent_path() / kProgram).string();
  if (!own.empty()) ::execv(beside.c_str(), argv.data());
  // One that is there and does not start is not passed over silently.
  if (own.empty() || errno == ENOENT) ::execvp(kProgram, argv.data());
  err << "foregate: " << command << " is done by " << kProgram << ", which is neither beside this program (" << beside
      << ") nor on the PATH: " << std::strerror(errno) << "\n";
  return kExitOther;
}

}  // namespace foregate
