// How a document becomes a tree without trusting it. First the bytes are checked (UTF-8, control characters, tabs),
// then yaml-cpp's events are gated: depth, number of nodes with aliases expanded, length of names and scalars, tags. A
// node is only stored once the gate has let it through, so a hostile file costs no more than the limits allow. yaml-cpp
// neither reports duplicate keys nor merges `<<`; both are done here, when a map ends.
#include "graphs/yaml_reader.h"

#include <algorithm>
#include <array>
#include <map>
#include <sstream>
#include <unordered_map>
#include <unordered_set>

#include <fmt/format.h>
#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

namespace cleave {

namespace {

[[noreturn]] void refuse(Diagnostics& found, const SourcePos& pos, std::string message, std::string hint = {},
                         std::string suggestion = {}) {
  found.add(pos, std::move(message), std::move(hint), std::move(suggestion));
  found.throw_if_any();
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

void check_text(const std::string& file, std::string_view text, Diagnostics& found) {
  SourcePos pos{file, 1, 1, 1};
  bool indenting = true;
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const std::size_t length = utf8_length(text.substr(i));
    if (length == 0) refuse(found, pos, fmt::format("byte 0x{:02x} is not UTF-8", byte), "save the file as UTF-8");
    if (byte == '\t' && indenting) refuse(found, pos, "a tab in the indentation", "write spaces", "  ");
    const bool control = byte < 0x20 && byte != '\n' && byte != '\r' && byte != '\t';
    if (control || byte == 0x7F) refuse(found, pos, fmt::format("control character 0x{:02x}", byte), "remove it");
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
  TreeBuilder(std::string file, std::string_view text, Diagnostics& found)
      : file_(std::move(file)), text_(text), found_(found) {}

  DocNode take_root() { return std::move(root_); }
  // Where the innermost list or map that is not finished starts; line 0 when there is none.
  SourcePos unfinished() const { return open_.empty() ? SourcePos{} : open_.back().node.pos; }

  void OnDocumentStart(const YAML::Mark& mark) override {
    if (seen_document_)
      refuse(found_, place(mark, 1), "a second document; a model file holds one", "remove the '---' above it");
    seen_document_ = true;
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override { leaf({}, place_of_null(mark), anchor); }

  void OnAlias(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    const SourcePos pos = place(mark, 1);
    const auto known = anchors_.find(anchor);
    if (known == anchors_.end()) refuse(found_, pos, "an alias inside the value it stands for");
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
    const SourcePos pos = place(mark, length_of(mark, value, node.quoted));
    check_tag(tag, pos);
    if (value.size() > kMaxScalarBytes)
      refuse(found_, {file_, pos.line, pos.col, 1},
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
    DocEntry key;                                     // the key waiting for its value
    std::unordered_map<std::string, SourcePos> keys;  // those read so far
  };

  SourcePos place(const YAML::Mark& mark, int length) const { return {file_, mark.line + 1, mark.column + 1, length}; }

  // yaml-cpp puts a value that is not there at what follows it; told is the end of what stands before.
  SourcePos place_of_null(const YAML::Mark& mark) const {
    if (!open_.empty() && open_.back().has_key) return open_.back().key.key_pos;
    std::size_t at = std::min(static_cast<std::size_t>(std::max(0, mark.pos)), text_.size());
    const bool written = at < text_.size() && (text_[at] == '~' || text_[at] == 'n' || text_[at] == 'N');
    if (written) return place(mark, text_[at] == '~' ? 1 : 4);
    while (at > 0 && std::string_view(" \r\n").find(text_[at - 1]) != std::string_view::npos) --at;
    if (at == 0) return place(mark, 1);
    const std::size_t line_start = text_.rfind('\n', at - 1) + 1;  // 0 on the first line: npos + 1
    const auto line = 1 + std::count(text_.begin(), text_.begin() + static_cast<std::ptrdiff_t>(line_start), '\n');
    return {file_, static_cast<int>(line), static_cast<int>(at - line_start), 1};
  }

  // Of the scalar as it stands in the text: a quoted one may hold escapes.
  int length_of(const YAML::Mark& mark, const std::string& value, bool quoted) const {
    const std::size_t start = static_cast<std::size_t>(std::max(0, mark.pos));
    if (!quoted || start >= text_.size()) return static_cast<int>(value.size());
    const char quote = text_[start];
    std::size_t end = start + 1;
    while (end < text_.size() && text_[end] != quote && text_[end] != '\n')
      end += text_[end] == '\\' && quote == '"' ? 2 : 1;
    return static_cast<int>(std::min(end + 1, text_.size()) - start);
  }

  void check_tag(const std::string& tag, const SourcePos& pos) const {
    if (tag.empty() || tag == "?" || tag == "!") return;
    refuse(found_, {pos.file, pos.line, pos.col, 1}, fmt::format("the tag '{}' is not part of the language", tag),
           "remove it");
  }
  [[noreturn]] void refuse_depth(const SourcePos& pos) const {
    refuse(found_, pos, fmt::format("nested deeper than {} levels", kMaxDepth));
  }
  void count_nodes(std::int64_t more, const SourcePos& pos) {
    nodes_ += more;
    if (nodes_ > kMaxNodes)
      refuse(found_, pos, fmt::format("more than {} values, aliases expanded; the file is too large", kMaxNodes));
  }

  void open(DocNode::Type type, const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor) {
    const SourcePos pos = place(mark, 1);
    check_tag(tag, pos);
    count_nodes(1, pos);
    if (static_cast<int>(open_.size()) >= kMaxDepth) refuse_depth(pos);
    if (!open_.empty() && open_.back().node.is_map() && !open_.back().has_key)
      refuse(found_, pos, "a key must be a name, not a list or a map");
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
    if (!node.is_scalar()) refuse(found_, pos, "a key must be a name", "write the name before the ':'");
    if (node.scalar.size() > kMaxNameLength)
      refuse(found_, {file_, pos.line, pos.col, 1},
             fmt::format("a name of {} characters; the limit is {}", node.scalar.size(), kMaxNameLength));
    parent.key = {node.scalar, pos, {}, false};
    parent.has_key = true;
    const auto [first, fresh] = parent.keys.emplace(node.scalar, pos);
    if (fresh) return;
    Diagnostic& twice = found_.add(pos, fmt::format("the key '{}' stands twice", node.scalar), "keep one of the two");
    found_.note(twice, first->second, "the first one");
  }

  // YAML's merge key: own entries win, then the earlier of several maps.
  void merge(DocNode& map) {
    if (map.find("<<") == nullptr) return;
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
    std::unordered_set<std::string> known;
    for (const DocEntry& entry : map.entries) known.insert(entry.key);
    for (DocNode& base : bases)
      for (DocEntry& entry : base.entries) {
        if (!known.insert(entry.key).second) continue;
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
  std::string_view text_;
  Diagnostics& found_;
  std::vector<Open> open_;
  std::map<YAML::anchor_t, DocNode> anchors_;
  std::int64_t nodes_ = 0;
  bool seen_document_ = false;
  DocNode root_;
};

// What yaml-cpp says, in words of the file.
struct Syntax {
  const char* theirs;
  const char* ours;
  const char* hint;
  bool at_opening;  // the place that helps is where the list or map starts
};
constexpr auto kSyntax = std::to_array<Syntax>({
    {"end of map flow not found", "this '{' has no '}'", "", true},
    {"end of sequence flow not found", "this '[' has no ']'", "", true},
    {"end of map not found", "this line is indented neither as the one above nor as a key further up",
     "put it below the key it belongs to", false},
    {"end of sequence not found", "this line is indented neither as the item above nor as a key further up",
     "an item starts with '- '", false},
    {"illegal map value", "a ':' where no key can stand", "one key a line; quote a text that holds ': '", false},
    {"illegal block entry", "a '- ' where no item can stand", "an item stands on a line of its own", false},
    {"illegal flow end", "a ']' or '}' that closes nothing", "remove it", false},
});

void report(const YAML::Exception& error, SourcePos pos, std::string_view text, const SourcePos& opening,
            Diagnostics& found) {
  const std::size_t at = static_cast<std::size_t>(std::max(0, error.mark.pos));
  if (error.msg.find("anchor is not defined") != std::string::npos && at < text.size() && text[at] == '*') {
    const std::string_view name = text.substr(at, text.find_first_of(" ,]}\r\n", at) - at);
    pos.length = static_cast<int>(name.size());
    found.add(pos, fmt::format("there is no '&{}' above", name.substr(1)),
              "an alias repeats what an '&NAME' above marks");
    return;
  }
  for (const Syntax& known : kSyntax)
    if (error.msg == known.theirs) {
      found.add(known.at_opening && opening.line > 0 ? opening : pos, known.ours, known.hint);
      return;
    }
  found.add(pos, fmt::format("not valid YAML: {}", error.msg));
}

}  // namespace

const DocNode* DocNode::find(std::string_view key) const {
  for (const DocEntry& entry : entries)
    if (entry.key == key) return &entry.value;
  return nullptr;
}

DocNode* DocNode::find(std::string_view key) {
  return const_cast<DocNode*>(static_cast<const DocNode*>(this)->find(key));
}

DocNode parse_yaml(const std::string& file, const std::string& text, Diagnostics& found) {
  check_text(file, text, found);
  TreeBuilder builder(file, text, found);
  try {
    std::istringstream stream(text);
    YAML::Parser parser(stream);
    while (parser.HandleNextDocument(builder)) {}
  } catch (const YAML::Exception& error) {
    report(error, {file, error.mark.line + 1, error.mark.column + 1, 1}, text, builder.unfinished(), found);
    found.throw_if_any();
  }
  DocNode root = builder.take_root();
  if (root.is_null()) root.pos = {file, 0, 0, 1};
  return root;
}

}  // namespace cleave
