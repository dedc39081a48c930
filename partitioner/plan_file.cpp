// Reading a plan: the document is checked like a model file, then its names against graph and swarm, then its order
// against the graph. Stages get back the positions they had: those whose work is what the stages up to them do.
#include "partitioner/plan_file.h"

#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "graphs/model_reader.h"
#include "ops/core/catalog.h"
#include "partitioner/make_plan.h"
#include "partitioner/plan_fields.h"

namespace cleave {

namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }
NodeId id_of(std::size_t index) { return static_cast<NodeId>(static_cast<std::int32_t>(index)); }

class PlanReader {
 public:
  PlanReader(DocNode doc, const Setting& setting, Diagnostics& found)
      : doc_(std::move(doc)), setting_(setting), found_(found) {}

  Plan read() {
    check_plan_fields(doc_, found_);
    check_heading();
    read_split();
    found_.throw_if_any();  // from here on all of the file makes sense, if its names do
    for (std::size_t i = 0; i < graph().nodes.size(); ++i) index_[graph().nodes[i].name] = i;
    owner_.resize(graph().nodes.size(), -1);
    for (const DocNode& stage : items_of(doc_, "stages")) read_stage(stage);
    check_all_placed();
    for (const DocNode& cut : items_of(doc_, "cuts")) read_cut(cut);
    check_all_cuts();
    check_reads();
    found_.throw_if_any();
    find_positions();
    read_score();
    name_nodes(setting_, plan_);
    check_tensors();
    found_.throw_if_any();
    return std::move(plan_);
  }

 private:
  const Graph& graph() const { return plan_.split ? split_.graph : setting_.graph; }
  const std::string& name(std::size_t node) const { return graph().nodes[node].name; }
  const std::string& device(int stage) const { return setting_.swarm.devices[at(plan_.stages[at(stage)].device)].name; }
  int shares() const { return plan_.split ? static_cast<int>(plan_.split->ways) : 0; }

  void unknown(const SourcePos& pos, const char* what, const std::string& wrong,
               const std::vector<std::string>& known) {
    const std::string near = found_.too_many() ? "" : closest_name(wrong, known);
    found_.add(pos, fmt::format("there is no {} '{}'", what, wrong),
               near.empty() ? fmt::format("known: {}", some_of(known)) : fmt::format("did you mean '{}'?", near), near);
  }

  void check_heading() {
    const std::string hash = structure_hash(setting_.graph), own = text_of(doc_, "graph");
    if (!own.empty() && own != hash) {
      found_.add(place_of(doc_, "graph"),
                 fmt::format("the plan is of another graph: it has {}, the model {}", own, hash), "plan again");
      found_.throw_if_any();
    }
    const std::int64_t batch = value_of<std::int64_t>(doc_, "batch", setting_.request.batch);
    if (batch != setting_.request.batch)
      found_.add(
          place_of(doc_, "batch"),
          fmt::format("the plan is for frames of {}, the model runs frames of {}", batch, setting_.request.batch),
          "plan again");
    if (const std::string objective = text_of(doc_, "objective");
        !objective.empty() && find(objective_catalog(), objective) == nullptr)
      unknown(place_of(doc_, "objective"), "objective", objective, names_of(objective_catalog()));
    if (const std::string model = text_of(doc_, "cost_model");
        !model.empty() && find(cost_model_catalog(), model) == nullptr)
      unknown(place_of(doc_, "cost_model"), "cost model", model, names_of(cost_model_catalog()));
  }

  void read_split() {
    const DocNode* row = doc_.find("split");
    if (row == nullptr || !row->is_map()) return;
    const std::string kind = text_of(*row, "kind"), to = text_of(*row, "to");
    const SplitDef* def = find(split_catalog(), kind);
    if (def == nullptr && !kind.empty()) unknown(place_of(*row, "kind"), "split", kind, names_of(split_catalog()));
    std::vector<std::string> known;
    for (const Node& node : setting_.graph.nodes) known.push_back(node.name);
    const auto node = std::find(known.begin(), known.end(), to);
    if (node == known.end() && !to.empty()) unknown(place_of(*row, "to"), "node", to, known);
    if (def == nullptr || node == known.end()) return;
    const SplitSpec spec{kind, value_of<std::int64_t>(*row, "ways", 2),
                         id_of(static_cast<std::size_t>(node - known.begin()))};
    try {
      split_ = def->split(setting_.graph, spec.to, spec.ways);
      plan_.split = spec;
      plan_.accuracy_kept = def->exact;
    } catch (const OpError& error) {
      found_.add(row->pos, error.what());
    }
  }

