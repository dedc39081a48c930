#include "engine/train/diagnose.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "engine/mcmc/diagnostics.h"

namespace cleave {

namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

using Steps = std::vector<RecordedStep>;

// The recorded steps of a chain behind warm-up.
Steps kept(const Trace& trace, std::int64_t first_step, std::size_t rows) {
  const auto first = std::lower_bound(trace.steps.begin(), trace.steps.end(), first_step,
                                      [](const RecordedStep& a, std::int64_t step) { return a.step < step; });
  const auto left = static_cast<std::size_t>(trace.steps.end() - first);
  return Steps(first, first + static_cast<std::ptrdiff_t>(std::min(rows, left)));
}

// Geweke 1992: the means of the first and the last third of a chain in standard errors of their difference; the middle
// third lies between so that they are nearly independent. Of the chain that drifts most.
double drift_of(const ScalarDraws& chains) {
  double most = kNone;
  for (const std::vector<double>& chain : chains) {
    const auto third = static_cast<std::ptrdiff_t>(chain.size() / 3);
    const std::vector<double> first(chain.begin(), chain.begin() + third), last(chain.end() - third, chain.end());
    if (third < 4) continue;
    const double error =
        std::sqrt(variance_of(first) / effective_draws({first}) + variance_of(last) / effective_draws({last}));
    const double drift = (mean_of(last) - mean_of(first)) / error;
    if (std::isfinite(drift) && !(std::abs(drift) <= std::abs(most))) most = drift;
  }
  return most;
}

template <class Value>
ScalarDiagnosis diagnose_scalar(const char* name, const std::vector<Steps>& chains, Value value) {
  ScalarDraws draws;
  std::vector<double> means;
  for (const Steps& chain : chains) {
    std::vector<double>& values = draws.emplace_back();
    for (const RecordedStep& step : chain) values.push_back(value(step));
    if (!values.empty()) means.push_back(mean_of(values));
  }
  return {.name = name,
          .mean = means.empty() ? kNone : mean_of(means),
          .bulk_ess = bulk_ess(draws),
          .tail_ess = tail_ess(draws),
          .rhat = split_rhat(draws),
          .rank_rhat = rank_rhat(draws),
          .drift = drift_of(draws)};
}

// A layer as a row of its own, `parts` with all layers of its part.
struct BlockSum {
  BlockDiagnosis block;
  double jumps = 0;

  void add(const RecordedStep& step) {
    ++block.steps;
    if (std::isnan(step.log_ratio) || step.log_ratio == HUGE_VAL) ++block.not_finite;
    if (!step.accepted) return;
    ++block.accepted;
    jumps += step.jump;
  }
  BlockDiagnosis result() const {
    BlockDiagnosis done = block;
    done.mean_jump = done.accepted == 0 ? kNone : jumps / static_cast<double>(done.accepted);
    return done;
  }
};

std::vector<BlockDiagnosis> diagnose_blocks(const std::vector<Trace>& traces, const std::vector<Steps>& chains) {
  std::vector<BlockSum> sums = {{{.layer = "", .part = Part::body}}, {{.layer = "", .part = Part::head}}};
  const auto find = [&](const TracedLayer& layer) {
    std::size_t at = 0;
    while (at < sums.size() && sums[at].block.layer != layer.name) ++at;
    if (at == sums.size()) sums.push_back({{.layer = layer.name, .part = layer.part}});
    return at;
  };
  for (std::size_t c = 0; c < traces.size(); ++c) {
    std::vector<std::size_t> places;
    for (const TracedLayer& layer : traces[c].layers) places.push_back(find(layer));
    for (const RecordedStep& step : chains[c]) {
      BlockSum& sum = sums[places[static_cast<std::size_t>(step.layer)]];
      sum.add(step);
      sums[sum.block.part == Part::body ? 0 : 1].add(step);
    }
  }
  std::stable_sort(sums.begin(), sums.end(), [](const BlockSum& a, const BlockSum& b) {
    return a.block.part == Part::body && b.block.part == Part::head;
  });
  std::vector<BlockDiagnosis> blocks;
  for (const BlockSum& sum : sums)
    if (sum.block.steps > 0) blocks.push_back(sum.result());
  return blocks;
}

}  // namespace

ModuleDiagnosis diagnose_module(const std::string& name, const std::vector<Trace>& chains, const WarmUp& warm_up,
                                std::int64_t not_finite) {
  ModuleDiagnosis result;
  result.name = name;
  result.chains = static_cast<std::int64_t>(chains.size());
  result.not_finite = not_finite;
  std::size_t rows = std::numeric_limits<std::size_t>::max();
  result.steps = std::numeric_limits<std::int64_t>::max();
  for (const Trace& trace : chains) {
    rows = std::min(rows, trace.steps.size());
    result.steps = std::min(result.steps, trace.steps.empty() ? 0 : trace.steps.back().step + trace.every);
  }
  result.warm_up = warm_up.steps > 0 ? std::min(warm_up.steps, result.steps)
                                     : static_cast<std::int64_t>(warm_up.share * static_cast<double>(result.steps));
  std::vector<Steps> steps;
  for (const Trace& trace : chains) {
    steps.push_back(kept(trace, result.warm_up, rows));
    rows = std::min(rows, steps.back().size());
  }
  for (Steps& chain : steps) chain.resize(std::min(rows, chain.size()));
  result.draws = static_cast<std::int64_t>(steps.empty() ? 0 : rows);
  result.scalars = {diagnose_scalar("loss", steps, [](const RecordedStep& s) { return s.loss; }),
                    diagnose_scalar("log_prior", steps, [](const RecordedStep& s) { return s.log_prior; }),
                    diagnose_scalar("energy", steps, [](const RecordedStep& s) { return s.energy(); })};
  const std::int64_t every = chains.empty() ? 1 : chains.front().every;
  result.steps_per_draw = static_cast<double>(result.draws * every * result.chains) / result.scalars[2].bulk_ess;
  result.blocks = diagnose_blocks(chains, steps);
  result.findings = findings_of(result);
  return result;
}

}  // namespace cleave
