// How a document becomes a tree without trusting it. First the bytes are checked (UTF-8, control characters, tabs),
// then yaml-cpp's events are gated: depth, number of nodes with aliases expanded, length of names and scalars, tags. A
// node is only stored once the gate has let it through, so a hostile file costs no more than the limits allow. yaml-cpp
// neither reports duplicate keys nor merges `<<`; both are done here, when a map ends.
#include "graphs/yaml_reader.h"

#include <map>
#include <sstream>

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

namespace cleave {

namespace {

[[noreturn]] void refuse(const Sources& sources, const SourcePos& pos, std::string message, std::string hint = {},
                         std::string suggestion = {}) {
  Diagnostics diagnostics(sources);
  diagnostics.add(pos, std::move(message), std::move(hint), std::move(suggestion));
  diagnostics.throw_if_any();
  std::abort();  // throw_if_any has thrown
}

// Length of the UTF-8 sequence at the start of `s`, 0 when it is not valid (overlong forms and surrogates are not).
std::size_t utf8_length(std::string_view s) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(s[i]); };
  if (byte(0) < 0x80) return 1;
  const std::size_t length = byte(0) >= 0xF0 ? 4 : byte(0) >= 0xE0 ? 3 : 2;
  if (byte(0) < 0xC2 || byte(0) > 0xF4 || s.size() < length) return 0;
  for (std::size_t i = 1; i < length; ++i)
    if ((byte(i) & 0xC0) != 0x80) return 0;
  const bool overlong = (byte(0) == 0xE0 && byte(1) < 0xA0) || (byte(0) == 0xF0 && byte(1) < 0x90);
  const bool out_of_range = (byte(0) == 0xED && byte(1) >= 0xA0) || (byte(0) == 0xF4 && byte(1) >= 0x90);
  return overlong || out_of_range ? 0 : length;
}

void check_text(const std::string& file, std::string_view text, const Sources& sources) {
  SourcePos pos{file, 1, 1, 1};
  bool indenting = true;
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const std::size_t length = utf8_length(text.substr(i));
    if (length == 0) refuse(sources, pos, fmt::format("byte 0x{:02x} is not UTF-8", byte), "save the file as UTF-8");
    if (byte == '\t' && indenting) refuse(sources, pos, "a tab in the indentation", "write spaces", "  ");
    const bool control = byte < 0x20 && byte != '\n' && byte != '\r' && byte != '\t';
    if (control || byte == 0x7F) refuse(sources, pos, fmt::format("control character 0x{:02x}", byte), "remove it");
    indenting = byte == '\n' || (indenting && byte == ' ');
    i += length;
    pos.col += static_cast<int>(length);
    if (byte == '\n') pos = {file, pos.line + 1, 1, 1};
  }
}

std::int64_t size_of(const DocNode& node) {
  std::int64_t count = 1;
  for (const DocNode& item : node.items) count += size_of(item);
  for (const DocEntry& entry : node.entries) count += 1 + size_of(entry.value);
  return count;
}

int depth_of(const DocNode& node) {
  int depth = 0;
  for (const DocNode& item : node.items) depth = std::max(depth, depth_of(item));
  for (const DocEntry& entry : node.entries) depth = std::max(depth, depth_of(entry.value));
  return depth + 1;
}

// Builds the tree from events; a stack of the open lists and maps.
class TreeBuilder : public YAML::EventHandler {
 public:
  TreeBuilder(std::string file, const Sources& sources, Diagnostics& found)
      : file_(std::move(file)), sources_(sources), found_(found) {}