  // Returns the index of a device, -1 (and a mistake) for an unknown name.
  int device_of(const DocNode& map, const char* key) {
    const std::string wanted = text_of(map, key);
    const int index = find_device(setting_.swarm, wanted);
    if (index >= 0) return index;
    std::vector<std::string> known;
    for (const Device& other : setting_.swarm.devices) known.push_back(other.name);
    unknown(place_of(map, key), "device", wanted, known);
    return -1;
  }

  void read_stage(const DocNode& row) {
    const int number = static_cast<int>(plan_.stages.size());
    PlanStage& stage = plan_.stages.emplace_back();
    places_.push_back(row.pos);
    stage.device = device_of(row, "device");
    for (int other = 0; other < number; ++other)
      if (stage.device >= 0 && plan_.stages[at(other)].device == stage.device) {
        Diagnostic& twice = found_.add(place_of(row, "device"), fmt::format("'{}' has a stage already", device(number)),
                                       "a device runs one stage");
        found_.note(twice, places_[at(other)], "the first one");
      }
    stage.share = static_cast<int>(value_of<std::int64_t>(row, "share", 0)) - 1;
    stage.compute_s = figure_of(row, "compute");
    stage.work = value_of<std::int64_t>(row, "work", 0);
    stage.memory_bytes = bytes_of(row, "memory");
    stage.memory_limit_bytes = bytes_of(row, "memory_limit");
    stage.joules = real_of(row, "joules");
    if (number < shares()) return read_share(row, number);
    if (stage.share >= 0)
      found_.add(place_of(row, "share"), plan_.split ? fmt::format("the head has {} shares", shares())
                                                     : "the plan states no split, so there are no shares");
    else if (row.find("nodes") == nullptr) found_.add(row.pos, "a stage needs 'nodes'", "nodes: [FIRST .. LAST]");
    for (const DocNode& item : items_of(row, "nodes")) place_item(item, number);
  }

  void read_share(const DocNode& row, int number) {
    if (plan_.stages.back().share != number)
      found_.add(place_of(row, "share"), fmt::format("stage {0} is to be share {0} of the head", number + 1),
                 fmt::format("share: {}", number + 1));
    if (const DocNode* nodes = row.find("nodes"))
      found_.add(nodes->pos, "the nodes of a share follow from 'split'", "remove them");
    for (std::size_t i = 1; i < owner_.size(); ++i)
      if (split_.share_of[i] == number) owner_[i] = number;
  }

  // "a", or "a .. b"
  void place_item(const DocNode& item, int stage) {
    const std::size_t dots = item.scalar.find(" .. ");
    const std::size_t first = node_of(item, 0, std::min(dots, item.scalar.size()));
    const std::size_t last = dots == std::string::npos ? first : node_of(item, dots + 4, item.scalar.size() - dots - 4);
    if (first == 0 || last == 0) return;
    if (last < first)
      found_.add(item.pos, fmt::format("'{}' stands above '{}'", name(last), name(first)), "write the first one first");
    for (std::size_t i = first; i <= last; ++i) {
      if (owner_[i] >= 0) {
        Diagnostic& twice = found_.add(item.pos, fmt::format("'{}' is placed twice", name(i)));
        found_.note(twice, places_[at(owner_[i])], "here, too");
        return;
      }
      owner_[i] = stage;
    }
  }

  // Returns the index of the node that a part of a text names; 0 (and a mistake) for an unknown one.
  std::size_t node_of(const DocNode& item, std::size_t start, std::size_t length) {
    const std::string wanted = item.scalar.substr(start, length);
    const auto node = index_.find(wanted);
    if (node != index_.end() && node->second > 0) return node->second;
    SourcePos pos = item.pos;
    if (!item.quoted && length > 0) {
      pos.col += static_cast<int>(start);
      pos.length = static_cast<int>(length);
    }
    std::vector<std::string> known;
    for (std::size_t i = 1; i < graph().nodes.size(); ++i) known.push_back(name(i));
    unknown(pos, "node", wanted, known);
    return 0;
  }

