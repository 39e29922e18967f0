#include "server/telemetry/logging.h"

#include <chrono>
#include <ctime>

#include "nlohmann/json.hpp"
#include "spdlog/async_logger.h"
#include "spdlog/details/thread_pool.h"
#include "spdlog/pattern_formatter.h"
#include "spdlog/sinks/stdout_sinks.h"
#include "spdlog/spdlog.h"

namespace foregate {
namespace {

constexpr size_t kQueueLines = 8192;
constexpr char kAccessLogger[] = "access";
constexpr char kTextPattern[] = "%Y-%m-%dT%H:%M:%S.%eZ %L %v";

std::string JsonString(std::string_view text) {
  return nlohmann::json(std::string(text)).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

// {"time":"...","level":"info","message":"..."}; lines of the access logger bring their fields along.
class JsonFormatter final : public spdlog::formatter {
 public:
  void format(const spdlog::details::log_msg& msg, spdlog::memory_buf_t& dest) override {
    const auto time = std::chrono::time_point_cast<std::chrono::milliseconds>(msg.time);
    const int64_t unix_ms = time.time_since_epoch().count();
    const std::time_t seconds = static_cast<std::time_t>(unix_ms / 1000);
    std::tm parts{};
    gmtime_r(&seconds, &parts);
    char stamp[40];
    const size_t length = std::strftime(stamp, sizeof(stamp), "%Y-%m-%dT%H:%M:%S", &parts);
    char line_time[64];
    std::snprintf(line_time, sizeof(line_time), "%.*s.%03dZ", static_cast<int>(length), stamp,
                  static_cast<int>(unix_ms % 1000));
    const auto level = spdlog::level::to_string_view(msg.level);
    std::string line =
        std::string("{\"time\":\"") + line_time + "\",\"level\":\"" + std::string(level.data(), level.size()) + "\",";
    const std::string_view payload(msg.payload.data(), msg.payload.size());
    const bool is_access = std::string_view(msg.logger_name.data(), msg.logger_name.size()) == kAccessLogger;
    line += is_access ? std::string(payload) : "\"message\":" + JsonString(payload);
    line += "}\n";
    dest.append(line.data(), line.data() + line.size());
  }
  std::unique_ptr<spdlog::formatter> clone() const override { return std::make_unique<JsonFormatter>(); }
};

struct LogState {
  std::shared_ptr<spdlog::details::thread_pool> pool;
  std::shared_ptr<spdlog::logger> main;
  std::shared_ptr<spdlog::logger> access;
  bool is_json = false;
};

// Written by StartLogging and StopLogging only, which run while no other thread logs.
LogState& State() {
  static LogState& state = *new LogState;  // never destroyed: others may log until the process ends
  return state;
}

spdlog::level::level_enum SpdlogLevel(LogLevel level) {
  switch (level) {
    case LogLevel::kTrace:
      return spdlog::level::trace;
    case LogLevel::kDebug:
      return spdlog::level::debug;
    case LogLevel::kInfo:
      return spdlog::level::info;
    case LogLevel::kWarn:
      return spdlog::level::warn;
    case LogLevel::kError:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

class LineAccessLog final : public AccessLog {
 public:
  void Write(const AccessRecord& record) override {
    const LogState& state = State();
    if (state.access == nullptr || !state.access->should_log(spdlog::level::info)) return;
    const std::string line = state.is_json ? FormatAccessJson(record) : FormatAccessText(record);
    state.access->info(spdlog::string_view_t(line.data(), line.size()));
  }
};

class NoAccessLog final : public AccessLog {
 public:
  void Write(const AccessRecord&) override {}
};

// Unquoted where a reader can still tell the words apart.
std::string TextValue(const std::string& value) {
  const bool is_plain = !value.empty() && value.find_first_not_of(
                                              "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                              "0123456789._:-/[]%") == std::string::npos;
  return is_plain ? value : JsonString(value);
}

// Calls `add(name, value, is_number)` for every field that says something.
template <typename Add>
void ForEachField(const AccessRecord& record, Add add) {
  add("method", record.method, false);
  add("code", record.code, false);
  add("request_id", record.request_id, false);
  add("duration_us", std::to_string(record.duration_us), true);
  add("peer", record.peer, false);
  if (!record.message.empty()) add("error", record.message, false);
  if (!record.traceparent.empty()) add("traceparent", record.traceparent, false);
  const RequestSummary& summary = record.summary;
  if (summary.num_prompt_tokens == 0) return;
  add("prompt_tokens", std::to_string(summary.num_prompt_tokens), true);
  add("cached_tokens", std::to_string(summary.num_cached_tokens), true);
  add("generated_tokens", std::to_string(summary.num_generated_tokens), true);
  add("preemptions", std::to_string(summary.num_preemptions), true);
  add("queue_us", std::to_string(summary.queue_us), true);
  add("prefill_us", std::to_string(summary.prefill_us), true);
  add("first_token_us", std::to_string(summary.first_token_us), true);
  add("decode_us", std::to_string(summary.decode_us), true);
}

}  // namespace

void StartLogging(const std::string& level, const std::string& format) {
  LogState& state = State();
  state.is_json = format == "json";
  state.pool = std::make_shared<spdlog::details::thread_pool>(kQueueLines, 1);
  const auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  const auto make = [&](const char* name) {
    auto logger =
        std::make_shared<spdlog::async_logger>(name, sink, state.pool, spdlog::async_overflow_policy::overrun_oldest);
    if (state.is_json) {
      logger->set_formatter(std::make_unique<JsonFormatter>());
    } else {
      logger->set_formatter(std::make_unique<spdlog::pattern_formatter>(kTextPattern, spdlog::pattern_time_type::utc));
    }
    logger->set_level(spdlog::level::from_str(level));
    logger->flush_on(spdlog::level::warn);
    return logger;
  };
  state.main = make("foregate");
  state.access = make(kAccessLogger);
}

void StopLogging() {
  LogState& state = State();
  state.main.reset();
  state.access.reset();
  state.pool.reset();  // joins its thread, which empties the queue first
}

void Log(LogLevel level, const std::string& message) {
  const LogState& state = State();
  if (state.main == nullptr) {
    std::fprintf(stderr, "%s\n", message.c_str());
    return;
  }
  state.main->log(SpdlogLevel(level), spdlog::string_view_t(message.data(), message.size()));
}

uint64_t DroppedLogLines() {
  const LogState& state = State();
  return state.pool == nullptr ? 0 : state.pool->overrun_counter();
}

std::unique_ptr<AccessLog> MakeAccessLog(bool enabled) {
  if (enabled) return std::make_unique<LineAccessLog>();
  return std::make_unique<NoAccessLog>();
}

std::string FormatAccessText(const AccessRecord& record) {
  std::string line;
  ForEachField(record, [&line](const char* name, const std::string& value, bool is_number) {
    line += (line.empty() ? "" : " ") + std::string(name) + "=" + (is_number ? value : TextValue(value));
  });
  return line;
}

std::string FormatAccessJson(const AccessRecord& record) {
  std::string line;
  ForEachField(record, [&line](const char* name, const std::string& value, bool is_number) {
    line += (line.empty() ? "\"" : ",\"") + std::string(name) + "\":" + (is_number ? value : JsonString(value));
  });
  return line;
}

}  // namespace foregate
