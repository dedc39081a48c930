#include "tests/support/random_problems.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <cmath>

#include "ops/core/rng.h"

namespace cleave {

namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }

int whole(Rng& rng, int least, int most) { return least + static_cast<int>(rng.below(most - least + 1)); }
bool once_in(Rng& rng, int times) { return rng.below(times) == 0; }
double real(Rng& rng, double least, double most) { return least + (most - least) * rng.uniform(); }

// What is done at each position, as bit sets of nodes: all prefixes, or all down-sets in an order of growing size.
struct Work {
  int nodes = 0;
  std::vector<std::uint32_t> done;  // [position]
};

bool has(std::uint32_t set, int node) { return (set >> node & 1U) != 0; }

Work chain_work(Rng& rng, int max_layers) {
  Work work;
  work.nodes = whole(rng, 1, max_layers);
  for (int n = 0; n <= work.nodes; ++n) work.done.push_back((1U << n) - 1);
  return work;
}

// The node before it, or another one further back, or both (a skip).
std::vector<std::uint32_t> random_inputs(Rng& rng, int nodes) {
  std::vector<std::uint32_t> inputs(at(nodes));
  for (int n = 1; n < nodes; ++n) {
    if (once_in(rng, 2)) inputs[at(n)] |= 1U << whole(rng, 0, n - 1);
    if (inputs[at(n)] == 0 || once_in(rng, 2)) inputs[at(n)] |= 1U << (n - 1);
  }
  return inputs;
}

Work graph_work(Rng& rng, int max_layers) {
  Work work;
  work.nodes = whole(rng, 2, std::min(max_layers, 7));
  do {
    const std::vector<std::uint32_t> inputs = random_inputs(rng, work.nodes);
    work.done.clear();
    for (std::uint32_t set = 0; set < 1U << work.nodes; ++set) {
      bool closed = true;
      for (int n = 0; n < work.nodes; ++n) closed = closed && (!has(set, n) || (inputs[at(n)] & ~set) == 0);
      if (closed) work.done.push_back(set);
    }
  } while (static_cast<int>(work.done.size()) > max_layers + 1);
  std::stable_sort(work.done.begin(), work.done.end(),
                   [](std::uint32_t a, std::uint32_t b) { return std::popcount(a) < std::popcount(b); });
  return work;
}

std::vector<double> summed_over(const Work& work, const std::vector<double>& of_node) {
  std::vector<double> sums;
  for (const std::uint32_t set : work.done) {
    double sum = 0;
    for (int n = 0; n < work.nodes; ++n)
      if (has(set, n)) sum += of_node[at(n)];
    sums.push_back(sum);
  }
  return sums;
}

std::vector<double> random_values(Rng& rng, int count, double least, double most, bool round) {
  std::vector<double> values;
  for (int i = 0; i < count; ++i) {
    const double value = real(rng, least, most);
    values.push_back(round ? std::ceil(value) : value);
  }
  return values;
}

void set_order(Problem& problem, const Work& work) {
  const std::size_t words = (work.done.size() + 63) / 64;
  for (const std::uint32_t from : work.done) {
    std::vector<std::uint64_t> row(words);
    for (std::size_t to = 0; to < work.done.size(); ++to)
      if (from != work.done[to] && (from & ~work.done[to]) == 0) row[to / 64] |= std::uint64_t{1} << (to % 64);
    problem.after.push_back(row);
  }
}

void set_kinds(Rng& rng, Problem& problem, const RandomShape& shape) {
  const int devices = whole(rng, 1, shape.max_devices);
  const bool batteries = shape.batteries && !once_in(rng, 4);
  for (int d = 0; d < devices; ++d) {
    if (d > 0 && (shape.equal_devices || once_in(rng, 2))) {
      problem.kinds.back().devices.push_back(d);
      continue;
    }
    DeviceKind kind;
    kind.devices = {d};
    kind.compute_w = real(rng, 1, 8);
    kind.idle_w = real(rng, 0, 1) * kind.compute_w;
    kind.standby_w = once_in(rng, 2) ? 0 : real(rng, 0, 1) * kind.idle_w;
    if (batteries && !once_in(rng, 4)) kind.battery_j = real(rng, 50, 400);
    problem.kinds.push_back(kind);
  }
}

// Speeds differ by a factor, and for some kinds by layer, too. Whole numbers make ties.
void set_times(Rng& rng, Problem& problem, const Work& work, bool round) {
  const std::vector<double> load = random_values(rng, work.nodes, 0, 10, round);
  for (std::size_t k = 0; k < problem.kinds.size(); ++k) {
    const double slowness = round ? whole(rng, 1, 3) : real(rng, 0.3, 3);
    std::vector<double> seconds = load;
    for (double& s : seconds) s *= !round && once_in(rng, 4) ? real(rng, 0.5, 2) : slowness;
    problem.done_s.push_back(summed_over(work, seconds));
  }
  problem.measured_s.resize(problem.kinds.size());
}

void set_measured(Rng& rng, Problem& problem) {
  for (std::size_t k = 0; k < problem.kinds.size(); ++k) {
    for (int i = whole(rng, 0, problem.positions); i > 0; --i) {
      Stage stage{static_cast<int>(k), whole(rng, 0, problem.last() - 1), 0};
      stage.to = whole(rng, stage.from + 1, problem.last());
      if (!is_after(problem, stage.from, stage.to)) continue;
      const double seconds = real(rng, 0.5, 1.5) * compute_s(problem, stage);
      problem.measured_s[k][{stage.from, stage.to}] = seconds;
    }
  }
}

