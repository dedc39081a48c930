// The language's one table: every key, its kind, unit, default, range and meaning. The reader, `cleave schema`, the
// reference page and the completion are all made from it; laws and ops bring the rows of their own parameters.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ops/core/op.h"
#include "ops/core/params.h"

namespace cleave {

// What the language may name: catalogs from above and below this folder, handed in by the program. A row added to any
// of them is part of the language without an edit here.
struct Language {
  std::span<const OpDef> ops;
  std::vector<LawDef> priors, proposals, selectors, losses, datasets, presets;

  // Returns the catalog of this name ("priors", …), empty for an unknown one.
  std::span<const LawDef> laws(std::string_view catalog) const;
};

// Ops that hold layers and are expanded when the graph is built: residual, parallel, repeat.
struct BlockDef {
  const char* name;
  const char* doc;
  std::span<const FieldDef> fields;
};
std::span<const BlockDef> block_catalog();

// Rows as a tree, so that the children of a path are at hand. A row's name is its path: "training.batch",
// "devices.*.memory" (`*` = any name), "links.overrides.bandwidth" (the records of a list add no step).
struct FieldTree {
  const FieldDef* field = nullptr;  // null for a root
  std::string_view key;             // the last step of the path
  std::vector<FieldTree> children;  // in table order

  // Returns the child for `key`: one of that name, else the `*` child, else null.
  const FieldTree* child(std::string_view key) const;
  FieldTree* find(std::string_view key);  // by exact name
};
FieldTree field_tree(std::span<const FieldDef> rows);
// The keys of a model file.
FieldTree language_tree();
// The keys a layer may have beside its op; and those of a body or head written as a map.
FieldTree layer_tree();
FieldTree part_tree();

// True for the keys that start with `x-`, which the language leaves to the user.
bool is_free_key(std::string_view key);

}  // namespace cleave
