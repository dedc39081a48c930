// Our own layering, for machines without Graphviz. A box stands below everything it reads (longest path), boxes of one
// row side by side in the order of the graph. A tall graph is broken into columns, at the first box of a group where
// there is one, so that the picture stays about as wide as high. Edges run straight down where they can, around the
// outside of what is between where they skip rows, and along the gap between columns.
#include <algorithm>
#include <cmath>
#include <limits>

#include <fmt/format.h>

#include "graphs/draw.h"
#include "graphs/graph_text.h"

namespace cleave {

namespace {

constexpr double kCharWidth = 6.3;
constexpr double kLineHeight = 14;
constexpr double kGapX = 26, kGapY = 24, kMargin = 24, kColumnGap = 56;

struct Placed {
  int row = 0;  // in its column
  int column = 0;
  double x = 0, y = 0, width = 0, height = 0;  // top left corner
  std::vector<std::string> lines;
};

std::vector<std::string> lines_of(const Box& box) {
  std::vector<std::string> lines;
  if (!box.inputs.empty()) lines.push_back(box.name);
  lines.insert(lines.end(), box.ops.begin(), box.ops.end());
  const std::string weights = box.weights == 0 ? "" : fmt::format(" · {} weights", with_blanks(box.weights));
  if (!box.inputs.empty()) lines.push_back(box.shape + weights);
  return lines;
}

std::size_t letters(const std::string& text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::vector<Placed> measure(const std::vector<Box>& boxes) {
  std::vector<Placed> placed(boxes.size());
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    Placed& at = placed[i];
    at.lines = lines_of(boxes[i]);
    for (const std::string& line : at.lines)
      at.width = std::max(at.width, kCharWidth * static_cast<double>(letters(line)) + 18);
    at.height = kLineHeight * static_cast<double>(at.lines.size()) + 10;
    for (const std::int32_t input : boxes[i].inputs)
      at.row = std::max(at.row, placed[static_cast<std::size_t>(input)].row + 1);
  }
  return placed;
}

// The rows at which a new column starts: about sqrt(rows / 4) columns, each begun where a group begins.
std::vector<int> column_starts(const std::vector<Box>& boxes, const std::vector<Placed>& placed) {
  int rows = 0;
  for (const Placed& at : placed) rows = std::max(rows, at.row + 1);
  const int columns = std::max(1, static_cast<int>(std::lround(std::sqrt(rows / 4.0))));
  const int wanted = (rows + columns - 1) / columns;
  std::vector<int> starts = {0};
  std::string group;
  for (std::size_t i = 0; i < boxes.size(); ++i) {
    const bool begins = boxes[i].group != group;
    group = boxes[i].group;
    const int height = placed[i].row - starts.back();
    if ((begins && height >= wanted - 3) || height >= wanted + 4)
      if (placed[i].row > starts.back()) starts.push_back(placed[i].row);
  }
  return starts;
}

// Puts the boxes of one column: the first of each row in the left lane, others in lanes to its right. Returns the
// width.
double place_column(std::vector<std::vector<Placed*>>& rows, double left) {
  std::vector<double> lanes;
  for (const auto& row : rows)
    for (std::size_t lane = 0; lane < row.size(); ++lane) {
      if (lanes.size() <= lane) lanes.push_back(0);
      lanes[lane] = std::max(lanes[lane], row[lane]->width);
    }
  double top = kMargin + kLineHeight;
  for (auto& row : rows) {
    double x = left;
    double height = 0;
    for (std::size_t lane = 0; lane < row.size(); ++lane) {
      row[lane]->x = x + (lanes[lane] - row[lane]->width) / 2;
      row[lane]->y = top;
      height = std::max(height, row[lane]->height);
      x += lanes[lane] + kGapX;
    }
    top += height + kGapY;
  }
  double width = 0;
  for (const double lane : lanes) width += lane + kGapX;
  return width;
}

void place(const std::vector<int>& starts, std::vector<Placed>& placed) {
  double left = kMargin;
  for (std::size_t column = 0; column < starts.size(); ++column) {
    const int end = column + 1 < starts.size() ? starts[column + 1] : std::numeric_limits<int>::max();
    std::vector<std::vector<Placed*>> rows;
    for (Placed& at : placed) {
      if (at.row < starts[column] || at.row >= end) continue;
      const auto row = static_cast<std::size_t>(at.row - starts[column]);
      if (rows.size() <= row) rows.resize(row + 1);
      rows[row].push_back(&at);
      at.column = static_cast<int>(column);
    }
    left += place_column(rows, left) + kColumnGap;
  }
}

// Right of every box of the column between two heights.
double clear_of(const std::vector<Placed>& placed, const Placed& from, const Placed& to) {
  double x = std::max(from.x + from.width / 2, to.x + to.width / 2);
  for (const Placed& at : placed)
    if (at.column == from.column && at.y > from.y && at.y < to.y) x = std::max(x, at.x + at.width);
  return x + kGapX / 2;
}

std::string edge_path(const std::vector<Placed>& placed, const Placed& from, const Placed& to) {
  const double x0 = from.x + from.width / 2, y0 = from.y + from.height;
  const double x1 = to.x + to.width / 2, y1 = to.y;
  if (from.column != to.column) {  // down, through the gap left of the other column, up, and in from above
    double left = to.x;
    for (const Placed& at : placed)
      if (at.column == to.column) left = std::min(left, at.x);
    const double gap = left - kColumnGap / 2, over = y1 - kGapY / 2;
    return fmt::format("M{:.1f},{:.1f} V{:.1f} H{:.1f} V{:.1f} H{:.1f} V{:.1f}", x0, y0, y0 + kGapY / 2, gap, over, x1,
                       y1);
  }
  if (to.row == from.row + 1)
    return fmt::format("M{0:.1f},{1:.1f} C{0:.1f},{2:.1f} {3:.1f},{2:.1f} {3:.1f},{4:.1f}", x0, y0, (y0 + y1) / 2, x1,
                       y1);
  const double side = clear_of(placed, from, to);
  const double start = x0 + from.width / 4, end = x1 + to.width / 4;
  return fmt::format(
      "M{0:.1f},{1:.1f} C{0:.1f},{2:.1f} {3:.1f},{2:.1f} {3:.1f},{4:.1f} V{5:.1f} C{3:.1f},{6:.1f} {7:.1f},{6:.1f} "
      "{7:.1f},{8:.1f}",
      start, y0, y0 + kGapY / 2, side, y0 + kGapY, y1 - kGapY, y1 - kGapY / 2, end, y1);
}

std::string box_svg(const Box& box, const Placed& at) {
  const char* colour = box_colour(box);
  std::string text = fmt::format(
      "<rect x=\"{:.1f}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{:.1f}\" rx=\"5\" fill=\"{}\" stroke=\"#667\"/>\n",
      at.x, at.y, at.width, at.height, colour);
  for (std::size_t i = 0; i < at.lines.size(); ++i) {
    const bool name = i == 0 && !box.inputs.empty();
    text += fmt::format("<text x=\"{:.1f}\" y=\"{:.1f}\"{}>{}</text>\n", at.x + at.width / 2,
                        at.y + 5 + kLineHeight * (static_cast<double>(i) + 0.75), name ? " class=\"name\"" : "",
                        svg_text(at.lines[i]));
  }
  return text;
}

}  // namespace

std::string svg_text(const std::string& text) {
  std::string safe;
  for (const char c : text) safe += c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '&' ? "&amp;" : std::string(1, c);
  return safe;
}

const char* box_colour(const Box& box) {
  if (box.inputs.empty()) return "#e8e8e8";
  if (box.head) return "#fde9d0";
  return box.weights > 0 ? "#dbe9f8" : "#f4f4f4";
}

std::string to_svg(const Graph& graph) {
  const std::vector<Box> boxes = draw_boxes(graph);
  std::vector<Placed> placed = measure(boxes);
  place(column_starts(boxes, placed), placed);
  double width = 0, height = 0;
  for (const Placed& at : placed) {
    width = std::max(width, at.x + at.width + 2 * kMargin);
    height = std::max(height, at.y + at.height + 2 * kMargin);
  }
  std::string text = fmt::format(
      "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{0:.0f}\" height=\"{1:.0f}\" viewBox=\"0 0 {0:.0f} {1:.0f}\" "
      "font-family=\"sans-serif\" font-size=\"11\" text-anchor=\"middle\">\n"
      "<style>.name {{ font-weight: bold }}</style>\n"
      "<defs><marker id=\"tip\" viewBox=\"0 0 8 8\" refX=\"7\" refY=\"4\" markerWidth=\"7\" markerHeight=\"7\" "
      "orient=\"auto\">"
      "<path d=\"M0,0 L8,4 L0,8 z\" fill=\"#445\"/></marker></defs>\n<rect width=\"100%\" height=\"100%\" "
      "fill=\"white\"/>\n",
      width, height);
  for (std::size_t i = 0; i < boxes.size(); ++i)
    for (const std::int32_t input : boxes[i].inputs)
      text += fmt::format("<path d=\"{}\" fill=\"none\" stroke=\"#445\" marker-end=\"url(#tip)\"/>\n",
                          edge_path(placed, placed[static_cast<std::size_t>(input)], placed[i]));
  for (std::size_t i = 0; i < boxes.size(); ++i) text += box_svg(boxes[i], placed[i]);
  return text + "</svg>\n";
}

}  // namespace cleave
