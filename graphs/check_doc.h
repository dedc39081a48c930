// A document against the language's table: every key known, every value of its kind and in range, defaults in place.
#pragma once

#include "graphs/schema.h"
#include "graphs/source.h"
#include "graphs/yaml_reader.h"

namespace cleave {

// Checks `doc` (the top map of a model file), stores each scalar's checked value in DocNode::value and adds the
// defaults (origin "default"). Mistakes go to `found`; a value with a mistake is left without `value`.
void check_doc(DocNode& doc, const Language& language, Diagnostics& found);

// The same for other files in YAML (profiles, plans): `rows` are their keys, as the language's table states its own,
// and `what` names such a file in messages: "a profile".
void check_fields(DocNode& doc, std::span<const FieldDef> rows, const char* what, Diagnostics& found);

// Returns the parameters of a checked map of scalars; nested records are joined by dots: "adapt.target".
Params params_of(const DocNode& map);

}  // namespace cleave
