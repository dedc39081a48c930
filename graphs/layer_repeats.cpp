// Entries are compared by what they are written as, names left out. At every place of a list, from the top, the
// repetition is taken that saves the most entries; it must begin with a layer that has a kernel or with a block, so
// that a body ends and does not begin with its activation. Of several places that save as much, that is taken where the
// file's names agree.
#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include <fmt/format.h>

#include "graphs/layer_structure.h"

namespace cleave {

namespace {

constexpr std::size_t kLongestBody = 64;  // entries
constexpr std::int64_t kMostTimes = 1000;

bool has_kernel(const Node& node) { return !node.weights.empty() && node.weights.front().role == Role::kernel; }

class Repeats {
 public:
  Repeats(const Graph& graph, const std::vector<LayerItem>& items) : graph_(graph) { note_read(items); }

  std::vector<LayerItem> fold(std::vector<LayerItem> items) {
    for (LayerItem& item : items)
      for (std::vector<LayerItem>& part : item.parts) part = fold(std::move(part));
    return fold_list(std::move(items));
  }

 private:
  // What is read by name cannot stand in a repeat: it would be there several times.
  void note_read(const std::vector<LayerItem>& items) {
    for (const LayerItem& item : items) {
      read_.insert(item.from.begin(), item.from.end());
      for (const std::vector<LayerItem>& part : item.parts) note_read(part);
    }
  }

  std::vector<LayerItem> fold_list(std::vector<LayerItem> items) {
    std::vector<int> kinds;
    for (const LayerItem& item : items) kinds.push_back(kind_of(item));
    std::vector<LayerItem> folded;
    for (std::size_t at = 0; at < items.size();) {
      const auto [body, times] = chosen_at(items, kinds, at);
      if (times < 2) {
        folded.push_back(std::move(items[at++]));
        continue;
      }
      const std::size_t end = at + body * static_cast<std::size_t>(times);
      LayerItem repeat{.kind = LayerItem::Kind::repeat, .times = times};
      for (std::size_t i = at; i < end; ++i)
        repeat.inside.insert(repeat.inside.end(), items[i].inside.begin(), items[i].inside.end());
      std::vector<LayerItem> once(std::make_move_iterator(items.begin() + static_cast<std::ptrdiff_t>(at)),
                                  std::make_move_iterator(items.begin() + static_cast<std::ptrdiff_t>(at + body)));
      repeat.parts.push_back(fold_list(std::move(once)));
      folded.push_back(std::move(repeat));
      at = end;
    }
    return folded;
  }

  // Nothing where as much is saved a little further on and the names of each turn belong together there.
  std::pair<std::size_t, std::int64_t> chosen_at(const std::vector<LayerItem>& items, const std::vector<int>& kinds,
                                                 std::size_t at) const {
    const auto [body, times] = best_at(items, kinds, at);
    if (times < 2 || is_aligned(items, at, body, times)) return {body, times};
    for (std::size_t later = at + 1; later < at + body; ++later)
      if (best_at(items, kinds, later) == std::pair(body, times) && is_aligned(items, later, body, times))
        return {0, 1};
    return {body, times};
  }

  // What the names of some entries begin with.
  std::string common_start(const std::vector<LayerItem>& items, std::size_t from, std::size_t to) const {
    const std::string* first = nullptr;
    std::size_t common = 0;
    for (std::size_t i = from; i < to; ++i)
      for (const NodeId id : items[i].inside) {
        const std::string& name = graph_.node(id).name;
        if (name.empty()) continue;
        if (first == nullptr) common = name.size();
        first = first == nullptr ? &name : first;
        while (name.compare(0, common, *first, 0, common) != 0) --common;
      }
    return first == nullptr ? "" : first->substr(0, common);
  }

  // True where the names of each turn have more in common than those of all.
  bool is_aligned(const std::vector<LayerItem>& items, std::size_t at, std::size_t body, std::int64_t times) const {
    const std::size_t end = at + body * static_cast<std::size_t>(times);
    const std::size_t all = common_start(items, at, end).size();
    for (std::size_t turn = at; turn < end; turn += body)
      if (common_start(items, turn, turn + body).size() <= all) return false;
    return true;
  }

  // Returns how many entries from `at` on repeat how often; {_, 1} for none.
  std::pair<std::size_t, std::int64_t> best_at(const std::vector<LayerItem>& items, const std::vector<int>& kinds,
                                               std::size_t at) const {
    std::pair<std::size_t, std::int64_t> best{0, 1};
    if (items[at].kind == LayerItem::Kind::layer && !has_kernel(graph_.node(items[at].node))) return best;
    std::size_t saved = 0;
    for (std::size_t body = 1; body <= kLongestBody && at + 2 * body <= kinds.size(); ++body) {
      std::int64_t times = 1;
      for (std::size_t next = at + body; next + body <= kinds.size() && times < kMostTimes; next += body, ++times)
        if (!std::equal(kinds.begin() + static_cast<std::ptrdiff_t>(at),
                        kinds.begin() + static_cast<std::ptrdiff_t>(at + body),
                        kinds.begin() + static_cast<std::ptrdiff_t>(next)))
          break;
      const std::size_t saves = body * static_cast<std::size_t>(times - 1);
      if (saves <= saved) continue;
      saved = saves;
      best = {body, times};
    }
    return best;
  }

  // Numbers entries so that those with one number are written alike. Each that is read or reads by name has its own.
  int kind_of(const LayerItem& item) {
    const std::string text = text_of(item);
    if (text.empty()) return -static_cast<int>(++alone_);
    return kinds_.emplace(text, static_cast<int>(kinds_.size())).first->second;
  }

  std::string text_of(const LayerItem& item) const {
    if (!item.from.empty()) return "";
    for (const NodeId inside : item.inside)
      if (read_.count(inside) > 0) return "";
    std::string text = fmt::format("{}:{}:", static_cast<int>(item.kind), item.times);
    if (item.node != NodeId::none) {
      const Node& node = graph_.node(item.node);
      text += fmt::format("{} {}", node.op->name, to_text(node.params));
    }
    for (const std::vector<LayerItem>& part : item.parts) {
      text += "[";
      for (const LayerItem& inner : part) {
        const std::string within = text_of(inner);
        if (within.empty()) return "";
        text += within + ";";
      }
      text += "]";
    }
    return text;
  }

  const Graph& graph_;
  std::set<NodeId> read_;
  std::map<std::string, int> kinds_;
  std::size_t alone_ = 0;
};

}  // namespace

std::vector<LayerItem> with_repeats(const Graph& graph, std::vector<LayerItem> items) {
  Repeats repeats(graph, items);
  return repeats.fold(std::move(items));
}

}  // namespace cleave
