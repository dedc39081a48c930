// Pictures of a graph. A picture has one box for a layer together with the small ops behind it (batch norm,
// activation), so that a person sees layers and not bookkeeping.
#pragma once

#include <string>
#include <vector>

#include "graphs/graph.h"

namespace cleave {

struct Box {
  std::vector<std::string> ops;  // "conv2d 3x3, 16 filters", "batch_norm", "relu": first to last
  std::string name;              // of the first node
  std::string shape;             // of what it gives
  std::int64_t weights = 0;
  std::vector<std::int32_t> inputs;  // boxes
  std::string group;                 // module, or first step of the name: "g1"
  bool head = false;                 // part of a module's head
};

// Returns the boxes in topological order.
std::vector<Box> draw_boxes(const Graph& graph);

// Returns the fill colour of a box: layers, heads and the rest differ.
const char* box_colour(const Box& box);

// Returns a drawing in text: one line a box, rails for what skips ahead.
std::string to_ascii(const Graph& graph);
// Returns Graphviz's language, groups as clusters.
std::string to_dot(const Graph& graph);
// Returns an SVG by our own layering: groups stand side by side, each from top to bottom.
std::string to_svg(const Graph& graph);
// Returns `text` as it stands between the tags of an SVG.
std::string svg_text(const std::string& text);

}  // namespace cleave