  void check_all_placed() {
    if (static_cast<int>(plan_.stages.size()) <= shares())
      found_.add(place_of(doc_, "stages"), fmt::format("there are {} stages", plan_.stages.size()),
                 "at least one stands behind the shares");
    if (!found_.empty()) return;  // they may well be the reason
    const auto missing = std::count(owner_.begin() + 1, owner_.end(), -1);
    if (missing == 0) return;
    const std::size_t first =
        static_cast<std::size_t>(std::find(owner_.begin() + 1, owner_.end(), -1) - owner_.begin());
    found_.add(place_of(doc_, "stages"),
               missing == 1 ? fmt::format("no stage has the node '{}'", name(first))
                            : fmt::format("no stage has the node '{}', nor {} others", name(first), missing - 1));
  }

  int stage_of(const DocNode& map, const char* key) {
    const int wanted = device_of(map, key);
    if (wanted < 0) return -1;
    for (std::size_t i = 0; i < plan_.stages.size(); ++i)
      if (plan_.stages[i].device == wanted) return static_cast<int>(i);
    const bool all_known =
        std::all_of(plan_.stages.begin(), plan_.stages.end(), [](const PlanStage& s) { return s.device >= 0; });
    if (all_known) found_.add(place_of(map, key), fmt::format("'{}' has no stage", text_of(map, key)));
    return -1;
  }

  void read_cut(const DocNode& row) {
    PlanCut cut;
    cut.from = -1;
    if ((row.find("source") == nullptr) == (row.find("from") == nullptr))
      found_.add(row.pos, "a cut needs one of: source, from");
    if (row.find("source") == nullptr && row.find("from") != nullptr) cut.from = stage_of(row, "from");
    if (row.find("source") != nullptr && device_of(row, "source") != setting_.swarm.source)
      found_.add(place_of(row, "source"), "the input comes from another device: see data.at of the model");
    cut.to = stage_of(row, "to");
    cut.bytes = bytes_of(row, "bytes");
    cut.seconds = figure_of(row, "seconds");
    cut.latency_s = real_of(row, "latency");
    plan_.cuts.push_back(cut);
  }

  // Between the stages that follow each other, from all shares to the stage behind them, from the source to the first.
  void check_all_cuts() {
    if (!found_.empty()) return;
    std::vector<std::pair<int, int>> wanted, stated;
    const auto want = [&](int from, int to) {
      const int sender = from < 0 ? setting_.swarm.source : plan_.stages[at(from)].device;
      if (sender >= 0 && sender != plan_.stages[at(to)].device) wanted.emplace_back(from, to);
    };
    const int count = static_cast<int>(plan_.stages.size());
    for (int i = 0; i < std::max(shares(), 1); ++i) want(-1, i);
    for (int i = 0; i < shares(); ++i) want(i, shares());
    for (int i = shares() + 1; i < count; ++i) want(i - 1, i);
    for (const PlanCut& cut : plan_.cuts) stated.emplace_back(cut.from, cut.to);
    const auto text = [&](const std::pair<int, int>& cut) {
      return fmt::format("{} to '{}'", cut.first < 0 ? "the source" : fmt::format("'{}'", device(cut.first)),
                         device(cut.second));
    };
    for (const auto& cut : wanted)
      if (std::count(stated.begin(), stated.end(), cut) != 1)
        found_.add(place_of(doc_, "cuts"), fmt::format("it takes one cut from {}", text(cut)));
    for (std::size_t i = 0; i < stated.size(); ++i)
      if (std::find(wanted.begin(), wanted.end(), stated[i]) == wanted.end())
        found_.add(items_of(doc_, "cuts")[i].pos, fmt::format("nothing travels from {}", text(stated[i])));
  }

  void check_reads() {
    if (!found_.empty()) return;
    for (std::size_t i = 1; i < owner_.size(); ++i)
      for (const NodeId input : graph().nodes[i].inputs)
        if (owner_[index_of(input)] > owner_[i] && owner_[index_of(input)] >= shares()) {
          found_.add(places_[at(owner_[i])],
                     fmt::format("'{}' reads '{}', which a later stage makes", name(i), name(index_of(input))),
                     "stages stand in the order in which they run");
          return;
        }
  }

