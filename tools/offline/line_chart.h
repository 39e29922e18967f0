// LineChart: a small SVG file with lines over one x axis. No fonts, scripts or colours from elsewhere.
#ifndef FOREGATE_TOOLS_OFFLINE_LINE_CHART_H_
#define FOREGATE_TOOLS_OFFLINE_LINE_CHART_H_

#include <string>
#include <utility>
#include <vector>

namespace foregate {

struct LineChart {
  struct Line {
    std::string name;
    std::vector<std::pair<double, double>> points;  // x ascending
  };
  std::string title;
  std::string x_title;
  std::string y_title;
  double max_x = 100;  // axes begin at 0
  double max_y = 100;
  std::vector<Line> lines;

  std::string Svg() const;
};

}  // namespace foregate

#endif  // FOREGATE_TOOLS_OFFLINE_LINE_CHART_H_
