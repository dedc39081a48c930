#include "graphs/check_doc.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "graphs/scalars.h"
#include "ops/core/catalog.h"

namespace cleave {

namespace {

constexpr const char* kDefault = "default";

std::string last_step(const std::string& path) { return path.substr(path.rfind('.') + 1); }
std::string child_path(const std::string& path, std::string_view key) {
  return path.empty() ? std::string(key) : fmt::format("{}.{}", path, key);
}

const char* one_of_catalog(std::string_view catalog) {
  if (catalog == "priors") return "prior";
  if (catalog == "proposals") return "proposal";
  if (catalog == "selectors") return "selector";
  if (catalog == "losses") return "loss";
  if (catalog == "datasets") return "data set";
  return "preset";
}

class Checker {
 public:
  // `what` is the file in messages: "a model file".
  Checker(const Language& language, FieldTree top, std::string what, Diagnostics& found)
      : language_(language),
        found_(found),
        what_(std::move(what)),
        top_(std::move(top)),
        layer_(layer_tree()),
        part_(part_tree()) {
    for (const OpDef& op : language.ops) op_trees_.emplace(op.name, field_tree(op.fields));
    for (const BlockDef& block : block_catalog()) op_trees_.emplace(block.name, field_tree(block.fields));
    for (const auto& [name, tree] : op_trees_) op_names_.push_back(name);
    for (const FieldTree& next : part_.children) part_keys_.emplace_back(next.key);
  }

  void check_top(DocNode& doc) {
    if (doc.is_map()) check_map(doc, top_, "");
    else
      found_.add(doc.pos, doc.is_null() ? "the file holds no keys" : fmt::format("{} is a map of keys", what_),
                 "start with version: 1");
  }

 private:
  // "training" for a child of training, the file itself at the top.
  const std::string& owner(const std::string& path) const { return path.empty() ? what_ : path; }

  void check_map(DocNode& map, const FieldTree& tree, const std::string& path) {
    std::set<std::string> meant;  // keys written with a slip: they are not missing
    for (DocEntry& entry : map.entries) {
      if (path.empty() && is_free_key(entry.key)) continue;
      const FieldTree* next = tree.child(entry.key);
      if (next == nullptr) {
        meant.insert(unknown_key(map, entry, tree, path));
        map.broken = true;
      } else {
        check_value(entry.value, *next, child_path(path, entry.key));
      }
    }
    for (const FieldTree& next : tree.children) {
      if (next.key == "*" || map.find(next.key) != nullptr || meant.count(std::string(next.key)) > 0) continue;
      if (next.field->required) missing_key(map, *next.field, next.key, path);
      else if (next.field->fallback != nullptr) add_default(map, next, path);
    }
  }

  void missing_key(const DocNode& map, const FieldDef& field, std::string_view key, const std::string& path) {
    std::string example;
    if (key == "version") example = "add version: 1";
    if (field.kind == Kind::word) example = fmt::format("add {}: {}", key, field.words);
    for (std::size_t at = 0; (at = example.find('|', at)) != std::string::npos;) example.replace(at, 1, " or ");
    found_.add(map.pos, fmt::format("{} needs '{}' ({})", owner(path), key, field.doc), example);
  }

  void add_default(DocNode& map, const FieldTree& tree, const std::string& path) {
    DocNode node;
    node.origin = kDefault;
    node.pos = map.pos;
    if (tree.field->kind == Kind::record) {
      node.type = DocNode::Type::map;
    } else {
      node.type = DocNode::Type::scalar;
      node.scalar = tree.field->fallback;
    }
    check_value(node, tree, child_path(path, tree.key));
    map.entries.push_back({std::string(tree.key), map.pos, std::move(node), false});
  }

