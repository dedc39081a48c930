// A resolved document as text: YAML for people, JSON for programs.
#pragma once

#include <string>

#include "graphs/yaml_reader.h"

namespace cleave {

// Returns the document as YAML, with defaults, includes and merges in place. With `origin` each value is followed by
// where it came from: `# model.yaml:12:7`, `# default`, `# --set training.epochs=1`.
std::string doc_to_yaml(const DocNode& doc, bool origin);

// Returns the document as JSON, two blanks a level. Checked values keep their kind, quantities are numbers in base
// units; unchecked scalars are numbers or booleans where they read as such.
std::string doc_to_json(const DocNode& doc);

}  // namespace cleave
