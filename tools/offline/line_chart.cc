#include "tools/offline/line_chart.h"

#include <algorithm>
#include <cstdio>

namespace foregate {
namespace {

constexpr double kLeft = 60, kTop = 40, kWidth = 560, kHeight = 320;
constexpr int kNumTicks = 10;
constexpr const char* kColours[] = {"#d62728", "#ff7f0e", "#1f77b4", "#2ca02c", "#9467bd", "#8c564b"};

std::string Number(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%.4g", value);
  return text;
}

std::string Escaped(const std::string& text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '&') {
      escaped += "&amp;";
    } else if (c == '<') {
      escaped += "&lt;";
    } else if (c == '>') {
      escaped += "&gt;";
    } else if (static_cast<unsigned char>(c) >= ' ') {
      escaped += c;
    }
  }
  return escaped;
}

std::string Text(double x, double y, const char* anchor, const std::string& text, const char* more = "") {
  return "<text x=\"" + Number(x) + "\" y=\"" + Number(y) + "\" text-anchor=\"" + anchor + "\"" + more + ">" +
         Escaped(text) + "</text>\n";
}

std::string Segment(double x1, double y1, double x2, double y2, const char* style) {
  return "<path d=\"M" + Number(x1) + " " + Number(y1) + " L" + Number(x2) + " " + Number(y2) + "\" " + style + "/>\n";
}

}  // namespace

std::string LineChart::Svg() const {
  const auto place_x = [&](double x) { return kLeft + kWidth * x / max_x; };
  const auto place_y = [&](double y) { return kTop + kHeight * (1 - y / max_y); };
  std::string svg =
      "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 760 420\" font-family=\"sans-serif\" font-size=\"12\">\n"
      "<rect width=\"760\" height=\"420\" fill=\"white\"/>\n";
  svg += Text(kLeft + kWidth / 2, 22, "middle", title, " font-size=\"15\"");
  for (int i = 0; i <= kNumTicks; ++i) {
    const double x = max_x * i / kNumTicks, y = max_y * i / kNumTicks;
    svg += Segment(kLeft, place_y(y), kLeft + kWidth, place_y(y), "stroke=\"#ddd\"");
    svg += Segment(place_x(x), kTop, place_x(x), kTop + kHeight, "stroke=\"#ddd\"");
    svg += Text(kLeft - 6, place_y(y) + 4, "end", Number(y));
    svg += Text(place_x(x), kTop + kHeight + 18, "middle", Number(x));
  }
  svg += Text(kLeft + kWidth / 2, kTop + kHeight + 40, "middle", x_title);
  svg += Text(16, kTop + kHeight / 2, "middle", y_title,
              (" transform=\"rotate(-90 16 " + Number(kTop + kHeight / 2) + ")\"").c_str());
  for (size_t i = 0; i < lines.size(); ++i) {
    const char* colour = kColours[i % std::size(kColours)];
    std::string path;
    for (const auto& [x, y] : lines[i].points) {
      path += (path.empty() ? "M" : " L") + Number(place_x(x)) + " " + Number(place_y(y));
      svg += "<circle cx=\"" + Number(place_x(x)) + "\" cy=\"" + Number(place_y(y)) + "\" r=\"2.5\" fill=\"" + colour +
             "\"/>\n";
    }
    svg += "<path d=\"" + path + "\" fill=\"none\" stroke-width=\"2\" stroke=\"" + colour + "\"/>\n";
    const double y = kTop + 14 + 20 * static_cast<double>(i);
    svg += Segment(kLeft + kWidth + 14, y - 4, kLeft + kWidth + 38, y - 4,
                   (std::string("stroke-width=\"2\" stroke=\"") + colour + "\"").c_str());
    svg += Text(kLeft + kWidth + 44, y, "start", lines[i].name);
  }
  return svg + "</svg>\n";
}

}  // namespace foregate
