#include "engine/cli/prune_curve.h"

#include <algorithm>

#include <fmt/format.h>
#include <tbb/task_arena.h>

#include "engine/cli/samples.h"
#include "engine/cli/stop.h"
#include "engine/mcmc/defaults.h"
#include "engine/mcmc/snip.h"

namespace cleave {

namespace {

constexpr std::size_t kTrainImages = 10'000;  // that are scored where none are held out

Samples limited(Samples samples, std::int64_t limit) {
  if (limit > 0 && static_cast<std::int64_t>(samples.picks.size()) > limit)
    samples.picks.resize(static_cast<std::size_t>(limit));
  return samples;
}

void refuse_unlabelled(const Dataset& set, const char* key) {
  if (set.labels.empty()) throw UserError(fmt::format("{}: the data set {} has no labels", key, set.name));
}

// Held-out training images; where the model holds none out, some it was trained on.
Samples held_out_of(const ModelSpec& spec, const Dataset& set) {
  Samples samples{&set, &spec.input, {}};
  if (spec.data.validation_share > 0) {
    hold_out(set.count, spec.data.validation_share, spec.seed, samples.picks);
    return samples;
  }
  samples.picks = all_of(set.count);
  samples.picks.resize(std::min(samples.picks.size(), kTrainImages));
  return samples;
}

double accuracy_of(const Graph& graph, const Weights& weights, const Samples& samples, int threads) {
  EvaluateOptions options;
  options.flow.in_flight = 2 * std::min(threads, 16);
  options.flow.batch = evaluation_batch(graph, options.flow.in_flight);
  options.flow.threads = threads;
  options.flow.stop = &watch_signals();
  const EvaluateReport report = evaluate_samples(graph, weights, samples, options);
  if (options.flow.stop->load()) throw Interrupted("stopped: nothing was written");
  return report.accuracy;
}

// The first images the model is trained on, as a batch of the training layout.
BlockBatch first_images(const Trained& trained, const Dataset& set, std::int64_t count) {
  const ModelSpec& spec = trained.model.reading.spec;
  Samples samples{&set, &spec.input, all_of(set.count)};
  std::vector<std::int64_t> unused;
  if (spec.data.validation_share > 0)
    samples.picks = hold_out(set.count, spec.data.validation_share, spec.seed, unused);
  Tensor input(std::min<std::int64_t>(count, static_cast<std::int64_t>(samples.picks.size())),
               trained.model.graph.nodes.front().type.shape);
  std::vector<std::int32_t> labels(static_cast<std::size_t>(input.batch));
  fill_samples(samples, 0, input.view(), labels);
  BlockBatch batch;
  fill_batch(batch, static_cast<const Tensor&>(input).view(), labels, lanes_for(trained.model.graph));
  return batch;
}

}  // namespace

const char* to_text(PruneBy by) {
  if (by == PruneBy::inclusion) return "inclusion";
  return by == PruneBy::snip ? "snip" : "magnitude";
}

WeightScores scores_of(const Trained& trained, const PruneQuestion& question) {
  const Graph& graph = trained.model.graph;
  if (prunable_weights(graph, question.options) == 0)
    throw UserError(
        fmt::format("{}: no weight of the network may be zero: real, ternary and {{0, 1}} ones may", trained.name));
  if (question.by == PruneBy::magnitude) return magnitude_scores(graph, trained.weights, question.options);
  if (question.by == PruneBy::inclusion)
    return inclusion_scores(graph, load_draws(trained), question.options, question.sparsity);
  const Dataset set = load_samples(trained.model, trained.model.reading.spec.data.train, "data.train");
  refuse_unlabelled(set, "data.train");
  const BlockBatch batch = first_images(trained, set, question.snip_images);
  WeightScores scores;
  tbb::task_arena arena(question.threads);
  arena.execute([&] { scores = snip_scores(graph, trained.weights, batch, question.options); });
  return scores;
}

PruneCurve measure_curve(const Trained& trained, const WeightScores& scores, const PruneQuestion& question) {
  const Graph& graph = trained.model.graph;
  const ModelSpec& spec = trained.model.reading.spec;
  const Dataset train = load_samples(trained.model, spec.data.train, "data.train");
  refuse_unlabelled(train, "data.train");
  const Samples held_out = limited(held_out_of(spec, train), question.limit);
  Dataset test_set;
  Samples test{&test_set, &spec.input, {}};
  if (question.test) {
    test_set = load_samples(trained.model, spec.data.test, "data.test");
    refuse_unlabelled(test_set, "data.test");
    test.picks = all_of(test_set.count);
    test = limited(test, question.limit);
  }
  PruneCurve curve{trained.name,
                   spec.data.validation_share > 0,
                   static_cast<std::int64_t>(held_out.picks.size()),
                   static_cast<std::int64_t>(test.picks.size()),
                   prunable_weights(graph, question.options),
                   {}};
  for (const double level : question.levels) {
    const Weights pruned = prune(graph, trained.weights, scores, level, question.options);
    PrunePoint point{level, 0, accuracy_of(graph, pruned, held_out, question.threads), 0};
    point.zeros =
        static_cast<double>(zero_weights(graph, pruned, question.options)) / static_cast<double>(curve.prunable);
    if (question.test) point.test = accuracy_of(graph, pruned, test, question.threads);
    curve.points.push_back(point);
  }
  return curve;
}

double largest_level(const PruneCurve& curve, double points) {
  double level = -1;
  for (const PrunePoint& point : curve.points)
    if (point.held_out >= curve.points.front().held_out - points - 1e-12) level = std::max(level, point.level);
    else break;
  return level;
}

}  // namespace cleave
