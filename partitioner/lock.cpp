// Writing a plan into the model's file: a text is edited, not a document, so that all that is not placement.mode,
// placement.map (and placement.split, where it would not say how the head is split) stays as it was, byte for byte. The
// parser says where keys stand (partitioner/lock_text.h); comments inside what is replaced are kept above it. What
// comes out is read again and compared, so that a layout nobody thought of is refused, never spoilt.
#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "graphs/model_reader.h"
#include "partitioner/lock_names.h"
#include "partitioner/lock_text.h"
#include "partitioner/plan_file.h"
#include "partitioner/value_text.h"

namespace cleave {

namespace {

constexpr std::size_t kWidth = 100;  // of a line we write

std::size_t at(int index) { return static_cast<std::size_t>(index); }

// "a+b" and "[2]" mean to YAML what they say.
std::string value_text(const std::string& value) {
  return value.starts_with('[') || value.find('+') != std::string::npos ? value : yaml_text(value);
}

// A value to be written under `key`: on one line, or as lines of a block where that would be too long.
struct Wanted {
  std::string key;
  PlacedNames rows;

  std::vector<std::string> lines() const {
    std::vector<std::string> items;
    for (const auto& [name, value] : rows) items.push_back(fmt::format("{}: {}", yaml_text(name), value_text(value)));
    return items;
  }
  std::string flow() const { return fmt::format("{{{}}}", fmt::join(lines(), ", ")); }
};

const DocEntry* entry_of(const DocNode* map, std::string_view key) {
  if (map == nullptr) return nullptr;
  for (const DocEntry& entry : map->entries)
    if (entry.key == key) return &entry;
  return nullptr;
}

PlacedNames rows_of(const DocNode& map) {
  PlacedNames rows;
  for (const DocEntry& entry : map.entries) rows.emplace_back(entry.key, entry.value.scalar);
  return rows;
}

// The same but for the three keys of the placement that are written here.
bool is_same(const DocNode& a, const DocNode& b) {
  return a.type == b.type && a.scalar == b.scalar && a.quoted == b.quoted && a.items.size() == b.items.size() &&
         a.entries.size() == b.entries.size() && std::equal(a.items.begin(), a.items.end(), b.items.begin(), is_same) &&
         std::equal(a.entries.begin(), a.entries.end(), b.entries.begin(),
                    [](const DocEntry& x, const DocEntry& y) { return x.key == y.key && is_same(x.value, y.value); });
}

void remove_key(DocNode& map, std::string_view key) {
  std::erase_if(map.entries, [&](const DocEntry& entry) { return entry.key == key; });
}

DocNode without_lock(DocNode doc, bool split) {
  DocNode* placement = doc.find("placement");
  if (placement == nullptr) return doc;
  remove_key(*placement, "mode");
  remove_key(*placement, "map");
  if (split) remove_key(*placement, "split");
  if (placement->entries.empty()) remove_key(doc, "placement");
  return doc;
}

class Lock {
 public:
  Lock(const Model& model, const std::string& text, const Setting& setting, const Plan& plan)
      : model_(model), setting_(setting), plan_(plan), file_(model.reading.spec.file), text_(text) {
    Diagnostics found(sources_);
    sources_.add(file_, text);
    own_ = parse_yaml(file_, text, found);
    found.throw_if_any();
  }

  std::string write() {
    check_devices();
    stated_ = stated_plan(setting_, plan_);
    map_ = {"map", names_of(setting_.graph, stated_)};
    check_elsewhere();
    set_split_ = !states_split();
    if (plan_.split) split_ = {"split", {{plan_.split->kind, fmt::format("[{}]", plan_.split->ways)}}};
    const DocEntry* placement = entry_of(&own_, "placement");
    if (placement == nullptr) append();
    else edit(*placement);
    std::string made = applied();
    check_made(made);
    return made;
  }

 private:
  struct Edit {
    std::size_t begin = 0, end = 0;
    std::string text;
  };

  void check_devices() const {
    const std::vector<std::string>& known = model_.reading.spec.devices;
    for (const PlanStage& stage : plan_.stages) {
      const std::string& name = setting_.swarm.devices[at(stage.device)].name;
      if (std::find(known.begin(), known.end(), name) == known.end())
        throw UserError(
            fmt::format("{}: '{}' is not one of its devices; a plan is locked for the devices the file "
                        "states",
                        file_, name));
    }
  }

  // Keys that would be written here stand in an included file.
  void check_elsewhere() const {
    const DocNode& doc = model_.reading.doc;
    const DocEntry* placement = entry_of(&doc, "placement");
    std::vector<std::pair<std::string, const DocEntry*>> entries;
    if (entry_of(&own_, "placement") == nullptr) entries.emplace_back("placement", placement);
    for (const char* key : {"mode", "map", "split"})
      if (placement != nullptr)
        entries.emplace_back(fmt::format("placement.{}", key), entry_of(&placement->value, key));
    for (const auto& [key, entry] : entries) {
      if (entry == nullptr || entry->value.origin == "default" || entry->key_pos.file == file_) continue;
      if (entry->key_pos.file.starts_with("--set") || (key == "placement.split" && states_split())) continue;
      throw UserError(fmt::format("{}:{}:{}: {} stands here, not in {}: lock that file, or move the placement",
                                  entry->key_pos.file, entry->key_pos.line, entry->key_pos.col, key, file_));
    }
  }