  // Returns the key that was probably meant, "" when none is near.
  std::string unknown_key(const DocNode& map, const DocEntry& entry, const FieldTree& tree, const std::string& path) {
    std::vector<std::string> known;
    for (const FieldTree& next : tree.children) known.emplace_back(next.key);
    std::string near = closest_name(entry.key, known);
    std::string hint = near.empty() ? "" : fmt::format("did you mean '{}'?", near);
    if (near.empty()) hint = where_it_belongs(entry.key, path);
    if (hint.empty() && known.empty()) hint = "it has no parameters";
    if (hint.empty() && known.size() <= 8) hint = fmt::format("known here: {}", fmt::join(known, ", "));
    const bool from_set = entry.key_pos.file.starts_with("--set");  // which may well replace a key
    const bool twice = !near.empty() && map.find(near) != nullptr && !from_set;
    found_.add(entry.key_pos, fmt::format("unknown key '{}' in {}", entry.key, owner(path)),
               twice ? fmt::format("'{}' is set already", near) : hint, twice ? "" : near);
    return near;
  }

  // A key known one level down or up is a key in the wrong place.
  std::string where_it_belongs(const std::string& key, const std::string& path) const {
    if (!path.empty() && top_.child(key) != nullptr) return fmt::format("'{}' belongs at the top of the file", key);
    for (const FieldTree& section : top_.children)
      for (const FieldTree& next : section.children)
        if (next.key == key && section.key != path) return fmt::format("'{}' belongs in {}", key, section.key);
    return "";
  }

  void check_value(DocNode& node, const FieldTree& tree, const std::string& path) {
    const FieldDef& field = *tree.field;
    if (node.is_null()) return empty_value(node, field, tree.key == "*" ? path : last_step(path));
    switch (field.kind) {
      case Kind::record: return check_record(node, tree, path);
      case Kind::table: return check_table(node, tree, path);
      case Kind::records: return check_records(node, tree, path);
      case Kind::law: return check_law(node, field, path);
      case Kind::layers: return check_layers(node, path);
      case Kind::integers:
      case Kind::reals:
      case Kind::texts: return check_list(node, field, path);
      case Kind::any: return;
      default: return check_scalar(node, field, tree.key == "*" ? path : last_step(path));
    }
  }

  void empty_value(const DocNode& node, const FieldDef& field, const std::string& name) {
    const std::string hint = field.fallback == nullptr || field.kind == Kind::record
                                 ? "give it a value or remove the key"
                                 : fmt::format("give it a value, or remove the key for {}", field.fallback);
    found_.add(node.pos, fmt::format("{} has no value", name), hint);
  }

  void check_scalar(DocNode& node, const FieldDef& field, const std::string& name) {
    if (!node.is_scalar()) {
      found_.add(node.pos, fmt::format("{} needs one value, not {}", name,
                                       node.is_list()  ? "a list"
                                       : node.is_map() ? "a map"
                                                       : "an empty one"));
      return;
    }
    ScalarResult result = read_scalar(node.scalar, node.quoted, field, name);
    if (auto* value = std::get_if<ParamValue>(&result)) {
      node.value = std::move(*value);
      return;
    }
    auto& fault = std::get<ScalarFault>(result);
    found_.add(node.pos, std::move(fault.message), std::move(fault.hint), std::move(fault.suggestion));
  }

  void check_list(DocNode& node, const FieldDef& field, const std::string& path) {
    if (field.kind == Kind::texts && node.is_scalar()) {
      check_scalar(node, field, last_step(path));
      return;
    }
    if (!node.is_list()) {
      const bool number = field.kind != Kind::texts;
      const std::string hint = node.is_scalar() ? fmt::format("write [{}]", node.scalar)
                               : number         ? "write [1, 2]"
                                                : "write [A, B]";
      found_.add(node.pos, fmt::format("{} needs a list", last_step(path)), hint);
      return;
    }
    for (DocNode& item : node.items) check_scalar(item, field, last_step(path));
    if (std::all_of(node.items.begin(), node.items.end(), [](const DocNode& item) { return item.value.has_value(); }))
      node.value = joined(node, field.kind);
  }

  static std::optional<ParamValue> joined(const DocNode& node, Kind kind) {
    std::vector<std::int64_t> whole;
    std::vector<double> reals;
    for (const DocNode& item : node.items) {
      if (kind == Kind::integers) whole.push_back(std::get<std::int64_t>(*item.value));
      if (kind == Kind::reals) reals.push_back(std::get<double>(*item.value));
    }
    if (kind == Kind::integers) return whole;
    if (kind == Kind::reals) return reals;
    return std::nullopt;  // texts are read item by item: each has a place of its own
  }

