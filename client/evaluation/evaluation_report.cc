#include "client/evaluation/evaluation_report.h"

#include <algorithm>
#include <cstdio>
#include <utility>
#include <vector>

#include "client/evaluation/json_fields.h"
#include "client/evaluation/score_statistics.h"
#include "client/number_text.h"

namespace foregate {
namespace {

constexpr double kRedrawSeconds = 0.1;

std::string Percent(double share) { return Fixed(100 * share, 1); }

std::string PercentOr(const std::optional<double>& share) { return share ? Percent(*share) : "-"; }

std::string Points(double change) { return (change > 0 ? "+" : "") + Percent(change); }

std::string NumberOr(const std::optional<double>& value, int decimals) { return value ? Fixed(*value, decimals) : "-"; }

// Divergences are of any size.
std::string SmallNumberOr(const std::optional<double>& value) {
  if (!value) return "-";
  char text[32];
  std::snprintf(text, sizeof(text), "%.3g", *value);
  return text;
}

// Cells of lines under a heading; the first column is left-aligned, the others right, each as wide as it must be.
class Table {
 public:
  explicit Table(std::vector<std::string> heading) { Add(std::move(heading)); }

  void Add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }

  std::string Text() const {
    std::vector<size_t> widths(rows_[0].size(), 0);
    for (const auto& row : rows_) {
      for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
    }
    std::string text;
    for (const auto& row : rows_) {
      std::string line = PaddedAfter(row[0], widths[0]);
      for (size_t i = 1; i < row.size(); ++i) line += "  " + Padded(row[i], widths[i]);
      text += line + "\n";
    }
    return text;
  }

 private:
  std::vector<std::vector<std::string>> rows_;
};

std::string Describe(const ResultsHeader& header) {
  return header.model + " (" + header.weights_format + ") on foregated " + header.server_version + ", " +
         header.numeric_contract;
}

void AddScores(const FamilyScore& score, const std::string& name, bool has_tokens, Table* table) {
  const Interval interval = WilsonInterval(score.num_exact, score.num_answered);
  std::vector<std::string> cells = {
      name, std::to_string(score.num_answered), std::to_string(score.num_failed), PercentOr(score.accuracy()),
      score.num_answered == 0 ? "-" : Percent(interval.low) + " to " + Percent(interval.high)};
  if (has_tokens) {
    cells.push_back(NumberOr(score.answer_tokens.perplexity(), 4));
    cells.push_back(NumberOr(score.all_tokens.perplexity(), 4));
  }
  table->Add(std::move(cells));
}

std::string ScoreTable(const EvaluationReport& report) {
  const bool has_tokens = report.own.num_top.has_value();
  std::vector<std::string> heading = {"family", "n", "failed", "exact %", "95 % interval"};
  if (has_tokens) {
    heading.insert(heading.end(), {"perplexity: answer", "all"});
  }
  Table table(std::move(heading));
  for (const FamilyScore& family : report.tally.families()) AddScores(family, family.name, has_tokens, &table);
  AddScores(report.tally.overall(), "all tasks", has_tokens, &table);
  table.Add({"mean of families", "", "", PercentOr(report.tally.mean_family_accuracy())});
  return table.Text();
}

void AddPairs(const FamilyScore& score, const std::string& name, Table* table) {
  const int64_t num_pairs = score.pairs.total();
  if (num_pairs == 0) {
    table->Add({name, "0", "-", "-", "-"});
    return;
  }
  const Interval interval = PairedChangeInterval(score.pairs);
  table->Add({name, std::to_string(num_pairs),
              Percent(static_cast<double>(score.num_same_reply) / static_cast<double>(num_pairs)),
              Points(PairedChange(score.pairs)), Points(interval.low) + " to " + Points(interval.high)});
}

std::string PairTable(const std::vector<FamilyScore>& families, const FamilyScore& overall) {
  Table table({"family", "pairs", "same reply %", "change of exact", "95 % interval"});
  for (const FamilyScore& family : families) AddPairs(family, family.name, &table);
  AddPairs(overall, "all tasks", &table);
  std::string text = table.Text();
  if (overall.num_unpaired > 0) {
    text += std::to_string(overall.num_unpaired) + " tasks failed here or in the reference and are in no pair\n";
  }
  return text + "change of exact: percentage points, paired by task; interval by Newcombe's score method for pairs\n";
}

void AddTexts(const FamilyScore& score, const std::string& name, Table* table) {
  std::vector<std::string> cells = {name};
  for (const TextComparison* text : {&score.answer_comparison, &score.all_comparison}) {
    cells.push_back(NumberOr(text->perplexity_ratio(), 4));
    cells.push_back(SmallNumberOr(text->mean_divergence()));
    cells.push_back(PercentOr(text->same_top_share()));
  }
  table->Add(std::move(cells));
}

std::string TextTable(const std::vector<FamilyScore>& families, const FamilyScore& overall) {
  Table table({"family", "answer: perplexity x", "KL at least", "same top %", "all: perplexity x", "KL at least",
               "same top %"});
  for (const FamilyScore& family : families) AddTexts(family, family.name, &table);
  AddTexts(overall, "all tasks", &table);
  return table.Text() +
         "perplexity x: this over the reference, same top: the likeliest token is the same\n"
         "KL at least: a lower bound of KL(reference || this) in nats per token; tokens that not both list among "
         "their\n"
         "likeliest count as one\n";
}

OrderedJson OrNull(const std::optional<double>& value) { return value ? OrderedJson(*value) : OrderedJson(nullptr); }

OrderedJson IntervalJson(const Interval& interval) { return OrderedJson::array({interval.low, interval.high}); }

OrderedJson RunJson(const ResultsHeader& header) {
  return {{"model", header.model},
          {"weights", header.weights_format},
          {"numeric_contract", header.numeric_contract},
          {"server", header.server_version},
          {"max_tokens", header.max_tokens},
          {"num_top", header.num_top ? OrderedJson(*header.num_top) : OrderedJson(nullptr)}};
}

OrderedJson TextJson(const TextComparison& text) {
  return {{"tokens", text.num_tokens},
          {"perplexity_ratio", OrNull(text.perplexity_ratio())},
          {"kl_bound", OrNull(text.mean_divergence())},
          {"same_top", OrNull(text.same_top_share())}};
}

void AddScoreJson(const FamilyScore& score, bool is_compared, OrderedJson* json) {
  (*json)["answered"] = score.num_answered;
  (*json)["exact"] = score.num_exact;
  (*json)["failed"] = score.num_failed;
  (*json)["accuracy"] = OrNull(score.accuracy());
  (*json)["interval"] = IntervalJson(WilsonInterval(score.num_exact, score.num_answered));
  (*json)["perplexity"] = {{"answer", OrNull(score.answer_tokens.perplexity())},
                           {"all", OrNull(score.all_tokens.perplexity())}};
  if (!is_compared) return;
  (*json)["against"] = {{"pairs", score.pairs.total()},
                        {"unpaired", score.num_unpaired},
                        {"same_reply", score.num_same_reply},
                        {"both", score.pairs.both},
                        {"only_reference", score.pairs.only_reference},
                        {"only_this", score.pairs.only_this},
                        {"neither", score.pairs.neither},
                        {"change", PairedChange(score.pairs)},
                        {"interval", IntervalJson(PairedChangeInterval(score.pairs))},
                        {"answer", TextJson(score.answer_comparison)},
                        {"all", TextJson(score.all_comparison)}};
}

}  // namespace