  // True when placement.split says by the number of ways how the head is split.
  bool states_split() const {
    if (!plan_.split) return true;
    std::vector<std::string> kinds;
    if (const DocNode* split = find_path(model_.reading.doc, "placement.split"))
      for (const DocEntry& kind : split->entries)
        if (kind.value.value) {
          const auto* ways = std::get_if<std::vector<std::int64_t>>(&*kind.value.value);
          if (ways != nullptr && std::count(ways->begin(), ways->end(), plan_.split->ways) > 0)
            kinds.push_back(kind.key);
        }
    return kinds == std::vector<std::string>{plan_.split->kind};
  }

  std::string indent_at(std::size_t offset) const {
    const std::size_t start = text_.line_start(offset);
    return std::string(std::min(text_.text.find_first_not_of(' ', start), text_.text.size()) - start, ' ');
  }

  // "  map: {a: b}", or lines; each with `indent`, without a line break at the end.
  std::string block_text(const Wanted& wanted, const std::string& indent) const {
    const std::string line = fmt::format("{}{}: {}", indent, wanted.key, wanted.flow());
    if (line.size() <= kWidth) return line;
    return fmt::format("{}{}:{}", indent, wanted.key, lines_text(wanted, indent + "  "));
  }
  std::string lines_text(const Wanted& wanted, const std::string& indent) const {
    std::string lines;
    for (const std::string& row : wanted.lines()) lines += fmt::format("{}{}{}", text_.eol(), indent, row);
    return lines;
  }
  std::string flow_text() const {
    std::string text = fmt::format("mode: manual, map: {}", map_.flow());
    if (set_split_) text += fmt::format(", split: {}", split_.flow());
    return text;
  }

  void append() {
    const std::string eol = text_.eol();
    if (own_.entries.empty()) refuse();
    const std::size_t first = text_.offset(own_.entries.front().key_pos);
    const std::size_t opening = text_.offset(own_.pos);
    if (opening < first && text_.text[opening] == '{')
      return edits_.push_back({first, first, fmt::format("placement: {{{}}}, ", flow_text())});
    const std::string indent = indent_at(first);
    std::string text = text_.text.ends_with('\n') ? "" : eol;
    text += fmt::format("{}{}placement:{}{}  mode: manual{}{}{}", eol, indent, eol, indent, eol,
                        block_text(map_, indent + "  "), eol);
    if (set_split_) text += block_text(split_, indent + "  ") + eol;
    edits_.push_back({text_.text.size(), text_.text.size(), std::move(text)});
  }

  void edit(const DocEntry& placement) {
    const std::optional<Extent> extent = placement.merged ? std::nullopt : extent_of(text_, placement);
    if (placement.merged || (extent && extent->written == Written::alias)) {
      const SourcePos& pos = placement.key_pos;
      throw UserError(fmt::format("{}:{}:{}: the placement comes from an anchor; write it out where it stands",
                                  pos.file, pos.line, pos.col));
    }
    if (!extent) refuse();
    const DocEntry* mode = own_entry(placement.value, "mode");
    const DocEntry* map = own_entry(placement.value, "map");
    const DocEntry* split = own_entry(placement.value, "split");
    std::vector<std::string> missing;  // to be written behind `mode`
    const bool block = extent->written == Written::block;
    const std::string indent = block ? indent_at(first_key(placement.value)) : "";
    if (mode == nullptr) missing.push_back(indent + "mode: manual");
    if (map == nullptr) missing.push_back(block ? block_text(map_, indent) : "map: " + map_.flow());
    else set_map(*map, block);
    if (set_split_ && split != nullptr) replace(*split, split_, block);
    else if (set_split_) missing.push_back(block ? block_text(split_, indent) : "split: " + split_.flow());
    insert(*extent, placement, mode, missing);
  }

  static const DocEntry* own_entry(const DocNode& map, std::string_view key) {
    const DocEntry* entry = entry_of(&map, key);
    return entry == nullptr || entry->merged ? nullptr : entry;  // an own key wins over a merged one
  }

  std::size_t first_key(const DocNode& map) const {
    std::size_t first = std::string::npos;
    for (const DocEntry& entry : map.entries)
      if (!entry.merged) first = std::min(first, text_.offset(entry.key_pos));
    return first;
  }

