// The version that --version, GetServerInfo and foregate_build_info report.
#ifndef FOREGATE_SERVER_CONFIG_VERSION_H_
#define FOREGATE_SERVER_CONFIG_VERSION_H_

namespace foregate {

inline constexpr char kVersion[] = "0.1.0";

}  // namespace foregate

#endif  // FOREGATE_SERVER_CONFIG_VERSION_H_
