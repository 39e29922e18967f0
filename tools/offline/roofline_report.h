// A machine's probe for people and for programs.
#ifndef FOREGATE_TOOLS_OFFLINE_ROOFLINE_REPORT_H_
#define FOREGATE_TOOLS_OFFLINE_ROOFLINE_REPORT_H_

#include <string>

#include "kernels/cpu/probe/machine_probe.h"

namespace foregate {

// One line per measurement: what, threads, best, median and lowest window, and the known figure of this kind of
// machine.
std::string RooflineTable(const MachineProbe& probe);

// {"machine": {..}, "read": [{"level", "threads", "bytes_per_thread", "gb_per_s", ..}], "dot": [{"instruction", ..,
// "gop_per_s", ..}], "absent": [names], "counts": bool}. A figure is null where none is known; "counts" says whether
// every probe with a figure reached kProbeCountsFrom of it.
std::string RooflineJson(const MachineProbe& probe);

}  // namespace foregate

#endif  // FOREGATE_TOOLS_OFFLINE_ROOFLINE_REPORT_H_