  void check_record(DocNode& node, const FieldTree& tree, const std::string& path) {
    if (node.is_scalar() && tree.field->words != nullptr) {
      FieldDef word = *tree.field;
      word.kind = Kind::word;
      check_scalar(node, word, last_step(path));
    } else if (!node.is_map()) {
      const std::string first = tree.children.empty() ? "key" : std::string(tree.children.front().key);
      found_.add(node.pos, fmt::format("{} needs a map of keys", tree.key == "*" ? path : last_step(path)),
                 fmt::format("write {}: {{{}: …}}", last_step(path), first));
    } else {
      check_map(node, tree, path);
    }
  }

  void check_table(DocNode& node, const FieldTree& tree, const std::string& path) {
    if (!node.is_map()) {
      found_.add(node.pos, fmt::format("{} needs a map from names to values", last_step(path)));
      return;
    }
    for (DocEntry& entry : node.entries) check_value(entry.value, tree.children.front(), child_path(path, entry.key));
  }

  void check_records(DocNode& node, const FieldTree& tree, const std::string& path) {
    if (!node.is_list()) {
      found_.add(node.pos, fmt::format("{} needs a list", last_step(path)), "each item starts with '- '");
      return;
    }
    if (path.ends_with("branches")) {
      for (DocNode& branch : node.items) check_layers(branch, path);
      return;
    }
    for (DocNode& item : node.items) {
      if (item.is_map()) check_map(item, tree, path);
      else found_.add(item.pos, fmt::format("an item of {} needs a map of keys", last_step(path)));
    }
  }

  std::string one_of(std::string_view catalog) const {
    return fmt::format("one of: {}", fmt::join(names_of(language_.laws(catalog)), ", "));
  }

  void unknown_law(const SourcePos& pos, const std::string& name, std::string_view catalog) {
    std::vector<std::string> known;
    for (const LawDef& law : language_.laws(catalog)) known.emplace_back(law.name);
    const std::string near = closest_name(name, known);
    const std::string hint =
        near.empty() ? fmt::format("one of: {}", fmt::join(known, ", ")) : fmt::format("did you mean '{}'?", near);
    found_.add(pos, fmt::format("unknown {} '{}'", one_of_catalog(catalog), name), hint, near);
  }

  const LawDef* find_law(std::string_view catalog, const std::string& name) const {
    return find(language_.laws(catalog), name);
  }

  void check_law(DocNode& node, const FieldDef& field, const std::string& path) {
    const std::string_view catalog = field.catalog;
    if (node.is_scalar()) {
      const LawDef* law = find_law(catalog, node.scalar);
      if (law == nullptr) return unknown_law(node.pos, node.scalar, catalog);
      DocNode map;  // `relu` is short for `relu: {}`: the resolved form is always a map
      map.type = DocNode::Type::map;
      map.pos = node.pos;
      check_law_params(map, *law, child_path(path, law->name));
      const std::string name = node.scalar;
      DocEntry entry{name, node.pos, std::move(map), false};
      node.type = DocNode::Type::map;
      node.scalar.clear();
      node.entries.push_back(std::move(entry));
      return;
    }
    if (!node.is_map()) {
      found_.add(node.pos,
                 fmt::format("{} needs the name of a {}, not a list", last_step(path), one_of_catalog(catalog)),
                 one_of(catalog));
      return;
    }
    if (catalog == "selectors" && is_map_by_op(node)) {
      for (DocEntry& entry : node.entries) check_select_of_op(entry, field, path);
      return;
    }
    if (node.entries.empty()) {
      found_.add(node.pos, fmt::format("{} names no {}", last_step(path), one_of_catalog(catalog)), one_of(catalog));
      return;
    }
    if (node.entries.size() != 1) {
      found_.add(node.pos, fmt::format("{} takes one {}, here are {}", last_step(path), one_of_catalog(catalog),
                                       node.entries.size()));
      return;
    }
    DocEntry& entry = node.entries.front();
    const LawDef* law = find_law(catalog, entry.key);
    if (law == nullptr) return unknown_law(entry.key_pos, entry.key, catalog);
    check_law_params(entry.value, *law, child_path(path, entry.key));
  }

