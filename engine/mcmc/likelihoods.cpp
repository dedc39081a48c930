#include "engine/mcmc/likelihoods.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "engine/mcmc/law_rows.h"
#include "engine/mcmc/likelihood_gradients.h"
#include "ops/kernels/train_kernels.h"

namespace cleave {

namespace {

constexpr FieldDef kReduceFields[] = {{.name = "reduce",
                                       .kind = Kind::word,
                                       .doc = "how the losses of a batch become one; λ multiplies the result",
                                       .required = true,
                                       .words = "sum|mean"}};

// Cross-entropy, log Σexp(logit) - logit[label]. Cache: row 0 the shift (the largest logit when the block was last
// evaluated whole), row 1 shift - logit[label], then exp(logit - shift) of every class. A proposal for a few classes
// computes their terms only; new_cache then holds the margins in row 1 and the changed terms from row 2 on.
std::int64_t cross_entropy_rows(std::int64_t classes) { return classes + 2; }

CrossEntropyArgs kernel_args(const LossArgs& args) {
  return {.logits = args.logits.data(),
          .classes = static_cast<std::int64_t>(args.logits.size()),
          .lanes = args.lanes,
          .used = args.used,
          .labels = args.labels,
          .changed_classes = args.changed.channels.data(),
          .changed_count = static_cast<std::int64_t>(args.changed.channels.size()),
          .terms = nullptr,
          .new_terms = args.new_cache + 2 * args.lanes,
          .old_margin = args.cache + args.lanes,
          .new_margin = args.new_cache + args.lanes,
          .old_shift = args.cache,
          .new_shift = args.new_cache};
}

BlockLoss cross_entropy(const LossArgs& args) {
  CrossEntropyArgs whole = kernel_args(args);
  const bool part = !args.changed.all && 2 * args.changed.channels.size() <= args.logits.size();
  if (part) {
    std::array<const float*, kMaxClasses> terms;
    for (std::size_t c = 0; c < args.logits.size(); ++c)
      terms[c] = args.cache + (static_cast<std::int64_t>(c) + 2) * args.lanes;
    for (std::size_t k = 0; k < args.changed.channels.size(); ++k)
      terms[static_cast<std::size_t>(args.changed.channels[k])] =
          args.new_cache + (static_cast<std::int64_t>(k) + 2) * args.lanes;
    whole.terms = terms.data();
    const double sum = train_kernels().cross_entropy_part(whole);
    if (std::isfinite(sum)) return {sum, false};
  }
  return {train_kernels().cross_entropy(whole), true};
}

void accept_cross_entropy(const LossArgs& args, float* cache) {
  std::copy_n(args.new_cache + args.lanes, args.lanes, cache + args.lanes);
  for (std::size_t k = 0; k < args.changed.channels.size(); ++k)
    std::copy_n(args.new_cache + (static_cast<std::int64_t>(k) + 2) * args.lanes, args.lanes,
                cache + (args.changed.channels[k] + 2) * args.lanes);
}

// Adds up `loss(image, label)` over the images; NaN logits make the sum NaN.
template <class Loss>
BlockLoss sum_over_images(const LossArgs& args, Loss loss) {
  double sum = 0;
  for (std::int64_t i = 0; i < args.used; ++i) sum += loss(i, static_cast<std::size_t>(args.labels[i]));
  return {sum, true};
}

// Returns the largest logit among the classes other than `label`, NaN when one is NaN.
double best_other(const LossArgs& args, std::int64_t image, std::size_t label) {
  double best = -std::numeric_limits<double>::infinity();
  for (std::size_t c = 0; c < args.logits.size(); ++c) {
    const double logit = args.logits[c][image];
    if (std::isnan(logit)) return logit;
    if (c != label) best = std::max(best, logit);
  }
  return best;
}

BlockLoss zero_one(const LossArgs& args) {
  return sum_over_images(args, [&](std::int64_t i, std::size_t label) {
    const double own = args.logits[label][i];
    const double other = best_other(args, i, label);
    if (std::isnan(other) || std::isnan(own)) return std::numeric_limits<double>::quiet_NaN();
    return own > other ? 0.0 : 1.0;
  });
}

BlockLoss hinge(const LossArgs& args) {
  return sum_over_images(args, [&](std::int64_t i, std::size_t label) {
    const double slack = 1.0 + best_other(args, i, label) - static_cast<double>(args.logits[label][i]);
    return slack < 0 ? 0.0 : slack;
  });
}

BlockLoss squared_error(const LossArgs& args) {
  return sum_over_images(args, [&](std::int64_t i, std::size_t label) {
    double sum = 0;
    for (std::size_t c = 0; c < args.logits.size(); ++c) {
      const double error = static_cast<double>(args.logits[c][i]) - (c == label ? 1.0 : 0.0);
      sum += error * error;
    }
    return sum;
  });
}

constexpr LikelihoodDef kLikelihoods[] = {
    {.name = "cross_entropy",
     .doc = "-log softmax of the label, in nats",
     .fields = kReduceFields,
     .shorthand = "reduce",
     .block_loss = cross_entropy,
     .cache_rows = cross_entropy_rows,
     .accept_part = accept_cross_entropy,
     .gradient = cross_entropy_gradient},
    {.name = "zero_one",
     .doc = "1 unless the label's output is the largest",
     .fields = kReduceFields,
     .shorthand = "reduce",
     .block_loss = zero_one},
    {.name = "hinge",
     .doc = "1 + best other output - label's output, if positive",
     .fields = kReduceFields,
     .shorthand = "reduce",
     .block_loss = hinge,
     .gradient = hinge_gradient},
    {.name = "mse",
     .doc = "squared distance of the outputs to the label's unit vector",
     .fields = kReduceFields,
     .shorthand = "reduce",
     .block_loss = squared_error,
     .gradient = squared_error_gradient},
};

}  // namespace

std::span<const LikelihoodDef> likelihood_catalog() { return kLikelihoods; }

std::vector<LawDef> likelihood_laws() { return law_rows(likelihood_catalog()); }

}  // namespace cleave
