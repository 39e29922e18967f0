#include "engine/moe/trace/route_trace_import.h"

#include <gtest/gtest.h>

#include <sstream>
#include <vector>

#include "engine/moe/route_trace.h"
#include "engine/moe/trace/route_trace_reader.h"
#include "engine/moe/trace/whole_csv.h"
#include "kernels/base/float_types.h"

namespace foregate {
namespace {

struct Imported {
  absl::Status status;
  TraceHeader header;
  std::vector<TraceVisit> visits;
};

Imported Import(const std::string& csv, const TraceImportOptions& options = {}) {
  std::istringstream stream(csv);
  std::string file;
  Imported imported;
  imported.status = ImportRouteCsv(stream, "t.csv", options, [&](std::string_view bytes) {
                      file += bytes;
                      return absl::OkStatus();
                    }).status();
  if (!imported.status.ok()) return imported;
  std::istringstream bytes(file);
  auto reader = *TraceReader::Open(bytes, "t");
  imported.header = reader.header();
  TraceVisit visit;
  while (*reader.Next(&visit)) imported.visits.push_back(visit);
  EXPECT_TRUE(reader.torn().ok());
  return imported;
}

std::vector<TraceRow> RowsAt(const std::vector<int32_t>& positions) {
  std::vector<TraceRow> rows;
  for (const int32_t position : positions) rows.push_back({.request = 0, .position = position});
  return rows;
}

// Two requests: a prompt of 3 in step 5, both decode in step 6.
TEST(RouteTraceImport, TheRecordersOwnCsv) {
  RouteStatistics recorder({2, 5}, 8, 2);
  ASSERT_TRUE(recorder.StartRecording({.max_bytes = 1 << 20}).ok());
  recorder.Record(0, 5, RowsAt({0, 1, 2, 9}), std::vector<int32_t>{1, 2, 3, 4, 5, 6, 7, 0});
  recorder.Record(1, 5, RowsAt({2, 9}), std::vector<int32_t>{1, 2, 3, 4});
  recorder.Record(0, 6, RowsAt({3, 10}), std::vector<int32_t>{1, 2, 3, 4});
  std::string csv;
  const RecordedRoutes recorded = *recorder.StopRecording();
  for (const std::string& part : recorded.parts) csv += part;
  const Imported imported = Import(csv, {.num_experts = 16, .expert_bytes = 4096});
  ASSERT_TRUE(imported.status.ok()) << imported.status;
  EXPECT_EQ(
      imported.header,
      (TraceHeader{
          .source = "t.csv", .layers = {{2, 4096}, {5, 4096}}, .num_experts = 16, .top_k = 2, .has_weights = false}));
  ASSERT_EQ(imported.visits.size(), 3u);
  constexpr TracePhase kPrefill = TracePhase::kPrefill;
  constexpr TracePhase kDecode = TracePhase::kDecode;
  EXPECT_EQ(imported.visits[0],
            (TraceVisit{.step = 5,
                        .layer_index = 0,
                        .rows = {{0, 0, kPrefill}, {0, 1, kPrefill}, {0, 2, kPrefill}, {1, 9, kDecode}},
                        .experts = {1, 2, 3, 4, 5, 6, 7, 0},
                        .weights = {}}));
  EXPECT_EQ(imported.visits[1].rows, (std::vector<TraceRow>{{0, 2, kPrefill}, {1, 9, kDecode}}));
  EXPECT_EQ(imported.visits[2].rows, (std::vector<TraceRow>{{0, 3, kDecode}, {1, 10, kDecode}}));
  EXPECT_EQ(Import(csv).header.num_experts, 8);
}

constexpr char kChoices[] =
    "# route_trace v1\n"
    "# model=/data/x/toy.gguf arch=toy n_layer=3 n_expert=8 n_expert_used=2\n"
    "# layer=0 expert_bytes=0 dense_bytes=9\n"
    "# layer=1 expert_bytes=100 dense_bytes=9\n"
    "# layer=2 expert_bytes=200 dense_bytes=9\n"
    "turn,phase,step,layer,slot,expert,weight,residency,expert_bytes\n"
    "0,0,0,1,0,7,0.5,0,100\n0,0,0,1,1,3,0.25,0,100\n0,0,1,1,0,2,0.5,0,100\n0,0,1,1,1,3,0.25,1,0\n"
    "0,0,1,2,0,6,0.5,0,200\n0,0,1,2,1,5,0.5,0,200\n"
    "0,1,2,1,0,7,1,0,0\n0,1,2,1,1,6,0,0,0\n0,1,2,2,0,1,1,0,0\n0,1,2,2,1,0,0,0,0\n"
    "0,1,3,1,0,7,1,0,0\n0,1,3,1,1,6,0,0,0\n";

TEST(RouteTraceImport, ALinePerChoice) {
  const Imported imported = Import(kChoices);
  ASSERT_TRUE(imported.status.ok()) << imported.status;
  EXPECT_EQ(imported.header, (TraceHeader{.source = "toy.gguf arch=toy n_layer=3 n_expert=8 n_expert_used=2",
                                          .layers = {{1, 100}, {2, 200}},
                                          .num_experts = 8,
                                          .top_k = 2,
                                          .has_weights = true}));
  ASSERT_EQ(imported.visits.size(), 5u);
  EXPECT_EQ(imported.visits[0], (TraceVisit{.step = 0,
                                            .layer_index = 0,
                                            .rows = {{0, 0, TracePhase::kPrefill}, {0, 1, TracePhase::kPrefill}},
                                            .experts = {7, 3, 2, 3},
                                            .weights = {0.5f, 0.25f, 0.5f, 0.25f}}));
  const std::vector<uint64_t> steps = {0, 0, 1, 1, 2};
  for (size_t i = 0; i < steps.size(); ++i) EXPECT_EQ(imported.visits[i].step, steps[i]) << i;
  EXPECT_EQ(imported.visits[4].rows, (std::vector<TraceRow>{{0, 3, TracePhase::kDecode}}));
}

TEST(RouteTraceImport, ErrorsNameTheLine) {
  const auto message = [](const std::string& csv) { return std::string(Import(csv).status.message()); };
  EXPECT_EQ(message(""), "t.csv: empty");
  EXPECT_NE(message("a,b\n").find("t.csv: line 1: neither"), std::string::npos);
  EXPECT_NE(message("step,layer,position\n0,1,2\n").find("0 experts"), std::string::npos);
  const std::string columns = "step,layer,position,expert_0,expert_1\n";
  EXPECT_NE(message(columns).find("0 layers"), std::string::npos);
  EXPECT_EQ(message(columns + "0,1,0,2\n"), "t.csv: line 2: not 5 fields");
  EXPECT_EQ(message(columns + "0,1,0,2,x\n"), "t.csv: line 2: field 5 is no number");
  EXPECT_EQ(message(columns + "0,1,0,2,3\n0,1,-1,2,3\n"), "t.csv: line 3: a step or position out of range");
  EXPECT_EQ(message(columns + "0,1,0,2,99999999999\n"), "t.csv: line 2: expert 99999999999");
  EXPECT_NE(message(columns + "4,1,0,2,3\n3,1,0,2,3\n").find("step 3 after step 4"), std::string::npos);
  const std::string choices(kChoices);
  EXPECT_NE(message(choices + "0,1,4,1,1,6,0,0,0\n").find("a row does not have 2 slots"), std::string::npos);
  EXPECT_NE(message(choices + "0,1,4,1,0,6,0,0,0\n").find("the last row is cut"), std::string::npos);
  EXPECT_NE(message(choices + "0,1,4,0,0,6,0,0,0\n").find("layer 0 is not among"), std::string::npos);
  EXPECT_NE(message(choices + "0,1,4,1,0,6,nan,0,0\n0,1,4,1,1,7,0,0,0\n").find("mixing weight"), std::string::npos);
  // Of a visit that the next line ends, the last of its own lines.
  EXPECT_EQ(message(choices + "0,1,4,1,0,6,0,0,0\n0,1,4,1,1,9,0,0,0\n0,1,4,2,0,1,1,0,0\n").rfind("t.csv: line 20: ", 0),
            0u);
}

std::string Export(const TraceHeader& header, const std::vector<TraceVisit>& visits) {
  std::string file, csv;
  auto writer = TraceWriter::Create(header, [&](std::string_view bytes) {
    file += bytes;
    return absl::OkStatus();
  });
  for (const TraceVisit& visit : visits) EXPECT_TRUE(writer->Write(visit).ok());
  EXPECT_TRUE(writer->Finish().ok());
  std::istringstream stream(file);
  auto reader = *TraceReader::Open(stream, "t.fgr");
  const auto num_visits = ExportRouteCsv(reader, [&](std::string_view text) {
    csv += text;
    return absl::OkStatus();
  });
  EXPECT_EQ(*num_visits, visits.size());
  return csv;
}

TEST(RouteTraceExport, ImportReadsBackAllOfIt) {
  for (const bool has_weights : {true, false}) {
    const TraceHeader header{.source = "toy, arch=x",
                             .layers = {{2, 100}, {5, 300}},
                             .num_experts = 9,
                             .top_k = 2,
                             .has_weights = has_weights};
    std::vector<TraceVisit> visits = {
        {.step = 4,
         .layer_index = 0,
         .rows = {{UINT64_MAX, 0, TracePhase::kPrefill}, {7, INT32_MAX, TracePhase::kDecode}},
         .experts = {1, 8, 0, 3},
         .weights = {0.75, 0.333984375, -1.5, 0}},
        {.step = 4, .layer_index = 1, .rows = {{7, 9, TracePhase::kDecode}}, .experts = {0, 1}, .weights = {1e-20f, 1}},
        {.step = UINT64_MAX,
         .layer_index = 0,
         .rows = {{7, 9, TracePhase::kDecode}},
         .experts = {5, 1},
         .weights = {1, 2}}};
    visits[1].weights[0] = Bf16ToF32(F32ToBf16(1e-20f));
    for (TraceVisit& visit : visits)
      if (!has_weights) visit.weights.clear();
    const std::string csv = Export(header, visits);
    const Imported imported = Import(csv);
    ASSERT_TRUE(imported.status.ok()) << imported.status << csv;
    EXPECT_EQ(imported.header, header);
    EXPECT_EQ(imported.visits, visits);
  }
}

TEST(RouteTraceExport, ErrorsNameTheLine) {
  const std::string csv = Export({.source = "a\nb", .layers = {{2, 100}}, .num_experts = 9, .top_k = 1},
                                 {{.step = 4, .layer_index = 0, .rows = {{}}, .experts = {1}, .weights = {}}});
  EXPECT_EQ(csv,
            "# foregate route trace v1\n# experts=9 top_k=1 weights=0\n# layer=2 expert_bytes=100\n# source=a b\n"
            "step,layer,request,phase,position,expert_0\n4,2,0,1,0,1\n");
  const auto message = [&](const std::string& from, const std::string& to) {
    std::string changed = csv;
    changed.replace(changed.find(from), from.size(), to);
    return std::string(Import(changed).status.message());
  };
  EXPECT_EQ(message("top_k=1", "top_k=x"), "t.csv: line 2: not \"# experts=E top_k=K weights=0|1\"");
  EXPECT_EQ(message("expert_bytes", "bytes"), "t.csv: line 3: not \"# layer=L expert_bytes=B\"");
  EXPECT_EQ(message("# layer=2 expert_bytes=100\n", ""),
            "t.csv: line 4: what the comments say: 0 layers, want 1 to 4096");
  EXPECT_EQ(message(",expert_0", ""), "t.csv: line 5: not the columns step,layer,request,phase,position,expert_0");
  EXPECT_EQ(message("4,2,0,1,0,1", "4,3,0,1,0,1"), "t.csv: line 6: layer 3 is not among those of the header");
  EXPECT_EQ(message("4,2,0,1,0,1", "4,2,0,1,0,9"), "t.csv: line 6: trace, step 4: expert 9 of 9");
  EXPECT_EQ(message("4,2,0,1,0,1", "4,2,0,1,0"), "t.csv: line 6: not 6 fields");
  EXPECT_EQ(message("4,2,0,1,0,1", "4,2,0,1,0,"), "t.csv: line 6: field 6 is no number");
  EXPECT_NE(message("4,2,0,1,0,1", "4,2,0,2,0,1").find("line 6: step, layer, request, phase (0 or 1)"),
            std::string::npos);
}

}  // namespace
}  // namespace foregate
