#include "engine/runtime/evaluate.h"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <deque>
#include <mutex>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "engine/runtime/draw_ensemble.h"

namespace cleave {

namespace {

struct HeadCounts {
  std::int64_t correct = 0;
  double cross_entropy = 0;  // sum
  Calibration calibration;
  std::int64_t left = 0, left_labelled = 0, left_correct = 0;
};

double operations(const Cost& cost) {
  return static_cast<double>(cost.mult_adds) + static_cast<double>(cost.binary_ops);
}

// Returns the operations of all nodes of modules 0…m, by m.
std::vector<double> paid_up_to(const Graph& graph) {
  std::vector<double> paid(std::max<std::size_t>(1, graph.modules.size()), 0.0);
  for (const Node& node : graph.nodes)
    paid[node.module == ModuleId::none ? 0 : index_of(node.module)] += operations(node.cost);
  for (std::size_t m = 1; m < paid.size(); ++m) paid[m] += paid[m - 1];
  return paid;
}

std::vector<HeadReport> heads_of(const Graph& graph) {
  std::vector<HeadReport> heads;
  for (std::size_t m = 0; m < graph.modules.size(); ++m) {
    const Module& module = graph.modules[m];
    const bool last = m + 1 == graph.modules.size();
    const NodeId head = module.head == NodeId::none && last ? graph.output : module.head;
    if (head == NodeId::none) continue;
    heads.push_back({.name = module.name, .module = static_cast<std::int32_t>(m), .head = head, .calibration = {}});
  }
  if (graph.modules.empty())
    heads.push_back({.name = graph.name, .module = 0, .head = graph.output, .calibration = {}});
  return heads;
}

double share(double part, double whole) { return whole > 0 ? part / whole : 0; }
double share(std::int64_t part, std::int64_t whole) {
  return share(static_cast<double>(part), static_cast<double>(whole));
}

// Adds up what the sink sees. One sample at a time and in order, so sums do not depend on threads.
class Tally {
 public:
  Tally(const Graph& graph, const EvaluateOptions& options)
      : graph_(graph),
        options_(options),
        heads_(heads_of(graph)),
        counts_(heads_.size()),
        answers_(heads_.size()),
        paid_(paid_up_to(graph)) {
    classes_ = element_count(graph.node(heads_.back().head).type.shape);
    if (options.confusion) confusion_.resize(static_cast<std::size_t>(classes_ * classes_));
  }

  Prediction add(const FrameResult& result, std::int64_t i, std::int32_t label);
  EvaluateReport report(RunReport run) const;

 private:
  std::vector<float> logits_of(NodeId node, const FrameResult& result, std::int64_t i) const;
  HeadAnswer ask(std::size_t head, const FrameResult& result, std::int64_t i, std::int32_t label);
  void leave(std::size_t head, const Prediction& prediction);

