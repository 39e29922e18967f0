// `foregate tokenize`, `detokenize`, `render` and `tokenizer`.
#include <charconv>
#include <string>
#include <vector>

#include "client/cli/commands.h"
#include "client/cli/conversation_input.h"
#include "client/cli/exit_code.h"
#include "client/cli/json_output.h"
#include "client/cli/text_output.h"
#include "client/cli/tokenizer_files.h"

namespace foregate {
namespace {

namespace pb = ::foregate::inference::v1;

// Ids separated by blanks, commas or newlines, as `foregate tokenize` prints them.
absl::StatusOr<std::vector<int32_t>> ParseIds(const std::string& text) {
  std::vector<int32_t> ids;
  const char* at = text.data();
  const char* const end = at + text.size();
  while (at != end) {
    if (*at == ' ' || *at == ',' || *at == '\n' || *at == '\t' || *at == '\r') {
      ++at;
      continue;
    }
    int32_t id = 0;
    const auto [rest, error] = std::from_chars(at, end, id);
    if (error != std::errc()) {
      return absl::InvalidArgumentError("token ids: not a number at \"" + std::string(at, std::min(end, at + 16)) +
                                        "\"");
    }
    ids.push_back(id);
    at = rest;
  }
  if (ids.empty()) return absl::InvalidArgumentError("token ids: none given");
  return ids;
}

std::string Shown(const Session& session, const std::string& text) {
  return session.out_is_terminal ? SafeForTerminal(text) : text;
}

void PrintIds(const google::protobuf::RepeatedField<int32_t>& ids, std::ostream* out) {
  for (int i = 0; i < ids.size(); ++i) *out << (i == 0 ? "" : ",") << ids.Get(i);
  *out << "\n";
}

}  // namespace

int RunTokenize(const Session& session, Client* client) {
  pb::TokenizeRequest request;
  if (session.line.model) request.set_model(*session.line.model);
  request.set_text(session.TextOrInput());
  if (!session.line.add_special_tokens) request.set_add_special_tokens(false);
  const Interrupt::Call call(session.interrupt);
  const auto response = client->Tokenize(request, session.call_options());
  if (!response.ok()) return session.Report(response.status());
  if (session.line.json) {
    session.out << JsonLine(*response) << "\n";
  } else {
    PrintIds(response->token_ids(), &session.out);
  }
  return kExitOk;
}

int RunDetokenize(const Session& session, Client* client) {
  pb::DetokenizeRequest request;
  if (session.line.model) request.set_model(*session.line.model);
  std::vector<int32_t> ids = session.line.ids;
  if (ids.empty()) {
    const auto parsed = ParseIds(session.TextOrInput());
    if (!parsed.ok()) return session.ReportUsage(parsed.status());
    ids = *parsed;
  }
  request.mutable_token_ids()->Add(ids.begin(), ids.end());
  if (session.line.skip_special_tokens) request.set_skip_special_tokens(true);
  const Interrupt::Call call(session.interrupt);
  const auto response = client->Detokenize(request, session.call_options());
  if (!response.ok()) return session.Report(response.status());
  session.out << (session.line.json ? JsonLine(*response) : Shown(session, response->text())) << "\n";
  return kExitOk;
}

int RunRender(const Session& session, Client* client) {
  pb::RenderChatRequest request;
  if (session.line.model) request.set_model(*session.line.model);
  const absl::Status read = ReadConversation(session, request.mutable_conversation());
  if (!read.ok()) return session.ReportUsage(read);
  const Interrupt::Call call(session.interrupt);
  const auto response = client->RenderChat(request, session.call_options());
  if (!response.ok()) return session.Report(response.status());
  if (session.line.json) {
    session.out << JsonLine(*response) << "\n";
  } else {
    session.out << Shown(session, response->text());
    if (session.out_is_terminal) session.out << "\n";
  }
  return kExitOk;
}

int RunTokenizer(const Session& session, Client* client) {
  discovery::v1::GetTokenizerRequest request;
  if (session.line.model) request.set_name(*session.line.model);
  TokenizerFiles files(session.line.output_directory);
  const Interrupt::Call call(session.interrupt);
  absl::Status status = client->GetTokenizer(
      request, [&files](const discovery::v1::GetTokenizerResponse& response) { files.Add(response); },
      session.call_options());
  if (status.ok()) status = files.Finish();
  if (!status.ok()) return session.Report(status);
  if (session.line.json) {
    session.out << JsonLine(files.manifest()) << "\n";
    return kExitOk;
  }
  // As sha256sum prints them, so that its --check understands the list.
  for (const auto& file : files.manifest().files()) {
    session.out << file.sha256() << "  " << Shown(session, file.name()) << "\n";
  }
  return kExitOk;
}

}  // namespace foregate