  bool is_map_by_op(const DocNode& node) const {
    return std::any_of(node.entries.begin(), node.entries.end(), [&](const DocEntry& entry) {
      return find(language_.ops, entry.key) != nullptr ||
             (node.entries.size() > 1 && !find_law("selectors", entry.key));
    });
  }

  void check_select_of_op(DocEntry& entry, const FieldDef& field, const std::string& path) {
    if (find(language_.ops, entry.key) != nullptr) return check_law(entry.value, field, child_path(path, entry.key));
    const std::string near = closest_name(entry.key, names_of(language_.ops));
    found_.add(entry.key_pos, fmt::format("unknown op '{}' in {}", entry.key, path),
               near.empty() ? "" : fmt::format("did you mean '{}'?", near), near);
  }

  void check_law_params(DocNode& node, const LawDef& law, const std::string& path) {
    const FieldTree tree = field_tree(law.fields);
    if (node.is_scalar() && law.shorthand != nullptr) {
      DocNode map;
      map.type = DocNode::Type::map;
      map.pos = node.pos;
      map.entries.push_back({law.shorthand, node.pos, std::move(node), false});
      node = std::move(map);
    } else if (node.is_null()) {
      node.type = DocNode::Type::map;
    }
    if (node.is_map()) return check_map(node, tree, path);
    const std::string first = law.fields.empty() ? "" : fmt::format("{}: …", law.fields.front().name);
    found_.add(node.pos, fmt::format("{} needs a map of parameters", law.name),
               fmt::format("write {}: {{{}}}", law.name, first));
  }

  void check_layers(DocNode& node, const std::string& path) {
    if (is_part(node)) return check_map(node, part_, path);
    if (!node.is_list()) {
      found_.add(node.pos, fmt::format("{} needs a list of layers", last_step(path)), "each layer starts with '- '");
      return;
    }
    if (node.items.empty()) found_.add(node.pos, fmt::format("{} is empty", last_step(path)), "at least one layer");
    for (DocNode& item : node.items) {
      const std::size_t before = found_.count();
      check_layer(item, path);
      item.broken = found_.count() > before;
    }
  }

  // A map is a part when it has, or nearly has, a part's key; one with an op lacks its '- '.
  bool is_part(const DocNode& node) const {
    if (!node.is_map()) return false;
    return std::any_of(node.entries.begin(), node.entries.end(), [&](const DocEntry& entry) {
      return part_.child(entry.key) != nullptr || !closest_name(entry.key, part_keys_).empty();
    });
  }

  void check_layer(DocNode& node, const std::string& path) {
    if (node.is_scalar()) {
      if (op_trees_.find(node.scalar) == op_trees_.end()) return unknown_op(node.pos, node.scalar);
      DocNode params;
      params.type = DocNode::Type::null;
      params.pos = node.pos;
      DocEntry entry{node.scalar, node.pos, std::move(params), false};
      node.type = DocNode::Type::map;
      node.scalar.clear();
      node.entries.push_back(std::move(entry));
    }
    if (!node.is_map()) {
      found_.add(node.pos, fmt::format("a layer is an op's name, or a map with one op, not {}",
                                       node.is_list() ? "a list" : "an empty value"));
      return;
    }
    DocEntry* op = find_op_entry(node);
    if (op == nullptr) {
      found_.add(node.pos, "a layer needs an op", fmt::format("one of: {}", fmt::join(op_names_, ", ")));
      return;
    }
    for (DocEntry& entry : node.entries) {
      if (&entry == op) continue;
      const FieldTree* next = layer_.child(entry.key);
      if (next == nullptr) unknown_layer_key(entry, op->key);
      else check_value(entry.value, *next, child_path(path, entry.key));
    }
    check_op(*op);
  }

