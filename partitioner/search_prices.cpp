#include <algorithm>

#include "partitioner/search_bound.h"

namespace cleave {

namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }

double entry_price(const Problem& problem, Minimise what, double period_limit_s, int kind) {
  double busy = problem.entry_s[at(kind)], joules = 0;
  for (const Share& share : problem.shares) {
    const double send = share.send_s[at(kind)];
    busy = std::max({busy, share.receive_s, send,
                     problem.model->busy_s(share.compute_s, share.receive_s, send, is_half_duplex(share, kind))});
    joules += problem.model->transfer_costs ? share.idle_w * send : 0;
  }
  if (busy == kInfinity || busy > period_limit_s) return kInfinity;
  if (what == Minimise::period) return busy;
  return what == Minimise::latency ? problem.entry_s[at(kind)] : joules;
}

}  // namespace

Prices prices_of(const Problem& problem, Minimise what, double period_limit_s) {
  Prices prices;
  prices.longest = what == Minimise::period;
  for (std::size_t k = 0; k < problem.kinds.size(); ++k) {
    const DeviceKind& kind = problem.kinds[k];
    prices.compute.push_back(what == Minimise::joules ? kind.compute_w : 1);
    prices.send.push_back(what == Minimise::joules ? (problem.model->transfer_costs ? kind.idle_w : 0) : 1);
    prices.stage.push_back(0);
    prices.entry.push_back(entry_price(problem, what, period_limit_s, static_cast<int>(k)));
  }
  return prices;
}

Prices stage_prices(const Prices& prices) {
  Prices count;
  count.compute = count.send = std::vector<double>(prices.stage.size());
  count.stage.assign(prices.stage.size(), 1);
  for (const double entry : prices.entry) count.entry.push_back(entry < kInfinity ? 0 : kInfinity);
  return count;
}

double constant_cost(const Problem& problem, Minimise what, const Goal& goal) {
  double latency = 0, joules = 0;
  for (const Share& share : problem.shares) {
    latency = std::max(latency, share.receive_s + share.compute_s);
    joules += share.compute_s * share.compute_w;
  }
  if (what == Minimise::period) return goal.period_s;
  return what == Minimise::latency ? latency : joules;
}

double stage_price(const StageRows& rows, const Prices& prices, int kind, int from, const StageEnd& end) {
  if (prices.longest) return rows.least_busy_s(kind, from, end);
  return end.compute_s * prices.compute[at(kind)] + prices.stage[at(kind)];
}

double hop_price(const Prices& prices, int kind, double transfer_seconds) {
  return prices.longest ? transfer_seconds : transfer_seconds * prices.send[at(kind)];
}

double sum_of(const Prices& prices, double a, double b) { return prices.longest ? std::max(a, b) : a + b; }

Prices with_latency(const Problem& problem, Prices prices, double latency) {
  if (latency <= 0) return prices;
  for (std::size_t k = 0; k < problem.kinds.size(); ++k) {
    prices.compute[k] += latency;
    prices.send[k] += latency;
    prices.entry[k] += latency * problem.entry_s[k];
  }
  return prices;
}

}  // namespace cleave
