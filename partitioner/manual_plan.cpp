// `mode: manual`: a map from names to devices -> a Plan, costed as the planner costs its own.
//
// Every node is given its device (partitioner/placed.h). The devices are then put in an order in which none reads what
// a later one makes (Kahn's algorithm on the graph of devices, O(edges)); where the graph leaves the order open, the
// one that the map names first comes first. What the first n devices have done must be a position at which the graph
// may be cut.
#include <algorithm>
#include <map>

#include <fmt/format.h>

#include "graphs/model_reader.h"
#include "ops/core/catalog.h"
#include "partitioner/make_plan.h"
#include "partitioner/placed.h"
#include "partitioner/plan_file.h"

namespace cleave {

namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }
NodeId id_of(std::size_t index) { return static_cast<NodeId>(static_cast<std::int32_t>(index)); }

// What one value of the map stands for: the stage of a device, or the shares of a split head.
struct Group {
  std::string value;
  std::vector<int> devices;
  SourcePos pos;  // of the value where it stands first
  std::vector<std::size_t> nodes;
};

class ManualPlan {
 public:
  ManualPlan(const Model& model, const Setting& setting)
      : model_(model),
        setting_(setting),
        found_(model.reading.sources),
        map_(find_path(model.reading.doc, "placement.map")),
        numbers_(numbers_of(setting)) {
    name_positions(setting, numbers_);
    numbers_.may_cut.assign(numbers_.may_cut.size(), true);  // it says where
  }

  Plan make() {
    if (map_ == nullptr || map_->entries.empty()) {
      const DocNode* placement = find_path(model_.reading.doc, "placement");
      fail(placement == nullptr ? model_.reading.doc.pos : placement->pos, "placement states no map",
           "map: {MODULE: DEVICE, …}");
    }
    read_groups();
    place_nodes();
    found_.throw_if_any();
    put_in_order();
    Plan plan = groups_.front().devices.size() > 1 ? split_plan() : whole_plan();
    plan.bound = setting_.request.objective->higher_is_better ? kInfinity : 0;
    name_nodes(setting_, plan);
    return plan;
  }

 private:
  [[noreturn]] void fail(const SourcePos& pos, std::string message, std::string hint = {}) {
    found_.add(pos, std::move(message), std::move(hint));
    found_.throw_if_any();
    std::abort();  // throw_if_any has thrown
  }

  const std::string& name(std::size_t node) const { return setting_.graph.nodes[node].name; }

  void read_groups() {
    std::map<int, const Group*> used;
    groups_.reserve(map_->entries.size());
    for (const DocEntry& entry : map_->entries) {
      const std::string& value = entry.value.scalar;
      const auto same = [&](const Group& group) { return group.value == value; };
      if (std::any_of(groups_.begin(), groups_.end(), same)) continue;
      Group& group = groups_.emplace_back();
      group.value = value;
      group.pos = entry.value.pos;
      for (const std::string& part : parts_of(value)) add_device(group, part, used);
    }
  }

  void add_device(Group& group, const std::string& device, std::map<int, const Group*>& used) {
    const int index = find_device(setting_.swarm, device);
    group.devices.push_back(index);
    if (index < 0) {
      std::vector<std::string> known;
      for (const Device& other : setting_.swarm.devices) known.push_back(other.name);
      const std::string near = closest_name(device, known);
      found_.add(group.pos, fmt::format("there is no device '{}' in this swarm", device),
                 near.empty() ? fmt::format("known: {}", some_of(known)) : fmt::format("did you mean '{}'?", near),
                 parts_of(group.value).size() == 1 ? near : "");
      return;
    }
    const auto [first, fresh] = used.emplace(index, &group);
    if (fresh) return;
    Diagnostic& twice =
        found_.add(group.pos, fmt::format("'{}' has a stage already", device), "a device runs one stage");
    found_.note(twice, first->second->pos, "the first one");
  }

