#include "engine/moe/trace/route_trace_import.h"

#include <algorithm>
#include <limits>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include "engine/moe/trace/csv_lines.h"
#include "engine/moe/trace/row_requests.h"
#include "engine/moe/trace/whole_csv.h"
#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

constexpr std::string_view kChoiceMark = "# route_trace v1";
constexpr std::string_view kChoiceColumns = "turn,phase,step,layer,slot,expert,weight,residency,expert_bytes";
constexpr std::string_view kRowColumns = "step,layer,position";

bool IsNumber31(int64_t value) { return value >= 0 && value < std::numeric_limits<int32_t>::max(); }

absl::StatusOr<int32_t> LayerIndex(const TraceHeader& header, int64_t layer, const CsvLines& lines) {
  const auto found = std::lower_bound(header.layers.begin(), header.layers.end(), layer,
                                      [](const TraceHeader::Layer& a, int64_t b) { return a.layer < b; });
  if (found == header.layers.end() || found->layer != layer)
    return lines.Refuse("layer " + std::to_string(layer) + " is not among those of the header");
  return static_cast<int32_t>(found - header.layers.begin());
}

// ---- the recorder's own: step,layer,position,expert_0,..,expert_{k-1}

absl::StatusOr<TraceHeader> ScanRows(CsvLines& lines, const TraceImportOptions& options) {
  TraceHeader header;
  std::string columns(kRowColumns);
  while (columns.size() < lines.line().size() && header.top_k <= kMaxTraceTopK)
    columns += ",expert_" + std::to_string(header.top_k++);
  if (columns != lines.line()) return lines.Refuse("not the columns step,layer,position,expert_0,expert_1,...");
  std::set<int64_t> layers;
  int64_t last_expert = -1;
  std::vector<int64_t> fields;
  while (lines.Next()) {
    FOREGATE_RETURN_IF_ERROR(lines.Numbers(3 + static_cast<size_t>(header.top_k), &fields));
    if (!IsNumber31(fields[1])) return lines.Refuse("layer " + std::to_string(fields[1]));
    layers.insert(fields[1]);
    if (layers.size() > kMaxTraceLayers) return lines.Refuse("too many layers");
    for (const int64_t expert : std::span(fields).subspan(3)) {
      if (expert < 0 || expert >= kMaxTraceExperts) return lines.Refuse("expert " + std::to_string(expert));
      last_expert = std::max(last_expert, expert);
    }
  }
  header.num_experts = options.num_experts > 0 ? options.num_experts : static_cast<int32_t>(last_expert + 1);
  for (const int64_t layer : layers) header.layers.push_back({static_cast<int32_t>(layer), options.expert_bytes});
  return header;
}

absl::Status CopyRows(CsvLines& lines, const TraceHeader& header, TraceWriter& writer) {
  RowRequests requests;
  TraceVisit visit;
  std::vector<int32_t> positions;
  const auto flush = [&] {
    if (positions.empty()) return absl::OkStatus();
    visit.rows = requests.Resolve(visit.step, positions);
    const absl::Status written = writer.Write(visit);
    positions.clear();
    visit.experts.clear();
    return written;
  };
  std::vector<int64_t> fields;
  while (lines.Next()) {
    FOREGATE_RETURN_IF_ERROR(lines.Numbers(3 + static_cast<size_t>(header.top_k), &fields));
    FOREGATE_ASSIGN_OR_RETURN(const int32_t layer_index, LayerIndex(header, fields[1], lines));
    if (fields[0] < 0 || !IsNumber31(fields[2])) return lines.Refuse("a step or position out of range");
    const auto step = static_cast<uint64_t>(fields[0]);
    if (!positions.empty() && (step != visit.step || layer_index != visit.layer_index)) {
      FOREGATE_RETURN_IF_ERROR(lines.AtLast(flush()));
    }
    if (positions.size() >= kMaxTraceRows) return lines.Refuse("too many rows of one step and layer");
    visit.step = step;
    visit.layer_index = layer_index;
    positions.push_back(static_cast<int32_t>(fields[2]));
    for (const int64_t expert : std::span(fields).subspan(3)) visit.experts.push_back(static_cast<int32_t>(expert));
  }
  return lines.AtLast(flush());
}

