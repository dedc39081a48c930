#include "engine/mcmc/chain.h"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>

namespace cleave {

Chain::Chain(const Graph& graph, ModuleId module, const LikelihoodDef& likelihood, const ChainOptions& options)
    : graph_(graph), options_(options), plans_(plan_module(graph, module)), state_(graph, module, likelihood) {
  if (plans_.empty()) throw UserError(fmt::format("module '{}' has no weights to train", graph.module(module).name));
}

void Chain::set_batch(const BlockBatch& batch, Weights& weights) {
  weights_ = &weights;
  images_ = batch.images;
  ++batches_;
  accepted_since_refresh_ = 0;
  state_.set_batch(batch, weights);
  check_lambda(options_, loss());
  log_prior_ = cleave::log_prior(plans_, graph_, weights);
}

double Chain::loss() const { return options_.mean ? state_.loss() / static_cast<double>(images_) : state_.loss(); }

void Chain::count(const StepResult& result) {
  const bool body = result.part == Part::body;
  ++counts_.steps;
  ++(body ? counts_.body_steps : counts_.head_steps);
  if (!result.finite) ++counts_.not_finite;
  if (counts_.steps <= options_.warm_up)
    adapt_width(plans_[result.plan].groups[result.group],
                result.finite ? std::exp(std::min(result.log_ratio, 0.0)) : 0);
  if (!result.accepted) return;
  ++(body ? counts_.body_accepted : counts_.head_accepted);
  log_prior_ += result.log_prior;
  if (++accepted_since_refresh_ != options_.refresh_every) return;
  accepted_since_refresh_ = 0;
  state_.refresh();
}

bool Chain::restore(const ChainCounts& counts, std::int64_t batches, std::int64_t accepted_since_refresh,
                    std::span<const double> scales) {
  if (!set_scales(plans_, scales)) return false;
  counts_ = counts;
  batches_ = batches;
  accepted_since_refresh_ = accepted_since_refresh;
  return true;
}

double temperature(const ChainOptions& options, std::int64_t step) {
  if (options.start_temperature == options.end_temperature || step >= options.annealed_steps)
    return options.end_temperature;
  const double part = static_cast<double>(step) / static_cast<double>(options.annealed_steps);
  return options.start_temperature * std::pow(options.end_temperature / options.start_temperature, part);
}

void check_lambda(const ChainOptions& options, double loss) {
  const double coldest = std::min(options.start_temperature, options.end_temperature);
  if (!(options.start_temperature > 0 && options.end_temperature > 0))
    throw UserError("training.temperature must be above zero, at the start and at the end");
  if (std::isfinite(loss) && !std::isfinite(options.lambda / coldest * loss))
    throw UserError(
        fmt::format("training.lambda ({}){} overflows: multiplied by a loss of {:.3g} it is infinite; "
                    "state a smaller one",
                    options.lambda, coldest == 1 ? "" : fmt::format(" at a temperature of {}", coldest), loss));
}

void Chain::run(std::int64_t steps, const std::function<void(const TraceRow&)>& trace, std::int64_t trace_every,
                const std::function<bool()>& enough) {
  const double lambda = options_.mean ? options_.lambda / static_cast<double>(images_) : options_.lambda;
  StepRule rule{.lambda = lambda, .pick_body = options_.pick_body, .pick_head = options_.pick_head};
  for (std::int64_t i = 0; i < steps; ++i) {
    const std::int64_t step = counts_.steps;
    rule.lambda = lambda / temperature(options_, step);
    Rng rng(options_.seed, options_.stream, static_cast<std::uint64_t>(step));
    const StepResult result = metropolis_step(state_, plans_, rule, *weights_, graph_, rng);
    count(result);
    if (trace && step % trace_every == 0)
      trace({.step = step,
             .batch = batches_ - 1,
             .part = result.part,
             .layer = &graph_.node(result.layer).name,
             .accepted = result.accepted,
             .loss = loss(),
             .log_prior = log_prior_,
             .log_ratio = result.log_ratio,
             .jump = result.jump,
             .lambda = options_.mean ? rule.lambda * static_cast<double>(images_) : rule.lambda});
    if (enough && enough()) return;
  }
}

}  // namespace cleave