  // The entry that names the op: an exact name, else the only key that is not a layer's.
  DocEntry* find_op_entry(DocNode& node) {
    DocEntry* unknown = nullptr;
    for (DocEntry& entry : node.entries) {
      if (op_trees_.find(entry.key) != op_trees_.end()) return &entry;
      if (layer_.child(entry.key) == nullptr && unknown == nullptr) unknown = &entry;
    }
    return unknown;
  }

  void unknown_layer_key(const DocEntry& entry, const std::string& op) {
    if (op_trees_.find(entry.key) != op_trees_.end()) {
      found_.add(entry.key_pos, fmt::format("a layer has one op, this one has '{}' and '{}'", op, entry.key),
                 "start a new layer with '- '");
      return;
    }
    std::vector<std::string> known;
    for (const FieldTree& next : layer_.children) known.emplace_back(next.key);
    const std::string near = closest_name(entry.key, known);
    const auto params = op_trees_.find(op);
    const std::string hint = !near.empty() ? fmt::format("did you mean '{}'?", near)
                             : params != op_trees_.end() && params->second.child(entry.key) != nullptr
                                 ? fmt::format("'{0}' belongs inside {1}: {{{0}: …}}", entry.key, op)
                                 : fmt::format("beside an op may stand: {}", fmt::join(known, ", "));
    found_.add(entry.key_pos, fmt::format("unknown key '{}' beside '{}'", entry.key, op), hint, near);
  }

  void unknown_op(const SourcePos& pos, const std::string& name) {
    const std::string near = closest_name(name, op_names_);
    const std::string hint =
        near.empty() ? fmt::format("one of: {}", fmt::join(op_names_, ", ")) : fmt::format("did you mean '{}'?", near);
    found_.add(pos, fmt::format("unknown op '{}'", name), hint, near);
  }

  void check_op(DocEntry& op) {
    const auto tree = op_trees_.find(op.key);
    if (tree == op_trees_.end()) return unknown_op(op.key_pos, op.key);
    if (op.value.is_null()) {
      op.value.type = DocNode::Type::map;
      op.value.pos = op.key_pos;
    }
    if (op.value.is_map()) return check_map(op.value, tree->second, op.key);
    const auto& fields = tree->second.children;
    const std::string first =
        fields.empty() ? "" : fmt::format("{}: {}", fields.front().key, op.value.is_scalar() ? op.value.scalar : "…");
    found_.add(op.value.pos,
               fields.empty() ? fmt::format("{} has no parameters", op.key)
                              : fmt::format("{} needs a map of parameters", op.key),
               fields.empty() ? fmt::format("write {} alone", op.key) : fmt::format("write {}: {{{}}}", op.key, first),
               fields.empty() || !op.value.is_scalar() ? "" : fmt::format("{{{}}}", first));
  }

  const Language& language_;
  Diagnostics& found_;
  std::string what_;
  FieldTree top_, layer_, part_;
  std::map<std::string, FieldTree, std::less<>> op_trees_;
  std::vector<std::string> op_names_;
  std::vector<std::string> part_keys_;  // the keys of a part
};

void collect_params(const DocNode& map, const std::string& prefix, Params& params) {
  for (const DocEntry& entry : map.entries) {
    if (entry.value.value) params.set(prefix + entry.key, *entry.value.value);
    else if (entry.value.is_map() && entry.value.entries.empty()) params.set(prefix + entry.key, true);  // slab: flat
    else if (entry.value.is_map()) collect_params(entry.value, prefix + entry.key + ".", params);
  }
}

}  // namespace

void check_doc(DocNode& doc, const Language& language, Diagnostics& found) {
  Checker(language, language_tree(), "a model file", found).check_top(doc);
}

void check_fields(DocNode& doc, std::span<const FieldDef> rows, const char* what, Diagnostics& found) {
  const Language no_names;
  Checker(no_names, field_tree(rows), what, found).check_top(doc);
}

Params params_of(const DocNode& map) {
  Params params;
  collect_params(map, "", params);
  return params;
}

}  // namespace cleave
