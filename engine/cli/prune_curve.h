// How accuracy falls as weights are pruned: what `prune` measures and prints.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/cli/chart.h"
#include "engine/cli/trained.h"
#include "engine/mcmc/pruning.h"

namespace cleave {

enum class PruneBy : std::uint8_t { magnitude, inclusion, snip };

struct PruneQuestion {
  PruneBy by = PruneBy::magnitude;
  PruneOptions options;
  SparsityOptions sparsity;    // for inclusion
  std::vector<double> levels;  // shares, ascending
  bool test = false;           // score the test set, too
  std::int64_t limit = 0;      // score the first so many images; 0 = all
  std::int64_t snip_images = 512;
  int threads = 1;
};

struct PrunePoint {
  double level = 0;
  double zeros = 0;     // share of the prunable weights that are zero
  double held_out = 0;  // accuracy of the network's answers
  double test = 0;      // the same on test data, if asked for
};

struct PruneCurve {
  std::string name;                // the run
  bool held_out_of_train = false;  // data.validation; else the scored images were trained on
  std::int64_t held_out_images = 0, test_images = 0;
  std::int64_t prunable = 0;  // weights
  std::vector<PrunePoint> points;
};

// Returns the scores that the question asks for. Throws UserError where no weight may be pruned or no draws were kept.
WeightScores scores_of(const Trained& trained, const PruneQuestion& question);

// Returns accuracies at every level. Throws UserError where the model names no data, Interrupted when stopped.
PruneCurve measure_curve(const Trained& trained, const WeightScores& scores, const PruneQuestion& question);

// The curves of one or several runs in a --format.
std::string to_text(const std::vector<PruneCurve>& curves, const PruneQuestion& question, const std::string& format);
Chart chart_of(const std::vector<PruneCurve>& curves, const PruneQuestion& question);

// The largest level whose accuracy on held-out training data is at most `points` (of 1) below that of the first level;
// -1 when even the first point is missing. The test set has no say.
double largest_level(const PruneCurve& curve, double points);

const char* to_text(PruneBy by);

}  // namespace cleave
