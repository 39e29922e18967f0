// `foregate eval`.
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include "client/call_error.h"
#include "client/cli/commands.h"
#include "client/cli/exit_code.h"
#include "client/cli/part_file.h"
#include "client/evaluation/evaluation_report.h"
#include "client/evaluation/evaluation_task.h"
#include "client/evaluation/ordered_work.h"
#include "client/evaluation/reference_results.h"
#include "client/evaluation/task_asker.h"

namespace foregate {
namespace {

// Of what the server offers: more alternatives make a results file longer and the bound of KL hardly better.
constexpr int32_t kMostAlternatives = 20;
// Failures that are told one by one; all are counted, and in the file of --save.
constexpr int64_t kMostNamedFailures = 20;

// Results that one slow task may hold up.
constexpr size_t kWaitingPerThread = 8;

double SecondsNow() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

absl::StatusOr<std::unique_ptr<std::istream>> OpenFile(const std::string& path) {
  errno = 0;
  auto file = std::make_unique<std::ifstream>(path, std::ios::binary);
  if (!file->is_open()) return absl::InvalidArgumentError("cannot read " + path + ": " + std::strerror(errno));
  return file;
}

absl::StatusOr<TaskList> ReadTaskFile(const Session& session) {
  const EvaluationFlags& flags = session.line.evaluation;
  const TaskSelection selection = {flags.families, flags.limit};
  if (flags.task_file == "-") return ReadTasks(&session.in, "standard input", selection);
  const auto file = OpenFile(flags.task_file);
  if (!file.ok()) return file.status();
  return ReadTasks(file->get(), flags.task_file, selection);
}

// One evaluation, from the tasks to the exit code.
class Evaluation {
 public:
  Evaluation(const Session& session, Client* client)
      : session_(session), flags_(session.line.evaluation), client_(client) {}

  // What needs no server. The file's names are for what the user got wrong.
  absl::Status ReadFiles() {
    absl::StatusOr<TaskList> tasks = ReadTaskFile(session_);
    if (!tasks.ok()) return tasks.status();
    tasks_ = *std::move(tasks);
    if (!flags_.reference_file.empty()) {
      auto file = OpenFile(flags_.reference_file);
      if (!file.ok()) return file.status();
      auto reference = ReferenceResults::Open(*std::move(file), flags_.reference_file);
      if (!reference.ok()) return reference.status();
      reference_ = *std::move(reference);
    }
    for (const auto& [path, file] : {std::pair(&flags_.save_file, &save_), std::pair(&flags_.json_file, &json_)}) {
      if (path->empty() || *path == "-") continue;
      file->emplace(*path);
      if (!(*file)->status().ok()) return (*file)->status();
    }
    return absl::OkStatus();
  }

  // What is served, and whether it can be asked so.
  absl::Status AskServer() {
    const auto server = client_->GetServerInfo(session_.call_options());
    if (!server.ok()) return server.status();
    discovery::v1::GetModelRequest request;
    if (session_.line.model) request.set_name(*session_.line.model);
    const auto model = client_->GetModel(request, session_.call_options());
    if (!model.ok()) return model.status();
    if (!model->capabilities().chat()) return absl::FailedPreconditionError("the served model has no chat template");
    ask_ = {.model = session_.line.model, .max_tokens = flags_.max_tokens, .num_top = {}, .end_token_ids = {}};
    ask_.end_token_ids.assign(model->tokenizer().eos_token_ids().begin(), model->tokenizer().eos_token_ids().end());
    if (flags_.prompt_logprobs) {
      if (!model->capabilities().prompt_logprobs()) {
        return absl::FailedPreconditionError("the served model gives no log-probabilities of prompts");
      }
      ask_.num_top = std::min(kMostAlternatives, model->limits().max_logprobs());
    }
    report_.own = {.model = model->name(),
                   .weights_format = model->architecture().weights_format(),
                   .numeric_contract = server->numeric_contract(),
                   .server_version = server->version(),
                   .max_tokens = ask_.max_tokens,
                   .num_top = ask_.num_top};
    return absl::OkStatus();
  }

  absl::Status CheckComparable() {
    if (reference_ == nullptr) return absl::OkStatus();
    report_.reference_file = reference_->name();
    report_.reference = reference_->header();
    return reference_->CheckComparable(tasks_.tasks, report_.own);
  }