std::string EvaluationTable(const EvaluationReport& report) {
  std::string text = Describe(report.own) + "\n" + report.task_file + ": " + std::to_string(report.num_tasks) +
                     " tasks, greedy, replies of at most " + std::to_string(report.own.max_tokens) + " tokens, in " +
                     Fixed(report.seconds, 1) + " s\n";
  if (report.num_repeated > 0) {
    text += std::to_string(report.num_repeated) + " repeated tasks were left out: their replies would be the same\n";
  }
  if (!report.is_whole) text += "INTERRUPTED: of what had been answered\n";
  text += "\n" + ScoreTable(report);
  if (!report.reference) return text;
  const FamilyScore overall = report.tally.overall();
  text += "\nagainst " + report.reference_file + ": " + Describe(*report.reference) + "\n\n";
  text += PairTable(report.tally.families(), overall);
  if (report.own.num_top) text += "\n" + TextTable(report.tally.families(), overall);
  return text;
}

std::string EvaluationJson(const EvaluationReport& report) {
  const bool is_compared = report.reference.has_value();
  OrderedJson families = OrderedJson::array();
  for (const FamilyScore& family : report.tally.families()) {
    OrderedJson json = {{"family", family.name}};
    AddScoreJson(family, is_compared, &json);
    families.push_back(std::move(json));
  }
  const FamilyScore overall = report.tally.overall();
  OrderedJson all = OrderedJson::object();
  AddScoreJson(overall, is_compared, &all);
  OrderedJson against = nullptr;
  if (is_compared) against = {{"file", report.reference_file}, {"run", RunJson(*report.reference)}};
  const OrderedJson json = {{"tasks",
                             {{"file", report.task_file},
                              {"count", report.num_tasks},
                              {"repeated", report.num_repeated},
                              {"failed", overall.num_failed},
                              {"complete", report.is_whole}}},
                            {"seconds", report.seconds},
                            {"run", RunJson(report.own)},
                            {"families", std::move(families)},
                            {"all", std::move(all)},
                            {"mean_family_accuracy", OrNull(report.tally.mean_family_accuracy())},
                            {"against", std::move(against)}};
  return JsonText(json) + "\n";
}

std::string EvaluationProgress::Line(double seconds) const {
  const int64_t num_answered = num_done_ - num_failed_;
  std::string line = std::to_string(num_done_) + " of " + std::to_string(num_tasks_) + " tasks";
  if (num_answered > 0) {
    line += ", " + Percent(static_cast<double>(num_exact_) / static_cast<double>(num_answered)) + " % exact";
  }
  if (num_failed_ > 0) line += ", " + std::to_string(num_failed_) + " failed";
  if (seconds > 0) line += ", " + Fixed(static_cast<double>(num_done_) / seconds, 1) + " tasks/s";
  return line;
}

std::string EvaluationProgress::Next(bool is_exact, bool has_failed, double seconds) {
  const int64_t tenth_before = 10 * num_done_ / num_tasks_;
  ++num_done_;
  if (has_failed) {
    ++num_failed_;
  } else if (is_exact) {
    ++num_exact_;
  }
  if (draws_) {
    if (drawn_at_ >= 0 && seconds < drawn_at_ + kRedrawSeconds && num_done_ < num_tasks_) return {};
    drawn_at_ = seconds;
    return "\r" + Line(seconds) + "\x1b[K";
  }
  return 10 * num_done_ / num_tasks_ == tenth_before ? std::string() : Line(seconds) + "\n";
}

std::string EvaluationProgress::Clear() {
  if (drawn_at_ < 0) return {};
  drawn_at_ = -1;
  return "\r\x1b[K";
}

}  // namespace foregate