  void place_nodes() {
    PlacedNames names;
    for (const DocEntry& entry : map_->entries) names.emplace_back(entry.key, entry.value.scalar);
    const std::vector<std::string> values = placed_nodes(setting_.graph, names);
    for (std::size_t i = 1; i < values.size(); ++i) {
      if (values[i].empty()) {
        found_.add(map_->pos, fmt::format("the map does not say where '{}' runs", name(i)),
                   fmt::format("add {}: DEVICE", name(i).substr(0, name(i).find('/'))));
        return;
      }
      const auto group =
          std::find_if(groups_.begin(), groups_.end(), [&](const Group& g) { return g.value == values[i]; });
      group->nodes.push_back(i);
      group_of_.resize(values.size());
      group_of_[i] = static_cast<std::size_t>(group - groups_.begin());
    }
  }

  // A group that is not placed and whose work `group` reads.
  struct Need {
    std::size_t group = 0, reader = 0, input = 0;
    bool any = false;
  };
  Need need_of(std::size_t group, const std::vector<bool>& placed) const {
    for (const std::size_t node : groups_[group].nodes)
      for (const NodeId input : setting_.graph.nodes[node].inputs) {
        const std::size_t other = group_of_[index_of(input)];
        if (index_of(input) > 0 && other != group && !placed[other]) return {other, node, index_of(input), true};
      }
    return {};
  }

  void put_in_order() {
    std::vector<bool> placed(groups_.size());
    std::vector<Group> order;
    for (const std::size_t next : running_order(setting_.graph, group_of_, groups_.size())) {
      placed[next] = true;
      if (!groups_[next].nodes.empty()) order.push_back(groups_[next]);  // else: all its names stand around others
    }
    if (std::count(placed.begin(), placed.end(), false) > 0) refuse_turns(placed);
    groups_ = std::move(order);
  }

  // Everyone who is left waits for someone: follow that until somebody comes up again.
  [[noreturn]] void refuse_turns(const std::vector<bool>& placed) {
    std::size_t group = static_cast<std::size_t>(std::find(placed.begin(), placed.end(), false) - placed.begin());
    for (std::size_t steps = 0; steps < groups_.size(); ++steps) group = need_of(group, placed).group;
    const Need need = need_of(group, placed);
    const Need back = need_of(need.group, placed);
    fail(groups_[group].pos,
         fmt::format("'{0}' and '{1}' would take turns: '{2}' on '{0}' reads '{3}' on '{1}', and '{4}' on '{1}' reads "
                     "'{5}' on '{6}'",
                     groups_[group].value, groups_[need.group].value, name(need.reader), name(need.input),
                     name(back.reader), name(back.input), groups_[back.group].value),
         "a device runs one stage; no stage reads what a later one makes");
  }

  // The position after all of `groups_` up to and with `last`.
  int position_behind(std::size_t last) {
    const std::size_t count = setting_.graph.nodes.size();
    std::vector<std::uint64_t> done((count + 63) / 64);
    done[0] = 1;  // the input
    std::size_t end = 0;
    for (std::size_t g = 0; g <= last; ++g)
      for (const std::size_t node : groups_[g].nodes) {
        done[node / 64] |= std::uint64_t{1} << (node % 64);
        end = std::max(end, node);
      }
    for (std::size_t p = 0; p < numbers_.positions.all.size(); ++p)
      if (numbers_.positions.all[p].done == done) return static_cast<int>(p);
    const SourcePos& pos = groups_[std::min(last + 1, groups_.size() - 1)].pos;
    if (!setting_.request.cut_after.empty())
      fail(pos, fmt::format("the map cuts behind '{}', which is not one of placement.cuts.after", name(end)),
           "add it there, or cut behind one of them");
    fail(pos,
         fmt::format("the map cuts behind '{}' across the file's order, and there are too many such cuts to list",
                     name(end)),
         "cut along the file's order, or list the cuts in placement.cuts.after");
  }