  const Graph& graph_;
  const EvaluateOptions& options_;
  std::vector<HeadReport> heads_;
  std::vector<HeadCounts> counts_;
  std::vector<HeadAnswer> answers_;  // to the sample at hand
  std::vector<double> paid_;
  double spent_ = 0;
  std::int64_t samples_ = 0, labelled_ = 0, classes_ = 0;
  std::vector<std::int64_t> confusion_;
};

std::vector<float> Tally::logits_of(NodeId node, const FrameResult& result, std::int64_t i) const {
  const ConstTensorView output = result.output(node);
  std::vector<float> logits(output.sample(i), output.sample(i) + output.sample_size());
  const OpDef* op = graph_.node(node).op;
  if (op != nullptr && std::string_view(op->name) == "softmax")
    for (float& value : logits) value = std::log(std::max(value, 1e-30F));
  return logits;
}

HeadAnswer Tally::ask(std::size_t head, const FrameResult& result, std::int64_t i, std::int32_t label) {
  std::vector<float> logits;
  if (options_.averaged.empty()) {
    logits = logits_of(heads_[head].head, result, i);
  } else {
    std::vector<std::vector<float>> of_draws;
    for (const NodeId node : options_.averaged[head]) of_draws.push_back(logits_of(node, result, i));
    logits = mean_log_probabilities(of_draws);
  }
  const HeadAnswer answer = answer_of(logits);
  if (label < 0) return answer;
  if (label >= static_cast<std::int32_t>(logits.size()))
    throw UserError(fmt::format("label {} of sample {}: node '{}' has {} classes, from 0", label, samples_,
                                graph_.node(heads_[head].head).name, logits.size()));
  HeadCounts& counts = counts_[head];
  counts.correct += answer.answer == label ? 1 : 0;
  counts.cross_entropy += answer.log_normalizer - static_cast<double>(logits[static_cast<std::size_t>(label)]);
  std::vector<double> probabilities;
  for (const float logit : logits)
    probabilities.push_back(std::exp(static_cast<double>(logit) - answer.log_normalizer));
  counts.calibration.add(probabilities, answer.answer, label);
  return answer;
}

void Tally::leave(std::size_t head, const Prediction& prediction) {
  HeadCounts& counts = counts_[head];
  ++counts.left;
  spent_ += paid_[static_cast<std::size_t>(heads_[head].module)];
  if (prediction.label < 0) return;
  ++counts.left_labelled;
  counts.left_correct += prediction.answer == prediction.label ? 1 : 0;
  const bool counted = options_.confusion && prediction.answer < classes_ && prediction.label < classes_;
  if (counted) ++confusion_[static_cast<std::size_t>(prediction.label * classes_ + prediction.answer)];
}

Prediction Tally::add(const FrameResult& result, std::int64_t i, std::int32_t label) {
  Prediction prediction{.sample = samples_, .label = label};
  bool left = false;
  for (std::size_t h = 0; h < heads_.size(); ++h) {
    const HeadAnswer answer = answers_[h] = ask(h, result, i, label);
    const bool last = h + 1 == heads_.size();
    const bool sure = options_.early_exit.has_value() && may_leave(*options_.early_exit, heads_[h].name, answer);
    if (left || !(last || sure)) continue;
    left = true;
    prediction.answer = answer.answer;
    prediction.probability = static_cast<float>(answer.probability);
    prediction.module = heads_[h].module;
    leave(h, prediction);
  }
  if (options_.on_heads) options_.on_heads(label, answers_);
  if (options_.on_values) {
    const ConstTensorView last = result.output(heads_.back().head);
    options_.on_values({last.sample(i), static_cast<std::size_t>(last.sample_size())});
  }
  ++samples_;
  labelled_ += label < 0 ? 0 : 1;
  return prediction;
}

EvaluateReport Tally::report(RunReport run) const {
  EvaluateReport report;
  report.run = std::move(run);
  report.labelled = labelled_;
  report.heads = heads_;
  report.classes = classes_;
  report.confusion = confusion_;
  std::int64_t correct = 0;
  for (std::size_t h = 0; h < heads_.size(); ++h) {
    const HeadCounts& counts = counts_[h];
    HeadReport& head = report.heads[h];
    head.accuracy = share(counts.correct, labelled_);
    head.cross_entropy = share(counts.cross_entropy, static_cast<double>(labelled_));
    head.calibration = counts.calibration;
    head.left = counts.left;
    head.left_share = share(counts.left, samples_);
    head.left_accuracy = share(counts.left_correct, counts.left_labelled);
    correct += counts.left_correct;
  }
  report.accuracy = share(correct, labelled_);
  const double everything = paid_.back() * static_cast<double>(samples_);
  report.compute_saved = everything > 0 ? 1 - spent_ / everything : 0;
  report.samples_per_s = share(static_cast<double>(samples_), report.run.seconds);
  return report;
}

// The labels of the frames under way, however many these are. Source and sink may be on two threads.
class LabelQueue {
 public:
  std::vector<std::int32_t> spare(std::int64_t size) {
    std::vector<std::int32_t> labels;
    const std::lock_guard lock(mutex_);
    if (!spare_.empty()) {
      labels = std::move(spare_.back());
      spare_.pop_back();
    }
    labels.assign(static_cast<std::size_t>(size), -1);
    return labels;
  }
  void give_back(std::vector<std::int32_t> labels) {
    const std::lock_guard lock(mutex_);
    spare_.push_back(std::move(labels));
  }
  void put(std::int64_t seq, std::vector<std::int32_t> labels) {
    const std::lock_guard lock(mutex_);
    rows_.emplace_back(seq, std::move(labels));
  }
  // Frames before this one that nobody took were given up.
  std::vector<std::int32_t> take(std::int64_t seq) {
    const std::lock_guard lock(mutex_);
    while (rows_.front().first < seq) rows_.pop_front();
    assert(rows_.front().first == seq);
    std::vector<std::int32_t> labels = std::move(rows_.front().second);
    rows_.pop_front();
    return labels;
  }

