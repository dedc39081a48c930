// ModelSpec -> Graph: blocks expanded, names resolved, shapes inferred, the nearest settings applied.
#pragma once

#include "graphs/graph.h"
#include "graphs/model_reader.h"

namespace cleave {

// Builds the graph of a model. Mistakes (unknown `from`, shapes that do not fit, a binary prior on real weights …) go
// to `found`; layers that depend on one with a mistake are left out quietly, so that each mistake is told once. The
// graph is complete only if nothing was added.
Graph build_graph(const ModelSpec& spec, const Language& language, Diagnostics& found);

// Checks the names in `placement.map` that only the graph knows: those of nodes inside layers and modules.
void check_placed_nodes(const DocNode& doc, const Graph& graph, Diagnostics& found);

// A model ready for the later stages. `graph` is empty (no nodes) for a swarm file.
struct Model {
  ModelReading reading;
  Graph graph;
};

// Reads, checks and builds. Throws ModelError with every mistake of the file.
Model load_model(const std::string& path, const Language& language, const std::vector<std::string>& sets = {});
Model load_model_text(const std::string& file, const std::string& text, const Language& language,
                      const std::vector<std::string>& sets = {});

}  // namespace cleave
