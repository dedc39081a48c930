// Reading a model: file (with its includes, `--set` and preset) -> checked document -> ModelSpec.
#pragma once

#include <string>
#include <vector>

#include "graphs/model_spec.h"
#include "graphs/schema.h"
#include "graphs/source.h"
#include "graphs/yaml_reader.h"

namespace cleave {

// A model as read. `doc` is the resolved document: includes, merges, `--set`, preset and defaults applied.
struct ModelReading {
  Sources sources;
  DocNode doc;
  ModelSpec spec;
};

// Reads `path` and checks it against the language; `sets` are "path=value" as given on the command line. Mistakes that
// leave a document are added to `found` (made with reading.sources); those that do not (no file, no YAML, an include
// that cannot be read) are thrown as ModelError.
void read_model(const std::string& path, const Language& language, const std::vector<std::string>& sets,
                ModelReading& reading, Diagnostics& found);

// The same from a text instead of a file; `file` is its name in messages. For tests, fuzzing and standard input.
void read_model_text(const std::string& file, const std::string& text, const Language& language,
                     const std::vector<std::string>& sets, ModelReading& reading, Diagnostics& found);

// Returns the ModelSpec of a checked document. Values with mistakes are left at their defaults.
ModelSpec extract_spec(const DocNode& doc, const std::string& file, const Language& language);

// Checks what the table cannot say: keys that exclude each other, names that must exist, ranges that depend on others.
void check_rules(const DocNode& doc, const ModelSpec& spec, Diagnostics& found);

// The most values one sample may have.
inline constexpr double kMaxInputValues = 268'435'456;

// Returns the value at a path like "training.batch", or null.
const DocNode* find_path(const DocNode& doc, std::string_view path);

}  // namespace cleave