// ---- "route_trace v1": comments, then a line per choice

// The number behind `key=` in a comment, or -1.
int64_t CommentNumber(const std::string& line, const std::string& key) {
  const size_t found = line.find(" " + key + "=");
  if (found == std::string::npos) return -1;
  const size_t begin = found + key.size() + 2;
  int64_t number = -1;
  return CsvLines::Parse(std::string_view(line).substr(begin, line.find(' ', begin) - begin), &number) ? number : -1;
}

absl::StatusOr<TraceHeader> ScanChoices(CsvLines& lines) {
  TraceHeader header;
  header.has_weights = true;
  while (lines.Next() && lines.line().starts_with('#')) {
    const std::string& line = lines.line();
    if (const int64_t layer = CommentNumber(line, "layer"); layer >= 0) {
      const int64_t expert_bytes = CommentNumber(line, "expert_bytes");
      if (!IsNumber31(layer) || expert_bytes < 0) return lines.Refuse("not layer=L expert_bytes=B");
      if (header.layers.size() >= kMaxTraceLayers) return lines.Refuse("too many layers");
      // Layers without experts are listed as well.
      if (expert_bytes > 0) header.layers.push_back({static_cast<int32_t>(layer), static_cast<uint64_t>(expert_bytes)});
    } else if (const int64_t num_experts = CommentNumber(line, "n_expert"); num_experts >= 0) {
      const int64_t top_k = CommentNumber(line, "n_expert_used");
      if (!IsNumber31(num_experts) || !IsNumber31(top_k)) return lines.Refuse("not n_expert=E n_expert_used=K");
      header.num_experts = static_cast<int32_t>(num_experts);
      header.top_k = static_cast<int32_t>(top_k);
      // What follows the '#', without the directory of the machine it ran on.
      const size_t name = line.find_last_of('/') == std::string::npos ? 1 : line.find_last_of('/');
      header.source = line.substr(name + 1, kMaxTraceSourceBytes);
    }
  }
  if (lines.line() != kChoiceColumns) return lines.Refuse("not the columns " + std::string(kChoiceColumns));
  return header;
}

// One line: a choice of one row.
struct Choice {
  int64_t turn, phase, position, slot;
  int32_t layer_index;
};

// The lines of one visit follow each other; a step ends where the layers begin anew.
class ChoiceVisits {
 public:
  ChoiceVisits(const CsvLines& lines, const TraceHeader& header, TraceWriter& writer)
      : lines_(lines), header_(header), writer_(writer) {}

  // Errors name the line: the one that `choice` stands in, or the last one of the visit that it ends.
  absl::Status Add(const Choice& choice, int32_t expert, float weight) {
    const bool continues_row = has_choice_ && choice.slot == last_.slot + 1 && SameVisit(choice) &&
                               choice.position == last_.position && choice.slot < header_.top_k;
    if (!continues_row) {
      if (choice.slot != 0 || (has_choice_ && last_.slot + 1 != header_.top_k))
        return lines_.Refuse("a row does not have " + std::to_string(header_.top_k) + " slots");
      if (has_choice_ && !SameVisit(choice)) FOREGATE_RETURN_IF_ERROR(lines_.AtLast(EndVisit()));
      if (has_choice_ && IsNextStep(choice)) ++visit_.step;
      if (visit_.rows.size() >= kMaxTraceRows) return lines_.Refuse("too many rows of one visit");
      visit_.layer_index = choice.layer_index;
      visit_.rows.push_back({static_cast<uint64_t>(choice.turn), static_cast<int32_t>(choice.position),
                             choice.phase == 0 ? TracePhase::kPrefill : TracePhase::kDecode});
    }
    visit_.experts.push_back(expert);
    visit_.weights.push_back(weight);
    last_ = choice;
    has_choice_ = true;
    return absl::OkStatus();
  }
  absl::Status Finish() {
    if (has_choice_ && last_.slot + 1 != header_.top_k)
      return lines_.AtLast(absl::InvalidArgumentError("the last row is cut"));
    return visit_.rows.empty() ? absl::OkStatus() : lines_.AtLast(EndVisit());
  }

