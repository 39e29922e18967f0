// `foregate generate` and `foregate chat`.
#include <string>
#include <utility>

#include "client/cli/answer_printer.h"
#include "client/cli/commands.h"
#include "client/cli/conversation_input.h"
#include "client/cli/exit_code.h"
#include "client/cli/text_output.h"

namespace foregate {
namespace {

namespace pb = ::foregate::inference::v1;

AnswerStyle StyleOf(const Session& session) {
  return {session.line.json, session.line.print_ids, session.out_is_terminal};
}

// Samples of a stream interleave, which only JSON can tell apart.
bool UsesStream(const CommandLine& line) { return line.stream && (line.json || line.options.num_samples() <= 1); }

int FinishAnswer(const Session& session, const absl::Status& status, AnswerPrinter* printer) {
  printer->Finish();
  if (!status.ok()) return session.Report(status);
  if (session.line.stats && !session.line.json) session.err << StatsText(printer->answer().summary());
  return kExitOk;
}

template <typename Request>
void FillPrompt(const Session& session, Request* request) {
  const CommandLine& line = session.line;
  if (line.model) request->set_model(*line.model);
  if (line.ids.empty()) {
    request->set_text(session.TextOrInput());
    if (!line.add_special_tokens) request->set_add_special_tokens(false);
  } else {
    request->mutable_token_ids()->mutable_ids()->Add(line.ids.begin(), line.ids.end());
  }
  *request->mutable_options() = line.options;
}

// A checkpoint without a tokenizer answers in ids alone.
bool AnswersInIds(const Session& session, Client* client) {
  if (session.line.ids.empty() || session.line.print_ids || session.line.json) return session.line.print_ids;
  const auto model = client->GetModel({}, session.call_options());
  return model.ok() && !model->tokenizer().present();
}

// The turn that the model just took, for the prompts to come.
void AddAnswer(const pb::Sample& answer, pb::Conversation* conversation) {
  auto* message = conversation->add_messages();
  message->set_role(pb::ROLE_ASSISTANT);
  message->set_content(answer.has_message() ? answer.message().content() : answer.text());
  if (!answer.message().reasoning_content().empty()) {
    message->set_reasoning_content(answer.message().reasoning_content());
  }
}

template <typename Request>
Request MakeChatRequest(const CommandLine& line, const pb::Conversation& conversation) {
  Request request;
  if (line.model) request.set_model(*line.model);
  *request.mutable_conversation() = conversation;
  *request.mutable_options() = line.options;
  if (line.reply_format) request.set_reply_format(*line.reply_format);
  return request;
}

absl::Status Ask(const Session& session, Client* client, const pb::Conversation& conversation, AnswerPrinter* printer) {
  const Interrupt::Call call(session.interrupt);
  if (UsesStream(session.line)) {
    return client->ChatStream(
        MakeChatRequest<pb::ChatStreamRequest>(session.line, conversation),
        [printer](const pb::ChatStreamResponse& response) { printer->Add(response); }, session.call_options());
  }
  auto response = client->Chat(MakeChatRequest<pb::ChatRequest>(session.line, conversation), session.call_options());
  if (!response.ok()) return response.status();
  printer->AddWhole(*response);
  return absl::OkStatus();
}

// Until end of input or /exit. A failed or cancelled turn is taken back, so that the conversation can go on.
int Converse(const Session& session, Client* client, const pb::Conversation& start) {
  session.err << "/reset starts over, /exit or Ctrl-D ends, Ctrl-C stops an answer.\n";
  pb::Conversation conversation = start;
  std::string text;
  while (session.out << "> " << std::flush && std::getline(session.in, text)) {
    if (text == "/exit") return kExitOk;
    if (text == "/reset") conversation = start;
    if (text.empty() || text == "/reset") continue;
    AddTextMessage(pb::ROLE_USER, text, &conversation);
    AnswerPrinter printer(StyleOf(session), &session.out);
    const absl::Status status = Ask(session, client, conversation, &printer);
    FinishAnswer(session, status, &printer);
    session.interrupt->cancellation()->Reset();
    if (status.ok() && printer.answer().samples_size() > 0) {
      AddAnswer(printer.answer().samples(0), &conversation);
    } else {
      conversation.mutable_messages()->RemoveLast();
    }
  }
  session.out << "\n";
  return kExitOk;
}

}  // namespace

int RunGenerate(const Session& session, Client* client) {
  AnswerStyle style = StyleOf(session);
  style.print_ids = AnswersInIds(session, client);
  AnswerPrinter printer(style, &session.out);
  if (UsesStream(session.line)) {
    pb::GenerateStreamRequest request;
    FillPrompt(session, &request);
    const Interrupt::Call call(session.interrupt);
    const absl::Status status = client->GenerateStream(
        request, [&printer](const pb::GenerateStreamResponse& response) { printer.Add(response); },
        session.call_options());
    return FinishAnswer(session, status, &printer);
  }
  pb::GenerateRequest request;
  FillPrompt(session, &request);
  const Interrupt::Call call(session.interrupt);
  const auto response = client->Generate(request, session.call_options());
  if (response.ok()) printer.AddWhole(*response);
  return FinishAnswer(session, response.status(), &printer);
}

int RunChat(const Session& session, Client* client) {
  const bool converses = !session.line.text && session.line.conversation_file.empty() && session.in_is_terminal;
  pb::Conversation conversation;
  const absl::Status status =
      converses ? StartConversation(session, &conversation) : ReadConversation(session, &conversation);
  if (!status.ok()) return session.ReportUsage(status);
  if (converses) return Converse(session, client, conversation);
  AnswerPrinter printer(StyleOf(session), &session.out);
  const absl::Status answered = Ask(session, client, conversation, &printer);
  return FinishAnswer(session, answered, &printer);
}

}  // namespace foregate
