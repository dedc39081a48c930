#include "engine/mcmc/likelihood_gradients.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "ops/kernels/train_kernels.h"

namespace cleave {

namespace {

// Zeros the lanes that hold no image.
void clear_unused(const LossArgs& args, float* to) {
  for (std::size_t c = 0; c < args.logits.size(); ++c)
    std::fill(to + static_cast<std::int64_t>(c) * args.lanes + args.used,
              to + static_cast<std::int64_t>(c + 1) * args.lanes, 0.0F);
}

float& label_slope(const LossArgs& args, std::int64_t image, float* to) {
  return to[args.labels[image] * args.lanes + image];
}

}  // namespace

void cross_entropy_gradient(const LossArgs& args, float* to) {
  std::array<float, kMaxLanes> largest{}, sums{};
  std::copy_n(args.logits[0], args.lanes, largest.begin());
  const auto lanes = static_cast<std::size_t>(args.lanes);
  for (const float* logits : args.logits)
    for (std::size_t l = 0; l < lanes; ++l) largest[l] = std::max(largest[l], logits[l]);
  for (std::size_t c = 0; c < args.logits.size(); ++c) {
    float* row = to + c * lanes;
    train_kernels().subtract(row, args.logits[c], largest.data(), args.lanes);
    train_kernels().exponential(row, row, args.lanes);
    for (std::size_t l = 0; l < lanes; ++l) sums[l] += row[l];
  }
  for (std::size_t c = 0; c < args.logits.size(); ++c)
    for (std::size_t l = 0; l < lanes; ++l) to[c * lanes + l] /= sums[l];
  for (std::int64_t i = 0; i < args.used; ++i) label_slope(args, i, to) -= 1;
  clear_unused(args, to);
}

void hinge_gradient(const LossArgs& args, float* to) {
  const auto classes = static_cast<std::int64_t>(args.logits.size());
  std::fill_n(to, classes * args.lanes, 0.0F);
  for (std::int64_t i = 0; i < args.used; ++i) {
    std::int64_t best = -1;
    for (std::int64_t c = 0; c < classes; ++c)
      if (c != args.labels[i] &&
          (best < 0 || args.logits[static_cast<std::size_t>(c)][i] > args.logits[static_cast<std::size_t>(best)][i]))
        best = c;
    const float own = args.logits[static_cast<std::size_t>(args.labels[i])][i];
    if (best < 0 || own - args.logits[static_cast<std::size_t>(best)][i] >= 1) continue;
    to[best * args.lanes + i] = 1;
    label_slope(args, i, to) = -1;
  }
}

void squared_error_gradient(const LossArgs& args, float* to) {
  for (std::size_t c = 0; c < args.logits.size(); ++c)
    train_kernels().affine(to + static_cast<std::int64_t>(c) * args.lanes, args.logits[c], 2, 0, args.lanes);
  for (std::int64_t i = 0; i < args.used; ++i) label_slope(args, i, to) -= 2;
  clear_unused(args, to);
}

}  // namespace cleave
