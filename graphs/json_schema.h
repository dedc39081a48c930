// The language's table as a JSON Schema (draft 7) for editors, and as a page for people.
#pragma once

#include <string>

#include "graphs/schema.h"

namespace cleave {

// Returns the JSON Schema of a model or swarm file. It knows every key, kind, unit, range and word; what needs more
// than one place to be judged (names, shapes, sums) only `cleave check` knows.
std::string json_schema(const Language& language);

// Returns the reference of the language as Markdown: every key with its kind, default and meaning.
std::string language_reference(const Language& language);

}  // namespace cleave
