// `foregate top`.
#include <sys/ioctl.h>
#include <unistd.h>

#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "client/cli/commands.h"
#include "client/cli/exit_code.h"
#include "client/cli/top_frame.h"

namespace foregate {
namespace {

double SecondsNow() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// While the server loads, the first answer is waited for as every command does; later, no answer is an error at once.
absl::StatusOr<TopSnapshot> TakeSnapshot(const Session& session, Client* client, bool may_wait) {
  CallOptions call = session.call_options();
  call.retry = may_wait;
  TopSnapshot snapshot;
  auto experts = client->GetExpertStats(call);
  if (!experts.ok()) return experts.status();
  snapshot.experts = *std::move(experts);
  auto load = client->GetLoad(call);
  if (!load.ok()) return load.status();
  snapshot.load = *std::move(load);
  snapshot.taken_s = SecondsNow();
  auto server = client->GetServerInfo(call);
  if (!server.ok()) return server.status();
  snapshot.server = *std::move(server);
  const auto models = client->ListModels(call);
  if (!models.ok()) return models.status();
  if (!models->models().empty()) snapshot.model_name = models->models(0).name();
  return snapshot;
}

// The terminal's size now: it may have changed since the last frame. The last row is the cursor's.
FrameSize TerminalSize() {
  winsize size = {};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row < 2)
    return {.columns = 80, .rows = 23};
  return {.columns = size.ws_col, .rows = size.ws_row - size_t{1}};
}

// Draws over the frame before, without a flash: each line's rest and everything below are cleared behind the text. The
// cursor is hidden while that lasts only, so that however this program ends the terminal is as it was.
std::string Drawn(const std::vector<std::string>& lines, bool is_first) {
  std::string text = "\x1b[?25l\x1b[H";
  if (is_first) text += "\x1b[2J";
  for (const std::string& line : lines) text += line + "\x1b[K\n";
  return text + "\x1b[J\x1b[?25h";
}

class Frames {
 public:
  explicit Frames(const Session& session)
      : session_(session), draws_(session.out_is_terminal && !session.line.json && !session.line.once) {}

  // False when nobody reads any more.
  bool Show(const TopView& view) {
    if (session_.line.json) {
      session_.out << TopJson(view) << "\n";
    } else if (draws_) {
      session_.out << Drawn(TopFrame(view, TerminalSize()), is_first_);
    } else {
      if (!is_first_) session_.out << "\n";
      for (const std::string& line : TopFrame(view, {})) session_.out << line << "\n";
    }
    is_first_ = false;
    return static_cast<bool>(session_.out.flush());
  }

 private:
  const Session& session_;
  const bool draws_;
  bool is_first_ = true;
};

}  // namespace

int RunTop(const Session& session, Client* client) {
  const Interrupt::Call call(session.interrupt);
  const auto interval = std::chrono::milliseconds(static_cast<int64_t>(session.line.interval_s * 1000));
  Frames frames(session);
  std::optional<TopSnapshot> before;
  while (true) {
    absl::StatusOr<TopSnapshot> now = TakeSnapshot(session, client, /*may_wait=*/!before.has_value());
    // Ctrl-C is how one leaves: no word about it.
    if (session.interrupt->happened()) return kExitInterrupted;
    if (!now.ok()) return session.Report(now.status());
    // One frame alone is worth most with rates: it waits for a second answer.
    if (!session.line.once || before.has_value()) {
      if (!frames.Show(MakeTopView(before.has_value() ? &*before : nullptr, *now))) return kExitOther;
      if (session.line.once) return kExitOk;
    }
    before = *std::move(now);
    if (!session.interrupt->cancellation()->SleepFor(interval)) return kExitInterrupted;
  }
}

}  // namespace foregate
