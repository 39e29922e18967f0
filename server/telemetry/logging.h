// The log of the daemon: lines to standard error, as text or as one JSON object a line. Writing never blocks: a full
// queue drops its oldest lines and counts them.
//
// Thread-safe after StartLogging. Before it and after StopLogging, lines go straight to standard error.
#ifndef FOREGATE_SERVER_TELEMETRY_LOGGING_H_
#define FOREGATE_SERVER_TELEMETRY_LOGGING_H_

#include <cstdint>
#include <memory>
#include <string>

#include "server/telemetry/access_log.h"

namespace foregate {

enum class LogLevel : uint8_t { kTrace, kDebug, kInfo, kWarn, kError };

// `level` and `format` as telemetry.log_level and telemetry.log_format say.
void StartLogging(const std::string& level, const std::string& format);
// Writes out what is queued.
void StopLogging();

void Log(LogLevel level, const std::string& message);
inline void LogInfo(const std::string& message) { Log(LogLevel::kInfo, message); }
inline void LogWarning(const std::string& message) { Log(LogLevel::kWarn, message); }
inline void LogError(const std::string& message) { Log(LogLevel::kError, message); }

// Lines lost to a full queue since the start.
uint64_t DroppedLogLines();

// One line per finished call into the log; nothing when not `enabled`.
std::unique_ptr<AccessLog> MakeAccessLog(bool enabled);

// The fields of an access line, without the surrounding braces where JSON. Strings are escaped; invalid UTF-8 is
// replaced.
std::string FormatAccessText(const AccessRecord& record);
std::string FormatAccessJson(const AccessRecord& record);

}  // namespace foregate

#endif  // FOREGATE_SERVER_TELEMETRY_LOGGING_H_
