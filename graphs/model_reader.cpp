// A model file is a stack of documents, the nearest winning: `--set` over the file, the file together with its includes
// (which may not set the same key), under them the preset, under that the table's defaults (added by check_doc).
#include "graphs/model_reader.h"

#include <algorithm>
#include <filesystem>
#include <unordered_map>

#include <fmt/format.h>

#include "graphs/check_doc.h"

namespace cleave {

namespace {

constexpr std::size_t kMaxIncludes = 16;
constexpr std::size_t kMaxSetPath = 512;

// What `preset` fills in. "recommended" is the table's defaults and those of the catalogs.
constexpr const char* kAsPublished = R"(
training: {batch: 512, epochs: 5, lambda: 100000, iterations: {max: 10, stop_early: on_new_input}}
network: {select: {conv2d: one_filter, dense: {uniform: 363}}}
)";

struct Opened {
  Sources& sources;
  Diagnostics& found;
  std::vector<std::string> chain;  // the files being included, outermost first
  std::size_t count = 0;
  bool unreadable = false;  // one of them: what it holds is not known, so nothing can be said to be missing
};

bool is_own_key(std::string_view key) {
  return key == "version" || key == "name" || key == "description" || key == "include" || is_free_key(key);
}

// Merges `from` into `into`; a key both have with other than two maps is a mistake.
void merge_include(DocNode& into, DocNode from, bool top, Opened& opened) {
  std::unordered_map<std::string, std::size_t> known;
  for (std::size_t i = 0; i < into.entries.size(); ++i) known.emplace(into.entries[i].key, i);
  for (DocEntry& entry : from.entries) {
    if (top && is_own_key(entry.key)) continue;
    const auto place = known.find(entry.key);
    if (place == known.end()) {
      into.entries.push_back(std::move(entry));
      continue;
    }
    DocEntry* old = &into.entries[place->second];
    if (old->value.is_map() && entry.value.is_map()) {
      merge_include(old->value, std::move(entry.value), false, opened);
    } else {
      Diagnostic& twice = opened.found.add(old->key_pos, fmt::format("'{}' is also set in an included file", entry.key),
                                           "keep one of the two");
      opened.found.note(twice, entry.key_pos, "the other one");
    }
  }
}

void merge_includes(DocNode& doc, const std::string& file, Opened& opened);

// Reads one included file with its own includes.
DocNode open_include(const DocNode& name, const std::string& from, Opened& opened) {
  const std::filesystem::path path = std::filesystem::path(from).parent_path() / name.scalar;
  const std::string file = path.lexically_normal().string();
  if (std::find(opened.chain.begin(), opened.chain.end(), file) != opened.chain.end()) {
    opened.found.add(name.pos, fmt::format("include cycle: {} -> {}", fmt::join(opened.chain, " -> "), file),
                     "remove one of the includes");
    opened.unreadable = true;
    return {};
  }
  if (++opened.count > kMaxIncludes) {
    opened.found.add(name.pos, fmt::format("more than {} included files", kMaxIncludes));
    return {};
  }
  const std::string text = read_source(file, name.pos, opened.sources);
  opened.sources.add(file, text);
  DocNode doc = parse_yaml(file, text, opened.found);
  if (!doc.is_map()) opened.found.add({file, 1, 1, 1}, "an included file is a map of keys", "start with version: 1");
  else if (doc.find("version") == nullptr)
    opened.found.add({file, 1, 1, 1}, "an included file needs 'version'", "add version: 1");
  opened.chain.push_back(file);
  merge_includes(doc, file, opened);
  opened.chain.pop_back();
  return doc;
}

// The same; one that cannot be read at all is reported with what else is wrong so far.
DocNode try_include(const DocNode& name, const std::string& from, Opened& opened) {
  try {
    return open_include(name, from, opened);
  } catch (const ModelError& error) {
    for (const Diagnostic& diagnostic : error.diagnostics()) opened.found.add(diagnostic);
    opened.unreadable = true;
    return {};
  }
}

void merge_includes(DocNode& doc, const std::string& file, Opened& opened) {
  const DocNode* include = doc.find("include");
  if (include == nullptr) return;
  std::vector<DocNode> names = include->items;
  if (include->is_scalar()) names.push_back(*include);
  for (const DocNode& name : names)
    if (name.is_scalar()) merge_include(doc, try_include(name, file, opened), true, opened);
}

// The value at `path`, made where it does not exist; null when a list is on the way and the step is not an index in it.
DocNode* make_path(DocNode& doc, std::string_view path, SourcePos pos) {
  DocNode* at = &doc;
  const std::string_view whole = path;
  while (!path.empty()) {
    const std::size_t dot = path.find('.');
    const std::string key(path.substr(0, dot));
    pos.col = 1 + static_cast<int>(path.data() - whole.data());
    pos.length = static_cast<int>(key.size());
    path = dot == std::string_view::npos ? "" : path.substr(dot + 1);
    if (at->is_list()) {
      const bool digits = !key.empty() && key.size() < 6 && key.find_first_not_of("0123456789") == std::string::npos;
      if (!digits || std::stoul(key) >= at->items.size()) return nullptr;
      at = &at->items[std::stoul(key)];
      continue;
    }
    if (!at->is_map()) *at = DocNode{};
    at->type = DocNode::Type::map;
    if (at->find(key) == nullptr) {
      DocNode child;
      child.pos = pos;
      at->entries.push_back({key, pos, std::move(child), false});
    }
    at = at->find(key);
  }
  return at;
}

void apply_set(DocNode& doc, const std::string& set, Sources& sources, Diagnostics& found) {
  const std::size_t equals = set.find('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == set.size())
    throw UserError(fmt::format("--set {}: write --set path=value, for example --set training.epochs=1", set));
  const std::string path = set.substr(0, equals);
  if (path == "include" || path.starts_with("include."))
    throw UserError(fmt::format("--set {}: files are included before --set; write the include into the model", set));
  const auto plain = [](char c) { return c > ' ' && c < 0x7F; };
  if (!std::all_of(path.begin(), path.end(), plain) || path.size() > kMaxSetPath)
    throw UserError("--set: a path is made of keys and dots, for example training.epochs");
  const std::string file = "--set " + path;
  sources.add(file, set);
  const SourcePos pos{file, 1, 1, static_cast<int>(equals)};
  DocNode value = parse_yaml(file, std::string(equals + 1, ' ') + set.substr(equals + 1), found);
  DocNode* target = make_path(doc, path, pos);
  if (target == nullptr) {
    found.add(pos, fmt::format("there is no '{}' in the model", path));
    return;
  }
  *target = std::move(value);
  target->origin = "--set " + set;
}

void mark_origin(DocNode& node, const std::string& origin) {
  node.origin = origin;
  for (DocNode& item : node.items) mark_origin(item, origin);
  for (DocEntry& entry : node.entries) mark_origin(entry.value, origin);
}

// Adds what `into` does not have.
void merge_missing(DocNode& into, const DocNode& from) {
  for (const DocEntry& entry : from.entries) {
    DocNode* own = into.find(entry.key);
    if (own == nullptr) into.entries.push_back(entry);
    else if (own->is_map() && entry.value.is_map()) merge_missing(*own, entry.value);
  }
}

void apply_preset(DocNode& doc, Diagnostics& found) {
  const DocNode* preset = find_path(doc, "training.preset");
  if (preset == nullptr || preset->scalar != "as_published" || doc.find("network") == nullptr) return;
  DocNode filled = parse_yaml("preset", kAsPublished, found);
  mark_origin(filled, "preset as_published");
  merge_missing(doc, filled);
}

}  // namespace

const DocNode* find_path(const DocNode& doc, std::string_view path) {
  const DocNode* at = &doc;
  while (at != nullptr && !path.empty()) {
    const std::size_t dot = path.find('.');
    at = at->find(path.substr(0, dot));
    path = dot == std::string_view::npos ? "" : path.substr(dot + 1);
  }
  return at;
}

void read_model(const std::string& path, const Language& language, const std::vector<std::string>& sets,
                ModelReading& reading, Diagnostics& found) {
  read_model_text(path, read_source(path, {}, reading.sources), language, sets, reading, found);
}

void read_model_text(const std::string& file, const std::string& text, const Language& language,
                     const std::vector<std::string>& sets, ModelReading& reading, Diagnostics& found) {
  reading.sources.add(file, text);
  reading.doc = parse_yaml(file, text, found);
  if (reading.doc.is_map()) {
    Opened opened{reading.sources, found, {std::filesystem::path(file).lexically_normal().string()}};
    merge_includes(reading.doc, file, opened);
    if (opened.unreadable) found.throw_if_any();
    for (const std::string& set : sets) apply_set(reading.doc, set, reading.sources, found);
    apply_preset(reading.doc, found);
  }
  check_doc(reading.doc, language, found);
  reading.spec = extract_spec(reading.doc, file, language);
  check_rules(reading.doc, reading.spec, found);
}

}  // namespace cleave