  // Adds the stages of groups_[first …] to `made`, in the positions of `sub`.
  void add_stages(const Subproblem& sub, std::size_t first, PlanParts& made) {
    const auto local = [&](int position) {
      return static_cast<int>(std::find(sub.positions.begin(), sub.positions.end(), position) - sub.positions.begin());
    };
    int from = 0;
    for (std::size_t g = first; g < groups_.size(); ++g) {
      const int device = groups_[g].devices.front();
      Stage stage{0, from, local(position_behind(g))};
      while (std::count(sub.problem.kinds[at(stage.kind)].devices.begin(),
                        sub.problem.kinds[at(stage.kind)].devices.end(), device) == 0)
        ++stage.kind;
      made.stages.push_back(stage);
      made.devices.push_back(device);
      from = stage.to;
    }
    made.score = evaluate(sub.problem, made.stages, setting_.request.period_s);
  }

  // Only a head is split.
  void check_single(std::size_t first) {
    for (std::size_t g = first; g < groups_.size(); ++g)
      if (groups_[g].devices.size() > 1)
        fail(groups_[g].pos,
             fmt::format("'{}' is to share what is not the head: '{}' stands above it", groups_[g].value,
                         name(groups_.front().nodes.front())),
             "only the head, from the input on, can be split");
  }

  Plan whole_plan() {
    check_single(0);
    const Subproblem sub = problem_behind(setting_, numbers_, 0, std::vector<bool>(setting_.swarm.devices.size()));
    PlanParts made;
    add_stages(sub, 0, made);
    return plan_of(setting_, numbers_, sub, made);
  }

  // The kind of split that placement.split states for so many ways.
  std::string split_kind(std::int64_t ways) {
    std::vector<std::string> kinds;
    for (const SplitDef& def : split_catalog()) {
      const DocNode* row = find_path(model_.reading.doc, fmt::format("placement.split.{}", def.name));
      if (row == nullptr || !row->value) continue;
      const auto& counts = std::get<std::vector<std::int64_t>>(*row->value);
      if (std::find(counts.begin(), counts.end(), ways) != counts.end()) kinds.emplace_back(def.name);
    }
    if (kinds.size() == 1) return kinds.front();
    fail(groups_.front().pos,
         kinds.empty() ? fmt::format("how is the head split in {} ways?", ways)
                       : fmt::format("placement.split states {} for {} ways", fmt::join(kinds, " and "), ways),
         kinds.empty() ? fmt::format("say so: split: {{branches: [{}]}}, or filters, or tiles", ways)
                       : "keep one of them for so many");
  }

  Plan split_plan() {
    const Group& head = groups_.front();
    check_single(1);
    if (groups_.size() < 2)
      fail(head.pos, "the whole network is split", "the output is for one device: name where it runs");
    position_behind(0);
    const std::size_t last = head.nodes.back();
    const SplitSpec spec{split_kind(static_cast<std::int64_t>(head.devices.size())),
                         static_cast<std::int64_t>(head.devices.size()), id_of(last)};
    if (last != head.nodes.size() || !can_split_at(setting_.graph, spec.to))
      fail(head.pos, fmt::format("the head cannot be split behind '{}'", name(last)),
           "it ends where all that is computed comes together");
    try {
      const SplitFigures figures = split_figures(setting_, numbers_, spec);
      const Subproblem sub = problem_behind_split(setting_, numbers_, figures, head.devices);
      PlanParts made;
      made.figures = &figures;
      made.shares = head.devices;
      add_stages(sub, 1, made);
      return plan_of(setting_, numbers_, sub, made);
    } catch (const OpError& error) {
      fail(head.pos, error.what());
    }
  }

  const Model& model_;
  const Setting& setting_;
  Diagnostics found_;
  const DocNode* map_;
  Numbers numbers_;
  std::vector<Group> groups_;
  std::vector<std::size_t> group_of_;  // [node]
};

}  // namespace

Plan manual_plan(const Model& model, const Setting& setting) { return ManualPlan(model, setting).make(); }

}  // namespace cleave
