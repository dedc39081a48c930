// Positions, kinds of devices and their links -> a problem for the solvers.
#include "partitioner/make_problem.h"

#include <map>

namespace cleave {

namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }

// The positions to cut at that hold all of `from`'s work, itself first.
std::vector<int> behind(const Numbers& numbers, int from) {
  std::vector<int> found{from};
  const int count = static_cast<int>(numbers.positions.all.size());
  for (int p = from + 1; p < count; ++p) {
    const bool chain = numbers.positions.after.empty();
    if (!numbers.may_cut[at(p)]) continue;
    if (chain || (numbers.positions.after[at(from)][at(p) / 64] >> (at(p) % 64) & 1U) != 0) found.push_back(p);
  }
  return found;
}

template <class T>
std::vector<T> picked(const std::vector<T>& values, const std::vector<int>& positions) {
  std::vector<T> some;
  for (const int p : positions) some.push_back(values[at(p)]);
  return some;
}

std::vector<std::vector<std::uint64_t>> picked_after(const Numbers& numbers, const std::vector<int>& positions) {
  std::vector<std::vector<std::uint64_t>> after;
  if (numbers.positions.after.empty()) return after;
  for (const int p : positions) {
    after.emplace_back((positions.size() + 63) / 64);
    for (std::size_t i = 0; i < positions.size(); ++i)
      if ((numbers.positions.after[at(p)][at(positions[i]) / 64] >> (at(positions[i]) % 64) & 1U) != 0)
        after.back()[i / 64] |= std::uint64_t{1} << (i % 64);
  }
  return after;
}

void add_links(const Setting& setting, Problem& problem) {
  const Swarm& swarm = setting.swarm;
  for (const DeviceKind& a : problem.kinds) {
    std::vector<LinkCost>& row = problem.links.emplace_back();
    for (const DeviceKind& b : problem.kinds) {
      const int other = &a != &b ? b.devices.front() : b.devices.back();
      row.push_back(other == a.devices.front() ? LinkCost{} : link_cost(swarm, a.devices.front(), other));
    }
    const int first = a.devices.front();
    problem.entry_s.push_back(swarm.source < 0 ? 0 : link_s(swarm, swarm.source, first, problem.sent_bytes[0]));
    problem.entry_half_duplex.push_back(is_half_duplex(swarm, swarm.source, first));
  }
}

}  // namespace

Subproblem problem_behind(const Setting& setting, const Numbers& numbers, int from, const std::vector<bool>& taken) {
  Subproblem sub;
  sub.positions = behind(numbers, from);
  Problem& problem = sub.problem;
  problem.model = setting.request.model;
  problem.positions = static_cast<int>(sub.positions.size());
  problem.after = picked_after(numbers, sub.positions);
  problem.held_bytes = picked(numbers.held_bytes, sub.positions);
  problem.in_bytes = picked(numbers.in_bytes, sub.positions);
  problem.out_bytes = picked(numbers.out_bytes, sub.positions);
  problem.sent_bytes = picked(numbers.sent_bytes, sub.positions);
  problem.kinds = device_kinds(setting, taken);
  std::map<int, int> index;
  for (std::size_t i = 0; i < sub.positions.size(); ++i) index[sub.positions[i]] = static_cast<int>(i);
  for (const DeviceKind& kind : problem.kinds) {
    const std::size_t row = at(setting.costs.row_of[at(kind.devices.front())]);
    problem.done_s.push_back(picked(numbers.done_s[row], sub.positions));
    problem.measured_s.emplace_back();
    for (const auto& [ends, seconds] : numbers.measured_s[row])
      if (index.count(ends.first) > 0 && index.count(ends.second) > 0)
        problem.measured_s.back()[{index[ends.first], index[ends.second]}] = seconds;
    if (numbers.pinned.empty()) continue;
    const auto pins = numbers.pinned.find(kind.devices.front());
    problem.pinned.push_back(pins == numbers.pinned.end() ? std::vector<int>(sub.positions.size())
                                                          : picked(pins->second, sub.positions));
    for (int& done : problem.pinned.back()) done -= pins == numbers.pinned.end() ? 0 : pins->second[at(from)];
  }
  add_links(setting, problem);
  return sub;
}

}  // namespace cleave