  // CANCELLED when interrupted, RESOURCE_EXHAUSTED without threads, INVALID_ARGUMENT when the reference read other
  // text.
  absl::Status Run() {
    report_.task_file = flags_.task_file;
    report_.num_tasks = static_cast<int64_t>(tasks_.tasks.size());
    report_.num_repeated = tasks_.num_repeated;
    progress_.emplace(report_.num_tasks, session_.err_is_terminal);
    if (save_) save_->Write(HeaderLine(report_.own) + "\n");
    start_s_ = SecondsNow();
    const auto num_threads = static_cast<size_t>(flags_.concurrency);
    std::vector<TaskResult> waiting(num_threads * kWaitingPerThread);
    absl::Status status = WorkInOrder(
        tasks_.tasks.size(), num_threads, waiting.size(),
        [&](size_t i) {
          waiting[i % waiting.size()] = AskTask(client_, tasks_.tasks[i], ask_, session_.call_options());
        },
        [&](size_t i) { return Take(tasks_.tasks[i], std::exchange(waiting[i % waiting.size()], {})); });
    report_.seconds = SecondsNow() - start_s_;
    session_.err << progress_->Clear() << std::flush;
    return status;
  }

  // Writes the report and what is kept. `status` is Run()'s.
  int Finish(const absl::Status& status) {
    const bool is_interrupted = absl::IsCancelled(status) && session_.interrupt->happened();
    // The reference is a file that the user named.
    if (absl::IsInvalidArgument(status)) return session_.ReportUsage(status);
    if (!status.ok() && !is_interrupted) return session_.Report(status);
    report_.is_whole = status.ok();
    if (num_failed_ > kMostNamedFailures) {
      session_.err << "foregate: " << num_failed_ << " tasks failed in all\n";
    }
    const bool only_json = flags_.json_file == "-" || session_.line.json;
    session_.out << (only_json ? EvaluationJson(report_) : EvaluationTable(report_)) << std::flush;
    absl::Status written;
    if (json_) {
      json_->Write(EvaluationJson(report_));
      written = json_->Finish();
    }
    if (is_interrupted) {
      session_.err << "foregate: interrupted";
      if (save_) session_.err << "; the results so far are in " << save_->Keep();
      session_.err << "\n";
      return kExitInterrupted;
    }
    if (save_ && written.ok()) written = save_->Finish();
    if (!written.ok()) return session_.Report(written);
    return ExitCodeOf(first_failure_);
  }

 private:
  absl::Status Take(const EvaluationTask& task, const TaskResult& result) {
    if (!result.status.ok()) {
      if (session_.interrupt->happened()) return absl::CancelledError("interrupted");
      NameFailure(task, result.status);
    }
    session_.err << progress_->Next(result.is_exact, !result.status.ok(), SecondsNow() - start_s_) << std::flush;
    if (save_) save_->Write(ResultLine(result) + "\n");
    report_.tally.Add(result);
    if (reference_ == nullptr) return absl::OkStatus();
    const absl::StatusOr<TaskResult> reference = reference_->Read(task.id);
    if (!reference.ok()) return reference.status();
    return report_.tally.AddPair(*reference, result);
  }

  void NameFailure(const EvaluationTask& task, const absl::Status& status) {
    if (num_failed_++ == 0) first_failure_ = status;
    if (num_failed_ > kMostNamedFailures) return;
    session_.err << progress_->Clear() << "foregate: the task at line " << task.line << " (" << task.family
                 << ") failed: " << DescribeError(status) << "\n";
  }

  const Session& session_;
  const EvaluationFlags& flags_;
  Client* const client_;
  TaskList tasks_;
  std::unique_ptr<ReferenceResults> reference_;
  std::optional<PartFile> save_, json_;
  AskOptions ask_;
  EvaluationReport report_;
  std::optional<EvaluationProgress> progress_;
  double start_s_ = 0;
  int64_t num_failed_ = 0;
  absl::Status first_failure_;
};

}  // namespace

int RunEval(const Session& session, Client* client) {
  Evaluation evaluation(session, client);
  if (absl::Status status = evaluation.ReadFiles(); !status.ok()) return session.ReportUsage(status);
  const Interrupt::Call call(session.interrupt);
  if (absl::Status status = evaluation.AskServer(); !status.ok()) return session.Report(status);
  if (absl::Status status = evaluation.CheckComparable(); !status.ok()) return session.ReportUsage(status);
  return evaluation.Finish(evaluation.Run());
}

}  // namespace foregate
