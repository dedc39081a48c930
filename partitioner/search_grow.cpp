#include <algorithm>

#include "partitioner/search_core.h"

namespace cleave {

namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }

}  // namespace

void Search::starts(std::vector<Child>& out) const {
  for (std::size_t kind = 0; kind < problem_.kinds.size(); ++kind) {
    if (prices_.entry[kind] == kInfinity) continue;
    Label label;
    label.kind = static_cast<std::uint8_t>(kind);
    label.stages = 1;
    table_.sets.add(label.used, label.kind);
    label.cost = prices_.longest ? std::max(start_cost_, prices_.entry[kind]) : start_cost_ + prices_.entry[kind];
    label.charged = start_cost_ + (extras_.any() ? extras_.prices.entry[kind] : 0);
    label.receive_s = problem_.entry_s[kind];
    label.latency_s = start_latency_s_ + label.receive_s;
    label.half_duplex = is_entry_half_duplex(problem_, label.kind);
    const double bound = std::max(bound_of(label), capacities_.bound(table_.sets, label));
    if (!is_hopeless(label, bound)) out.push_back({label, bound});
  }
}

// Makes of an open label one whose stage has ended. False: its device would be busy for too long.
bool Search::end_stage(const StageEnd& end, Label& label) const {
  label.ended = true;
  label.expanded = false;
  label.position = end.to;
  label.compute_s = end.compute_s;
  label.latency_s += end.compute_s;
  if (busy_counts_) {
    const double busy = problem_.model->busy_s(end.compute_s, label.receive_s, rows_.least_send_s(label.kind, end.to),
                                               label.half_duplex);
    if (busy > period_limit_s_) return false;
    if (prices_.longest) label.cost = std::max(label.cost, busy);
  }
  if (!prices_.longest) label.cost += end.compute_s * prices_.compute[label.kind];
  if (extras_.any())
    label.charged += end.compute_s * extras_.prices.compute[label.kind] + extras_.prices.stage[label.kind];
  return true;
}

// Ends the stage of an open label wherever the bound is within [least, most]; `above` becomes the least bound beyond.
void Search::add_stages(std::int32_t from, double least, double most, std::vector<Child>& out, double* above) {
  Label open = table_.labels[at(from)];
  open.parent = from;
  std::vector<StageEnd> scratch;
  *above = kInfinity;
  for (const StageEnd& end : rows_.row(open.kind, open.position, scratch)) {
    Label label = open;
    if (!end_stage(end, label)) continue;
    double bound = bound_of(label);
    if (bound < least || is_hopeless(label, bound)) continue;
    if (end.to == problem_.last()) {
      finish(label);
    } else if (bound > most) {
      *above = std::min(*above, bound);
    } else {
      bound = std::max(bound, capacities_.bound(table_.sets, label));
      if (!is_hopeless(label, bound)) out.push_back({label, bound});
    }
  }
}

// Makes the label of the next stage, on `kind`. False: there is no way, or it would take too long.
bool Search::begin_stage(const Label& from, int kind, Label& label) const {
  const LinkCost& link = problem_.links[from.kind][at(kind)];
  label.receive_s = link.seconds(problem_.sent_bytes[at(from.position)]);
  if (label.receive_s == kInfinity || label.receive_s > period_limit_s_) return false;
  label.cost = from.cost;
  if (busy_counts_) {
    const double busy =
        problem_.model->busy_s(from.compute_s, from.receive_s, label.receive_s, from.half_duplex || link.half_duplex);
    if (busy > period_limit_s_) return false;
    if (prices_.longest) label.cost = std::max({label.cost, busy, label.receive_s});
  }
  if (!prices_.longest) label.cost += label.receive_s * prices_.send[from.kind];
  if (extras_.any()) label.charged = from.charged + label.receive_s * extras_.prices.send[from.kind];
  label.latency_s = from.latency_s + label.receive_s;
  label.half_duplex = link.half_duplex;
  return true;
}

void Search::add_hops(const Label& from, std::int32_t index, std::vector<Child>& out) const {
  for (int kind = 0; kind < static_cast<int>(problem_.kinds.size()); ++kind) {
    Label label;
    if (!table_.sets.has_free(from.used, kind) || !begin_stage(from, kind, label)) continue;
    label.used = from.used;
    table_.sets.add(label.used, kind);
    label.kind = static_cast<std::uint8_t>(kind);
    label.stages = static_cast<std::uint8_t>(from.stages + 1);
    label.parent = index;
    label.position = from.position;
    const double bound = bound_of(label);
    if (!is_hopeless(label, bound)) out.push_back({label, bound});
  }
}

}  // namespace cleave