  void insert(const Extent& extent, const DocEntry& placement, const DocEntry* mode, std::vector<std::string> missing) {
    const bool block = extent.written == Written::block;
    if (mode == nullptr && block) {
      const std::size_t before = text_.line_start(first_key(placement.value));
      return edits_.push_back({before, before, fmt::format("{}{}", fmt::join(missing, text_.eol()), text_.eol())});
    }
    if (mode == nullptr) {
      const std::size_t behind = extent.begin + 1;  // the '{'
      const std::size_t next = text_.text.find_first_not_of(" \r\n", behind);
      const bool empty = next != std::string::npos && text_.text[next] == '}';
      return edits_.push_back({behind, behind, fmt::format("{}{}", fmt::join(missing, ", "), empty ? "" : ", ")});
    }
    const std::optional<Extent> value = extent_of(text_, *mode);
    if (!value) refuse();
    const char first = text_.text[value->begin];
    const std::string quote = first == '"' || first == '\'' ? std::string(1, first) : "";
    edits_.push_back({value->begin, value->end, quote + "manual" + quote});
    if (missing.empty()) return;
    const std::size_t behind = block ? text_.line_end(value->end) : value->end;
    const std::string between = block ? text_.eol() : ", ";
    edits_.push_back({behind, behind, between + fmt::format("{}", fmt::join(missing, between))});
  }

  // The same names stay where they stand; others take the place of all.
  void set_map(const DocEntry& map, bool block) {
    const PlacedNames own = rows_of(map.value);
    if (states(setting_.graph, own, stated_)) {
      map_.rows = own;
      return;
    }
    PlacedNames changed = own;
    for (auto& [name, device] : changed) {
      const auto row = std::find_if(map_.rows.begin(), map_.rows.end(), [&](const auto& r) { return r.first == name; });
      if (row == map_.rows.end()) return replace(map, map_, block);
      device = row->second;
    }
    const bool written = std::none_of(map.value.entries.begin(), map.value.entries.end(),
                                      [](const DocEntry& entry) { return entry.merged; });
    if (!written || !states(setting_.graph, changed, stated_)) return replace(map, map_, block);
    for (std::size_t i = 0; i < changed.size(); ++i) {
      const std::optional<Extent> value = extent_of(text_, map.value.entries[i]);
      if (!value) refuse();
      if (changed[i].second != own[i].second)
        edits_.push_back({value->begin, value->end, value_text(changed[i].second)});
    }
    map_.rows = changed;
  }

  void replace(const DocEntry& entry, const Wanted& wanted, bool block) {
    const std::optional<Extent> extent = extent_of(text_, entry);
    if (!extent) refuse();
    const std::size_t key = text_.offset(entry.key_pos);
    const std::string eol = text_.eol();
    if (extent->written == Written::block) {
      const std::string indent = indent_at(first_key(entry.value));
      std::string lines;
      for (const std::string& comment : comments_in(text_, extent->begin, extent->end)) lines += eol + indent + comment;
      lines += lines_text(wanted, indent);
      return edits_.push_back({extent->begin, extent->end, lines.substr(eol.size())});
    }
    std::string above;
    for (const std::string& comment : comments_in(text_, extent->colon, extent->end))
      above += indent_at(key) + comment + eol;
    if (!above.empty()) edits_.push_back({text_.line_start(key), text_.line_start(key), above});
    std::string value = " " + wanted.flow();
    if (block && key - text_.line_start(key) + entry.key.size() + 1 + value.size() > kWidth)
      value = lines_text(wanted, indent_at(key) + "  ");
    edits_.push_back({extent->colon, extent->end, std::move(value)});
  }

  std::string applied() {
    std::stable_sort(edits_.begin(), edits_.end(), [](const Edit& a, const Edit& b) { return a.begin < b.begin; });
    std::string made;
    std::size_t copied = 0;
    for (const Edit& edit : edits_) {
      if (edit.begin < copied) refuse();
      made += text_.text.substr(copied, edit.begin - copied) + edit.text;
      copied = edit.end;
    }
    return made + text_.text.substr(copied);
  }

  [[noreturn]] void refuse() const {
    std::string block = "placement:\n  mode: manual\n" + block_text(map_, "  ");
    if (set_split_) block += "\n" + block_text(split_, "  ");
    throw UserError(
        fmt::format("{}: the placement is written in a way that cannot be edited here; write\n{}", file_, block));
  }

  void check_made(const std::string& made) const {
    Sources sources;
    sources.add(file_, made);
    Diagnostics found(sources);
    try {
      const DocNode doc = parse_yaml(file_, made, found);
      const DocNode* mode = find_path(doc, "placement.mode");
      const DocNode* map = find_path(doc, "placement.map");
      const bool stated = found.empty() && mode != nullptr && mode->scalar == "manual" && map != nullptr &&
                          states(setting_.graph, rows_of(*map), stated_);
      if (stated && is_same(without_lock(doc, set_split_), without_lock(own_, set_split_))) return;
    } catch (const ModelError&) {  // told below
    }
    refuse();
  }

  const Model& model_;
  const Setting& setting_;
  const Plan& plan_;
  std::string file_;
  LockText text_;
  Sources sources_;
  DocNode own_;
  StatedPlan stated_;
  Wanted map_, split_;
  bool set_split_ = false;
  std::vector<Edit> edits_;
};

}  // namespace

std::string locked_model(const Model& model, const std::string& text, const Setting& setting, const Plan& plan) {
  return Lock(model, text, setting, plan).write();
}

}  // namespace cleave