 private:
  bool SameVisit(const Choice& choice) const {
    return choice.turn == last_.turn && choice.phase == last_.phase && choice.layer_index == last_.layer_index &&
           (choice.phase == 0 || choice.position == last_.position);
  }
  bool IsNextStep(const Choice& choice) const {
    return !SameVisit(choice) &&
           (choice.turn != last_.turn || choice.phase != last_.phase || choice.layer_index <= last_.layer_index);
  }
  absl::Status EndVisit() {
    FOREGATE_RETURN_IF_ERROR(writer_.Write(visit_));
    visit_.rows.clear();
    visit_.experts.clear();
    visit_.weights.clear();
    return absl::OkStatus();
  }

  const CsvLines& lines_;
  const TraceHeader& header_;
  TraceWriter& writer_;
  TraceVisit visit_;
  Choice last_ = {};
  bool has_choice_ = false;
};

absl::Status CopyChoices(CsvLines& lines, const TraceHeader& header, TraceWriter& writer) {
  while (lines.Next() && lines.line().starts_with('#')) {
  }
  ChoiceVisits visits(lines, header, writer);
  std::vector<int64_t> fields;
  while (lines.Next()) {
    float weight = 0;
    FOREGATE_RETURN_IF_ERROR(lines.Numbers(9, &fields, 6, &weight));
    for (const size_t field : {0, 1, 2, 3, 4, 5})
      if (!IsNumber31(fields[field])) return lines.Refuse("field " + std::to_string(field + 1) + " out of range");
    FOREGATE_ASSIGN_OR_RETURN(const int32_t layer_index, LayerIndex(header, fields[3], lines));
    FOREGATE_RETURN_IF_ERROR(visits.Add(
        {.turn = fields[0], .phase = fields[1], .position = fields[2], .slot = fields[4], .layer_index = layer_index},
        static_cast<int32_t>(fields[5]), weight));
  }
  return visits.Finish();
}

}  // namespace

absl::StatusOr<uint64_t> ImportRouteCsv(std::istream& csv, const std::string& name, const TraceImportOptions& options,
                                        TraceWriter::Sink sink) {
  CsvLines lines(csv, name);
  if (!lines.Next()) return absl::InvalidArgumentError(name + ": empty");
  const bool has_choices = lines.line() == kChoiceMark;
  const bool is_whole = lines.line() == kWholeCsvMark;
  if (!has_choices && !is_whole && !lines.line().starts_with(kRowColumns))
    return lines.Refuse("neither \"" + std::string(kChoiceMark) + "\" nor \"" + std::string(kWholeCsvMark) +
                        "\" nor columns " + std::string(kRowColumns) + ",...");
  FOREGATE_ASSIGN_OR_RETURN(TraceHeader header, is_whole      ? ScanWholeCsv(lines)
                                                : has_choices ? ScanChoices(lines)
                                                              : ScanRows(lines, options));
  if (header.source.empty()) header.source = name.substr(0, kMaxTraceSourceBytes);
  FOREGATE_RETURN_IF_ERROR(CheckTraceHeader(header, name));
  FOREGATE_ASSIGN_OR_RETURN(TraceWriter writer, TraceWriter::Create(header, std::move(sink)));
  lines.Rewind();
  lines.Next();
  FOREGATE_RETURN_IF_ERROR(is_whole      ? CopyWholeCsv(lines, header, writer)
                           : has_choices ? CopyChoices(lines, header, writer)
                                         : CopyRows(lines, header, writer));
  FOREGATE_RETURN_IF_ERROR(writer.Finish());
  return writer.num_visits();
}

}  // namespace foregate
