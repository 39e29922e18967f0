// AccessLog: one structured line per finished call. Thread-safe; never blocks on a slow sink (bounded, drops and
// counts).
#ifndef FOREGATE_SERVER_TELEMETRY_ACCESS_LOG_H_
#define FOREGATE_SERVER_TELEMETRY_ACCESS_LOG_H_

#include <cstdint>
#include <string>

#include "engine/request/token_sink.h"

namespace foregate {

struct AccessRecord {
  std::string method;  // "/foregate.inference.v1.InferenceService/Generate"
  std::string request_id;
  std::string traceparent;  // as received; empty when absent
  std::string peer;
  std::string code;     // "OK", "INVALID_ARGUMENT", ...
  std::string message;  // error message, empty for OK
  int64_t duration_us = 0;
  RequestSummary summary;  // zeros for calls that never reached the engine
};

class AccessLog {
 public:
  virtual ~AccessLog() = default;
  virtual void Write(const AccessRecord& record) = 0;
};

}  // namespace foregate

#endif  // FOREGATE_SERVER_TELEMETRY_ACCESS_LOG_H_