  void find_positions() {
    Numbers numbers = numbers_of(setting_);
    name_positions(setting_, numbers);
    const std::size_t words = numbers.positions.all.front().done.size();
    std::vector<std::uint64_t> done(words), known(words);
    const auto set = [](std::vector<std::uint64_t>& bits, std::size_t node) {
      bits[node / 64] |= std::uint64_t{1} << (node % 64);
    };
    const int head = plan_.split ? position_of(numbers, plan_.split->to) : 0;
    if (head < 0) return no_cut(place_of(doc_, "split"), setting_.graph.node(plan_.split->to).name);
    done = numbers.positions.all[at(head)].done;
    known = done;
    const auto original = [&](std::size_t node) { return plan_.split ? index_of(split_.origin[node]) : node; };
    for (std::size_t i = 1; i < owner_.size(); ++i)
      if (owner_[i] >= shares()) set(known, original(i));
    int from = head;
    for (int s = 0; s < static_cast<int>(plan_.stages.size()); ++s) {
      PlanStage& stage = plan_.stages[at(s)];
      stage.from = s < shares() ? 0 : from;
      stage.to = head;
      if (s < shares()) continue;
      std::size_t last = 0;
      for (std::size_t i = 1; i < owner_.size(); ++i)
        if (owner_[i] == s) set(done, original(last = i));
      stage.to = from = s + 1 == static_cast<int>(plan_.stages.size())
                            ? static_cast<int>(numbers.positions.all.size()) - 1
                            : position_with(numbers, done, known);
      if (from < 0) return no_cut(places_[at(s)], name(last));
    }
    plan_.cut = cut_name(numbers, plan_);
  }

  static int position_with(const Numbers& numbers, const std::vector<std::uint64_t>& done,
                           const std::vector<std::uint64_t>& known) {
    for (std::size_t p = 0; p < numbers.positions.all.size(); ++p) {
      bool same = true;
      for (std::size_t w = 0; w < done.size() && same; ++w)
        same = (numbers.positions.all[p].done[w] & known[w]) == done[w];
      if (same) return static_cast<int>(p);
    }
    return -1;
  }

  void no_cut(const SourcePos& pos, const std::string& node) {
    found_.add(pos, fmt::format("the model allows no cut behind '{}'", node),
               "see placement.cuts.after; or plan again");
    found_.throw_if_any();
  }

  void read_score() {
    const DocNode& row = *doc_.find("score");
    plan_.score = {real_of(row, "period"),  real_of(row, "latency"),
                   real_of(row, "joules"),  real_of(row, "frames"),
                   real_of(row, "balance"), static_cast<int>(value_of<std::int64_t>(row, "devices", 0))};
    plan_.frames_per_joule = real_of(row, "frames_per_joule");
    if (row.find("accuracy") != nullptr) plan_.accuracy = real_of(row, "accuracy");
    plan_.misfit = text_of(doc_, "misfit");
    plan_.value = real_of(row, "value");
    plan_.bound = real_of(row, "bound");
    plan_.optimal = value_of<bool>(row, "optimal", false);
    const ObjectiveDef& objective = *setting_.request.objective;
    if (text_of(doc_, "objective") == objective.name) return;
    plan_.value = objective.value(plan_.score);  // nothing is known of how good it is for that
    plan_.bound = objective.higher_is_better ? kInfinity : 0;
    plan_.optimal = false;
  }

  void check_tensors() {
    const std::span<const DocNode> rows = items_of(doc_, "cuts");
    for (std::size_t i = 0; i < rows.size(); ++i) {
      std::vector<std::string> own, wanted;
      for (const NodeId node : plan_.cuts[i].tensors) wanted.push_back(graph().node(node).name);
      for (const DocNode& item : items_of(rows[i], "tensors")) own.push_back(item.scalar);
      if (own != wanted)
        found_.add(place_of(rows[i], "tensors"), "something else crosses this cut",
                   fmt::format("write [{}]", fmt::join(wanted, ", ")));
    }
  }

  DocNode doc_;
  const Setting& setting_;
  Diagnostics& found_;
  Plan plan_;
  SplitGraph split_;
  std::map<std::string, std::size_t> index_;
  std::vector<int> owner_;         // [node]: its stage
  std::vector<SourcePos> places_;  // of the stages
};

}  // namespace

Plan read_plan_text(const std::string& file, const std::string& text, const Setting& setting) {
  Sources sources;
  sources.add(file, text);
  Diagnostics found(sources);
  DocNode doc = parse_yaml(file, text, found);
  return PlanReader(std::move(doc), setting, found).read();
}

Plan read_plan(const std::string& path, const Setting& setting) {
  return read_plan_text(path, read_source(path, {}, {}), setting);
}

}  // namespace cleave
