// datetime.strftime of Python, in local time.
#ifndef FOREGATE_SERVER_TEXT_TEMPLATE_FORMAT_TIME_H_
#define FOREGATE_SERVER_TEXT_TEMPLATE_FORMAT_TIME_H_

#include <chrono>
#include <string>

namespace foregate::jinja {

// %f are microseconds, and %z and %Z nothing, as Python has it for a time without a zone.
std::string FormatTime(std::chrono::system_clock::time_point now, const std::string& format);

}  // namespace foregate::jinja

#endif  // FOREGATE_SERVER_TEXT_TEMPLATE_FORMAT_TIME_H_
