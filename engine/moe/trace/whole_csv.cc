#include "engine/moe/trace/whole_csv.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "engine/moe/trace/csv_field.h"
#include "kernels/base/status_macros.h"

namespace foregate {
namespace {

constexpr std::string_view kShape = "# experts=";
constexpr std::string_view kLayer = "# layer=";
constexpr std::string_view kSource = "# source=";
constexpr size_t kRowFields = 5;  // before the experts

std::string Columns(const TraceHeader& header) {
  std::string columns = "step,layer,request,phase,position";
  for (int32_t slot = 0; slot < header.top_k; ++slot) columns += ",expert_" + std::to_string(slot);
  for (int32_t slot = 0; header.has_weights && slot < header.top_k; ++slot)
    columns += ",weight_" + std::to_string(slot);
  return columns;
}

size_t NumFields(const TraceHeader& header) {
  return kRowFields + static_cast<size_t>(header.top_k) * (header.has_weights ? 2 : 1);
}

std::string HeaderText(const TraceHeader& header) {
  std::string text(kWholeCsvMark);
  text += "\n" + std::string(kShape) + std::to_string(header.num_experts) + " top_k=" + std::to_string(header.top_k) +
          " weights=" + (header.has_weights ? "1" : "0") + "\n";
  for (const TraceHeader::Layer& layer : header.layers)
    text += std::string(kLayer) + std::to_string(layer.layer) + " expert_bytes=" + std::to_string(layer.expert_bytes) +
            "\n";
  std::string source = header.source;
  std::replace_if(
      source.begin(), source.end(), [](char c) { return static_cast<unsigned char>(c) < 0x20; }, ' ');
  return text + std::string(kSource) + source + "\n" + Columns(header) + "\n";
}

void AppendVisit(const TraceHeader& header, const TraceVisit& visit, std::string* text) {
  const auto top_k = static_cast<size_t>(header.top_k);
  for (size_t row = 0; row < visit.rows.size(); ++row) {
    AppendCsvField(visit.step, text);
    AppendCsvField(header.layers[static_cast<size_t>(visit.layer_index)].layer, text);
    AppendCsvField(visit.rows[row].request, text);
    AppendCsvField(visit.rows[row].phase == TracePhase::kDecode ? 1 : 0, text);
    AppendCsvField(visit.rows[row].position, text);
    for (size_t i = row * top_k; i < (row + 1) * top_k; ++i) AppendCsvField(visit.experts[i], text);
    for (size_t i = row * top_k; header.has_weights && i < (row + 1) * top_k; ++i)
      AppendCsvField(visit.weights[i], text);
    text->back() = '\n';
  }
}

// "KEY=NUMBER REST": takes it from the front of `text`.
template <typename Number>
bool TakeNumber(std::string_view key, std::string_view* text, Number* number) {
  if (!text->starts_with(key)) return false;
  text->remove_prefix(key.size());
  const size_t end = std::min(text->find(' '), text->size());
  const bool is_number = CsvLines::Parse(text->substr(0, end), number);
  text->remove_prefix(std::min(end + 1, text->size()));
  return is_number;
}

}  // namespace

absl::StatusOr<uint64_t> ExportRouteCsv(TraceReader& reader,
                                        const std::function<absl::Status(std::string_view)>& sink) {
  constexpr size_t kSinkBytes = 64 << 10;
  std::string text = HeaderText(reader.header());
  TraceVisit visit;
  while (true) {
    FOREGATE_ASSIGN_OR_RETURN(const bool has_visit, reader.Next(&visit));
    if (!has_visit) break;
    AppendVisit(reader.header(), visit, &text);
    if (text.size() < kSinkBytes) continue;
    FOREGATE_RETURN_IF_ERROR(sink(text));
    text.clear();
  }
  FOREGATE_RETURN_IF_ERROR(sink(text));
  return reader.num_visits();
}

absl::StatusOr<TraceHeader> ScanWholeCsv(CsvLines& lines) {
  TraceHeader header;
  while (lines.Next() && lines.line().starts_with('#')) {
    std::string_view line = lines.line();
    if (line.starts_with(kSource)) {
      header.source = line.substr(kSource.size(), kMaxTraceSourceBytes);
    } else if (line.starts_with(kLayer)) {
      TraceHeader::Layer layer;
      if (!TakeNumber(kLayer, &line, &layer.layer) || !TakeNumber("expert_bytes=", &line, &layer.expert_bytes))
        return lines.Refuse("not \"# layer=L expert_bytes=B\"");
      if (header.layers.size() >= kMaxTraceLayers) return lines.Refuse("too many layers");
      header.layers.push_back(layer);
    } else {
      int weights = 0;
      if (!TakeNumber(kShape, &line, &header.num_experts) || !TakeNumber("top_k=", &line, &header.top_k) ||
          !TakeNumber("weights=", &line, &weights) || weights < 0 || weights > 1)
        return lines.Refuse("not \"# experts=E top_k=K weights=0|1\"");
      header.has_weights = weights == 1;
    }
  }
  FOREGATE_RETURN_IF_ERROR(lines.At(CheckTraceHeader(header, "what the comments say")));
  if (lines.line() != Columns(header)) return lines.Refuse("not the columns " + Columns(header));
  return header;
}

absl::Status CopyWholeCsv(CsvLines& lines, const TraceHeader& header, TraceWriter& writer) {
  while (lines.Next() && lines.line().starts_with('#')) {
  }
  const auto top_k = static_cast<size_t>(header.top_k);
  TraceVisit visit;
  std::vector<std::string_view> fields;
  const auto flush = [&] {
    if (visit.rows.empty()) return absl::OkStatus();
    const absl::Status written = writer.Write(visit);
    visit.rows.clear();
    visit.experts.clear();
    visit.weights.clear();
    return written;
  };
  while (lines.Next()) {
    FOREGATE_RETURN_IF_ERROR(lines.Fields(NumFields(header), &fields));
    uint64_t step = 0;
    int32_t layer = 0, phase = 0;
    TraceRow row;
    if (!CsvLines::Parse(fields[0], &step) || !CsvLines::Parse(fields[1], &layer) ||
        !CsvLines::Parse(fields[2], &row.request) || !CsvLines::Parse(fields[3], &phase) || phase < 0 || phase > 1 ||
        !CsvLines::Parse(fields[4], &row.position))
      return lines.Refuse("step, layer, request, phase (0 or 1) and position are not what they should be");
    row.phase = phase == 1 ? TracePhase::kDecode : TracePhase::kPrefill;
    const auto found = std::find_if(header.layers.begin(), header.layers.end(),
                                    [&](const TraceHeader::Layer& known) { return known.layer == layer; });
    if (found == header.layers.end())
      return lines.Refuse("layer " + std::to_string(layer) + " is not among those of the header");
    const auto layer_index = static_cast<int32_t>(found - header.layers.begin());
    if (step != visit.step || layer_index != visit.layer_index) FOREGATE_RETURN_IF_ERROR(lines.AtLast(flush()));
    if (visit.rows.size() >= kMaxTraceRows) return lines.Refuse("too many rows of one step and layer");
    visit.step = step;
    visit.layer_index = layer_index;
    visit.rows.push_back(row);
    for (size_t i = kRowFields; i < fields.size(); ++i) {
      int32_t expert = 0;
      float weight = 0;
      const bool is_expert = i < kRowFields + top_k;
      if (!(is_expert ? CsvLines::Parse(fields[i], &expert) : CsvLines::Parse(fields[i], &weight)))
        return lines.Refuse("field " + std::to_string(i + 1) + " is no number");
      if (is_expert) {
        visit.experts.push_back(expert);
      } else {
        visit.weights.push_back(weight);
      }
    }
  }
  return lines.AtLast(flush());
}

}  // namespace foregate