void set_bytes(Rng& rng, Problem& problem, const Work& work, const RandomShape& shape, bool round) {
  problem.held_bytes = summed_over(work, random_values(rng, work.nodes, 0, 100, round));
  const bool buffers = !once_in(rng, 3);
  problem.in_bytes = random_values(rng, problem.positions, 0, buffers ? 60 : 0, round);
  problem.out_bytes = random_values(rng, problem.positions, 0, buffers ? 60 : 0, round);
  problem.sent_bytes = random_values(rng, problem.positions, 1, 100, round);
  if (!shape.memory || once_in(rng, 4)) return;
  for (DeviceKind& kind : problem.kinds)
    if (!once_in(rng, 3)) kind.memory_bytes = 60 + problem.held_bytes.back() * real(rng, 0.2, 1);
}

void set_pins(Rng& rng, Problem& problem, const Work& work) {
  problem.pinned.assign(problem.kinds.size(), std::vector<int>(at(problem.positions)));
  std::uint32_t taken = 0;
  for (int pins = whole(rng, 1, 3); pins > 0; --pins) {
    const int kind = whole(rng, 0, static_cast<int>(problem.kinds.size()) - 1);
    const int node = whole(rng, 0, work.nodes - 1);
    if (problem.kinds[at(kind)].count() != 1 || has(taken, node)) continue;
    taken |= 1U << node;
    for (std::size_t p = 0; p < work.done.size(); ++p) problem.pinned[at(kind)][p] += has(work.done[p], node) ? 1 : 0;
  }
}

// All alike, or as fast as the slower end, or any figure for each pair.
void set_links(Rng& rng, Problem& problem, const RandomShape& shape) {
  const std::size_t kinds = problem.kinds.size();
  const int sort = whole(rng, 0, 2);
  const std::vector<double> end = random_values(rng, static_cast<int>(kinds), 0.001, 0.1, false);
  const double all = real(rng, 0, 0.1);
  problem.links.assign(kinds, std::vector<LinkCost>(kinds));
  for (std::size_t a = 0; a < kinds; ++a) {
    for (std::size_t b = a; b < kinds; ++b) {
      LinkCost link{.latency_s = once_in(rng, 2) ? 0 : 0.5, .seconds_per_byte = all};
      if (sort == 1) link.seconds_per_byte = std::max(end[a], end[b]);
      if (sort == 2) link.seconds_per_byte = real(rng, 0, 0.15);
      if (sort == 0) link.latency_s = 0;
      if (sort == 2 && shape.unreachable && once_in(rng, 5)) link.seconds_per_byte = kInfinity;
      link.half_duplex = shape.coupled && once_in(rng, 2);
      problem.links[a][b] = problem.links[b][a] = link;
    }
  }
}

void set_entry(Rng& rng, Problem& problem, const RandomShape& shape) {
  const bool far = once_in(rng, 2);
  for (std::size_t k = 0; k < problem.kinds.size(); ++k)
    problem.entry_s.push_back(far && !once_in(rng, 3) ? real(rng, 0, 8) : 0);
  const auto half_duplex = [&] {
    std::vector<bool> flags;
    for (std::size_t k = 0; k < problem.kinds.size(); ++k) flags.push_back(shape.coupled && once_in(rng, 2));
    return flags;
  };
  problem.entry_half_duplex = half_duplex();
  if (!shape.shares || !once_in(rng, 5)) return;
  for (int i = whole(rng, 1, 2); i > 0; --i) {
    Share share;
    share.device = shape.max_devices + i;
    share.compute_s = real(rng, 0, 8);
    share.receive_s = once_in(rng, 2) ? 0 : real(rng, 0, 4);
    share.send_s = random_values(rng, static_cast<int>(problem.kinds.size()), 0, 6, false);
    share.half_duplex = half_duplex();
    share.compute_w = real(rng, 1, 8);
    share.idle_w = real(rng, 0, 1) * share.compute_w;
    if (problem.kinds.front().battery_j < kInfinity) share.battery_j = real(rng, 50, 400);
    problem.shares.push_back(share);
  }
}

}  // namespace

Problem random_problem(std::uint64_t seed, const RandomShape& shape) {
  Rng rng(seed, kTestStream, 0);
  Problem problem;
  const Work work = shape.dag ? graph_work(rng, shape.max_layers) : chain_work(rng, shape.max_layers);
  problem.positions = static_cast<int>(work.done.size());
  if (shape.dag) set_order(problem, work);
  const bool round = once_in(rng, 3);
  set_kinds(rng, problem, shape);
  set_times(rng, problem, work, round);
  if (shape.measured && once_in(rng, 4)) set_measured(rng, problem);
  set_bytes(rng, problem, work, shape, round);
  if (shape.pins && once_in(rng, 4)) set_pins(rng, problem, work);
  set_links(rng, problem, shape);
  set_entry(rng, problem, shape);
  const std::span<const CostModelDef> models = cost_model_catalog();
  problem.model = &models[shape.coupled ? at(whole(rng, 0, static_cast<int>(models.size()) - 1)) : 0];
  assert(*check_problem(problem) == '\0');
  return problem;
}

Goal random_goal(std::uint64_t seed, const Problem& problem) {
  Rng rng(seed, kTestStream, 1);
  Goal goal;
  if (once_in(rng, 4)) goal.min_stages = whole(rng, 1, 3);
  if (once_in(rng, 4)) goal.max_stages = whole(rng, goal.min_stages, 4);
  if (once_in(rng, 5)) goal.period_s = real(rng, 0, 0.6) * problem.done_s.front().back();
  return goal;
}

}  // namespace cleave