 private:
  std::mutex mutex_;
  std::deque<std::pair<std::int64_t, std::vector<std::int32_t>>> rows_;
  std::vector<std::vector<std::int32_t>> spare_;
};

}  // namespace

HeadAnswer answer_of(std::span<const float> logits) {
  HeadAnswer answer;
  for (std::size_t k = 1; k < logits.size(); ++k)
    if (logits[k] > logits[static_cast<std::size_t>(answer.answer)]) answer.answer = static_cast<std::int32_t>(k);
  const auto largest = static_cast<double>(logits[static_cast<std::size_t>(answer.answer)]);
  double sum = 0;
  double weighted = 0;  // Σ exp(d)·d, with d = logit - largest
  for (const float logit : logits) {
    const double d = static_cast<double>(logit) - largest;
    const double e = std::exp(d);
    sum += e;
    weighted += e > 0 ? e * d : 0;
  }
  answer.probability = 1 / sum;
  answer.entropy = std::log(sum) - weighted / sum;
  answer.log_normalizer = largest + std::log(sum);
  return answer;
}

std::vector<NodeId> answering_nodes(const Graph& graph) {
  std::vector<NodeId> nodes;
  for (const HeadReport& head : heads_of(graph)) nodes.push_back(head.head);
  return nodes;
}

bool may_leave(const ExitRule& rule, const std::string& module, const HeadAnswer& answer) {
  assert(rule.rule == "max_probability" || rule.rule == "entropy");
  const double threshold = rule.threshold_of(module);
  if (threshold == kNeverLeaves) return false;
  if (rule.rule == "entropy") return answer.entropy <= threshold;
  return answer.probability >= threshold;
}

std::vector<double> compute_shares(const Graph& graph) {
  const std::vector<double> paid = paid_up_to(graph);
  std::vector<double> shares;
  for (const HeadReport& head : heads_of(graph))
    shares.push_back(share(paid[static_cast<std::size_t>(head.module)], paid.back()));
  return shares;
}

EvaluateReport evaluate(const Graph& graph, const RunFrames& run, const LabelledSource& source,
                        const EvaluateOptions& options, const std::function<void(const Prediction&)>& on_prediction) {
  Tally tally(graph, options);
  LabelQueue queue;
  const auto fill = [&](std::int64_t seq, TensorView input) {
    std::vector<std::int32_t> labels = queue.spare(input.batch);
    const std::int64_t count = source(seq, input, labels);
    if (count > 0) queue.put(seq, std::move(labels));
    return count;
  };
  const auto count = [&](const FrameResult& result) {
    std::vector<std::int32_t> labels = queue.take(result.seq);
    for (std::int64_t i = 0; i < result.count; ++i) {
      const Prediction prediction = tally.add(result, i, labels[static_cast<std::size_t>(i)]);
      if (on_prediction) on_prediction(prediction);
    }
    queue.give_back(std::move(labels));
  };
  return tally.report(run(fill, count));
}

EvaluateReport evaluate(const Graph& graph, Weights weights, const LabelledSource& source,
                        const EvaluateOptions& options, const std::function<void(const Prediction&)>& on_prediction) {
  FlowOptions flow_options = options.flow;
  flow_options.kept = answering_nodes(graph);
  for (const std::vector<NodeId>& nodes : options.averaged)
    flow_options.kept.insert(flow_options.kept.end(), nodes.begin(), nodes.end());
  Flow flow(graph, std::move(weights), flow_options);
  const auto run = [&](const FrameSource& frames, const FrameSink& sink) { return flow.run(frames, sink); };
  return evaluate(graph, run, source, options, on_prediction);
}

}  // namespace cleave
