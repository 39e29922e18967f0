#include "tools/offline/roofline_report.h"

#include <cstdio>
#include <optional>
#include <string_view>

#include "nlohmann/json.hpp"

namespace foregate {
namespace {

using Json = nlohmann::ordered_json;

constexpr double kGiga = 1e9;

std::string LevelName(int level) { return level == 0 ? std::string(kMemoryRead) : "L" + std::to_string(level); }

std::optional<double> FigureOf(const MachineProbe& probe, const ReadMeasurement& read) {
  return read.level == 0 ? KnownFigure(probe.kind, kMemoryRead, read.num_threads) : std::nullopt;
}
std::optional<double> FigureOf(const MachineProbe& probe, const DotMeasurement& dot) {
  return KnownFigure(probe.kind, dot.instruction->name, dot.num_threads);
}

void AddLine(const std::string& name, int num_threads, const Rate& rate, std::optional<double> figure,
             std::string* table) {
  char line[200];
  std::snprintf(line, sizeof(line), "%-24s %7d %10.1f %10.1f %10.1f", name.c_str(), num_threads, rate.best / kGiga,
                rate.median / kGiga, rate.lowest / kGiga);
  *table += line;
  if (figure) {
    std::snprintf(line, sizeof(line), " %10.1f  %s", *figure / kGiga, ProbeCounts(figure, rate.best) ? "ok" : "LOW");
    *table += line;
  }
  *table += "\n";
}

void AddHeader(const char* what, const char* unit, std::string* table) {
  char line[200];
  std::snprintf(line, sizeof(line), "\n%-24s %7s %10s %10s %10s %10s\n", (std::string(what) + ", " + unit).c_str(),
                "threads", "best", "median", "lowest", "known");
  *table += line;
}

void AddRate(const Rate& rate, std::optional<double> figure, const std::string& unit, Json* to) {
  (*to)[unit] = rate.best / kGiga;
  (*to)["median"] = rate.median / kGiga;
  (*to)["lowest"] = rate.lowest / kGiga;
  (*to)["figure"] = figure ? Json(*figure / kGiga) : Json(nullptr);
  (*to)["counts"] = ProbeCounts(figure, rate.best);
}

Json MachineJson(const MachineProbe& probe) {
  Json caches = Json::array();
  for (const CacheLevel& cache : probe.caches) {
    caches.push_back({{"level", cache.level}, {"bytes", cache.bytes}, {"cpus_sharing", cache.num_sharing}});
  }
  return {{"kind", MachineKindName(probe.kind)},
          {"cpu", probe.cpu.brand},
          {"vendor", probe.cpu.vendor},
          {"family", probe.cpu.family},
          {"model", probe.cpu.model},
          {"stepping", probe.cpu.stepping},
          {"cpus", probe.num_cpus},
          {"flags", FlagNames(probe.cpu)},
          {"caches", caches}};
}

}  // namespace

std::string RooflineTable(const MachineProbe& probe) {
  std::string table = probe.cpu.brand + " (" + MachineKindName(probe.kind) + "; family " +
                      std::to_string(probe.cpu.family) + ", model " + std::to_string(probe.cpu.model) + "), " +
                      std::to_string(probe.num_cpus) + " CPUs\n";
  for (const CacheLevel& cache : probe.caches) {
    table += "L" + std::to_string(cache.level) + " " + std::to_string(cache.bytes >> 10) + " KiB, shared by " +
             std::to_string(cache.num_sharing) + "\n";
  }
  AddHeader("read", "GB/s", &table);
  for (const ReadMeasurement& read : probe.reads) {
    AddLine(LevelName(read.level) + ", " + std::to_string(read.bytes_per_thread >> 10) + " KiB each", read.num_threads,
            read.rate, FigureOf(probe, read), &table);
  }
  AddHeader("dot product", "GOP/s", &table);
  for (const DotMeasurement& dot : probe.dots) {
    AddLine(dot.instruction->name, dot.num_threads, dot.rate, FigureOf(probe, dot), &table);
  }
  table += "\nnot usable here:";
  for (const std::string& name : AbsentInstructions(probe.cpu)) table += " " + name + ";";
  return table + "\n";
}

std::string RooflineJson(const MachineProbe& probe) {
  bool counts = true;
  Json reads = Json::array();
  for (const ReadMeasurement& read : probe.reads) {
    Json row = {
        {"level", LevelName(read.level)}, {"threads", read.num_threads}, {"bytes_per_thread", read.bytes_per_thread}};
    AddRate(read.rate, FigureOf(probe, read), "gb_per_s", &row);
    counts = counts && row["counts"].get<bool>();
    reads.push_back(row);
  }
  Json dots = Json::array();
  for (const DotMeasurement& dot : probe.dots) {
    Json row = {
        {"instruction", dot.instruction->name}, {"about", dot.instruction->about}, {"threads", dot.num_threads}};
    AddRate(dot.rate, FigureOf(probe, dot), "gop_per_s", &row);
    counts = counts && row["counts"].get<bool>();
    dots.push_back(row);
  }
  const Json all = {{"machine", MachineJson(probe)},
                    {"read", reads},
                    {"dot", dots},
                    {"absent", AbsentInstructions(probe.cpu)},
                    {"counts", counts}};
  return all.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace foregate
