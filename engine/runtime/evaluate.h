// Evaluation: a graph's answers on labelled samples; accuracy of every head and what early exits would save.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "engine/runtime/calibration.h"
#include "engine/runtime/flow.h"
#include "engine/runtime/predictions.h"
#include "graphs/exit_rule.h"
#include "graphs/graph.h"

namespace cleave {

// Fills up to `input.batch` samples of frame `seq` and their classes (-1 = not known) and returns how many; 0 = the
// end. Called like a FrameSource.
using LabelledSource = std::function<std::int64_t(std::int64_t seq, TensorView input, std::span<std::int32_t> labels)>;

// What a head says about one sample.
struct HeadAnswer {
  std::int32_t answer = 0;  // the first class with the largest probability
  double probability = 0;
  double entropy = 0;         // -Σ p log p, in nats
  double log_normalizer = 0;  // log Σ exp(logit): −log p(class) = log_normalizer − logit
};

struct EvaluateOptions {
  FlowOptions flow{};
  std::optional<ExitRule> early_exit{};  // not given: the last module answers
  bool confusion = false;                // count answers by label
  // By head, as answering_nodes: nodes whose probabilities are averaged to give the head's, see DrawEnsemble. Empty =
  // the heads themselves.
  std::vector<std::vector<NodeId>> averaged{};
  // Called for every sample, in order, with what each head says of it.
  std::function<void(std::int32_t label, std::span<const HeadAnswer> heads)> on_heads{};
  // Called for every sample, in order, with what the last head gives, as it stands in memory.
  std::function<void(std::span<const float> values)> on_values{};
};

// One module that has a head; for a graph without one, its output counts as the head.
struct HeadReport {
  std::string name;         // of the module
  std::int32_t module = 0;  // its place, from 0
  NodeId head = NodeId::none;
  double accuracy = 0;       // share of the labelled samples its own answer is right for; 0 when none is labelled
  double cross_entropy = 0;  // mean over the labelled samples, in nats: the negative log-likelihood
  Calibration calibration;   // over the labelled samples
  std::int64_t left = 0;     // samples that it gave the answer for
  double left_share = 0;     // of all samples
  double left_accuracy = 0;  // of the labelled among these; 0 when there are none
};

struct EvaluateReport {
  RunReport run;              // run.samples were answered
  std::int64_t labelled = 0;  // samples with a known class
  double accuracy = 0;        // of the answers given
  double compute_saved = 0;   // share of multiply-adds and binary ops of the modules not needed
  double samples_per_s = 0;
  std::vector<HeadReport> heads;
  std::int64_t classes = 0;             // of the last head
  std::vector<std::int64_t> confusion;  // [label][answer], empty unless asked for
};

// Runs `graph` over all samples of `source`. A sample leaves at the first module whose head is sure enough: largest
// probability ≥ threshold (`max_probability`) or entropy ≤ threshold nats (`entropy`) of the softmax of its logits; the
// last module always answers; modules may have thresholds of their own. Leaving at module m is counted as the bodies
// and heads of modules 0…m; all heads are computed all the same, as their accuracy is reported. A head that ends in
// softmax gives its probabilities itself. `on_prediction`, when given, gets the answers in order. Throws as Flow::run,
// and UserError for a label that is not a class of the head.
EvaluateReport evaluate(const Graph& graph, Weights weights, const LabelledSource& source,
                        const EvaluateOptions& options,
                        const std::function<void(const Prediction&)>& on_prediction = nullptr);

// The nodes whose outputs `evaluate` looks at: all heads; for a graph without one, its output.
std::vector<NodeId> answering_nodes(const Graph& graph);
// Runs the frames of a source and shows them to a sink: Flow::run, or a swarm that stands in for it. The frames that
// the sink sees need only hold the answering nodes.
using RunFrames = std::function<RunReport(const FrameSource&, const FrameSink&)>;
// The same by a runner of one's own; `options.flow` is not looked at.
EvaluateReport evaluate(const Graph& graph, const RunFrames& run, const LabelledSource& source,
                        const EvaluateOptions& options,
                        const std::function<void(const Prediction&)>& on_prediction = nullptr);

// Returns the answer of `logits`.
HeadAnswer answer_of(std::span<const float> logits);
// Returns whether `answer` is sure enough to leave the module with.
bool may_leave(const ExitRule& rule, const std::string& module, const HeadAnswer& answer);
// Returns the share of the operations (multiply-adds and binary ops) that a sample costs which leaves at each of the
// heads; the last is 1.
std::vector<double> compute_shares(const Graph& graph);

}  // namespace cleave