  DocNode take_root() { return std::move(root_); }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (seen_document_)
      refuse(sources_, place(mark, 1), "a second document; a model file holds one", "remove the '---' above it");
    seen_document_ = true;
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { leaf({}, place(mark, 1), anchor); }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const SourcePos pos = place(mark, 1);
    const auto known = anchors_.find(anchor);
    if (known == anchors_.end()) refuse(sources_, pos, "an alias inside the value it stands for");
    count_nodes(size_of(known->second), pos);
    if (static_cast<int>(open_.size()) + depth_of(known->second) > kMaxDepth) refuse_depth(pos);
    attach(known->second, pos);
  }

  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    DocNode node;
    node.type = DocNode::Type::scalar;
    node.quoted = tag == "!";
    node.scalar = value;
    const SourcePos pos = place(mark, static_cast<int>(value.size()) + (node.quoted ? 2 : 0));
    check_tag(tag, pos);
    if (value.size() > kMaxScalarBytes)
      refuse(sources_, {file_, pos.line, pos.col, 1},
             fmt::format("a value of {} bytes; the limit is {}", value.size(), kMaxScalarBytes));
    leaf(std::move(node), pos, anchor);
  }

  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value /*style*/) override {
    open(DocNode::Type::list, mark, tag, anchor);
  }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value /*style*/) override {
    open(DocNode::Type::map, mark, tag, anchor);
  }
  void OnSequenceEnd() override { close(); }
  void OnMapEnd() override {
    merge(open_.back().node);
    close();
  }

 private:
  struct Open {
    DocNode node;
    YAML::anchor_t anchor = 0;
    bool has_key = false;
    DocEntry key;  // the key waiting for its value
  };

  SourcePos place(const YAML::Mark& mark, int length) const { return {file_, mark.line + 1, mark.column + 1, length}; }

  void check_tag(const std::string& tag, const SourcePos& pos) const {
    if (tag.empty() || tag == "?" || tag == "!") return;
    refuse(sources_, {pos.file, pos.line, pos.col, 1}, fmt::format("the tag '{}' is not part of the language", tag),
           "remove it");
  }
  [[noreturn]] void refuse_depth(const SourcePos& pos) const {
    refuse(sources_, pos, fmt::format("nested deeper than {} levels", kMaxDepth));
  }
  void count_nodes(std::int64_t more, const SourcePos& pos) {
    nodes_ += more;
    if (nodes_ > kMaxNodes)
      refuse(sources_, pos, fmt::format("more than {} values, aliases expanded; the file is too large", kMaxNodes));
  }

  void open(DocNode::Type type, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    const SourcePos pos = place(mark, 1);
    check_tag(tag, pos);
    count_nodes(1, pos);
    if (static_cast<int>(open_.size()) >= kMaxDepth) refuse_depth(pos);
    if (!open_.empty() && open_.back().node.is_map() && !open_.back().has_key)
      refuse(sources_, pos, "a key must be a name, not a list or a map");
    Open entry;
    entry.node.type = type;
    entry.node.pos = pos;
    entry.anchor = anchor;
    open_.push_back(std::move(entry));
  }

  void close() {
    Open done = std::move(open_.back());
    open_.pop_back();
    if (done.anchor != 0) anchors_[done.anchor] = done.node;
    const SourcePos pos = done.node.pos;
    attach(std::move(done.node), pos);
  }

  void leaf(DocNode node, const SourcePos& pos, YAML::anchor_t anchor) {
    count_nodes(1, pos);
    node.pos = pos;
    if (anchor != 0) anchors_[anchor] = node;
    attach(std::move(node), pos);
  }

  // Puts a finished node where the innermost open list or map wants it. `pos` is where it is used.
  void attach(DocNode node, const SourcePos& pos) {
    if (open_.empty()) {
      root_ = std::move(node);
      return;
    }
    Open& parent = open_.back();
    if (parent.node.is_list()) {
      parent.node.items.push_back(std::move(node));
    } else if (!parent.has_key) {
      take_key(parent, node, pos);
    } else {
      parent.key.value = std::move(node);
      parent.node.entries.push_back(std::move(parent.key));
      parent.has_key = false;
    }
  }

  void take_key(Open& parent, const DocNode& node, const SourcePos& pos) {
    if (!node.is_scalar()) refuse(sources_, pos, "a key must be a name", "write the name before the ':'");
    if (node.scalar.size() > kMaxNameLength)
      refuse(sources_, {file_, pos.line, pos.col, 1},
             fmt::format("a name of {} characters; the limit is {}", node.scalar.size(), kMaxNameLength));
    parent.key = {node.scalar, pos, {}, false};
    parent.has_key = true;
    for (const DocEntry& entry : parent.node.entries)
      if (entry.key == node.scalar)
        found_.add(pos, fmt::format("the key '{}' stands twice", node.scalar),
                   fmt::format("first on line {}; keep one", entry.key_pos.line));
  }

  // YAML's merge key: own entries win, then the earlier of several maps.
  void merge(DocNode& map) {
    std::vector<DocEntry> own;
    std::vector<DocNode> bases;
    for (DocEntry& entry : map.entries) {
      if (entry.key != "<<") own.push_back(std::move(entry));
      else if (entry.value.is_map()) bases.push_back(std::move(entry.value));
      else if (entry.value.is_list()) take_bases(entry, bases);
      else
        found_.add(entry.value.pos, "'<<' merges a map, this is not one", "write '<<: *NAME' with the anchor of a map");
    }
    map.entries = std::move(own);
    for (DocNode& base : bases)
      for (DocEntry& entry : base.entries) {
        if (map.find(entry.key) != nullptr) continue;
        entry.merged = true;
        map.entries.push_back(std::move(entry));
      }
  }

  void take_bases(DocEntry& entry, std::vector<DocNode>& bases) {
    for (DocNode& base : entry.value.items) {
      if (base.is_map()) bases.push_back(std::move(base));
      else found_.add(base.pos, "'<<' merges maps, this is not one", "write '<<: [*A, *B]' with anchors of maps");
    }
  }

  std::string file_;
  const Sources& sources_;
  Diagnostics& found_;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, DocNode> anchors_;
  std::int64_t nodes_ = 0;
  bool seen_document_ = false;
  DocNode root_;
};

}  // namespace

const DocNode* DocNode::find(std::string_view key) const {
  for (const DocEntry& entry : entries)
    if (entry.key == key) return &entry.value;
  return nullptr;
}

DocNode* DocNode::find(std::string_view key) {
  return const_cast<DocNode*>(static_cast<const DocNode*>(this)->find(key));
}

DocNode parse_yaml(const std::string& file, const std::string& text, const Sources& sources) {
  check_text(file, text, sources);
  Diagnostics found(sources);
  TreeBuilder builder(file, sources, found);
  try {
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {}
  } catch (const YAML::Exception& error) {
    const SourcePos pos{file, error.mark.line + 1, error.mark.column + 1, 1};
    found.add(pos, fmt::format("not valid YAML: {}", error.msg));
  }
  found.throw_if_any();
  return builder.take_root();
}

}  // namespace cleave
