// Reversible jump on the support (Green 1995), for states of which some blocks of weights are zero.
//
// With k of the n selected blocks not zero, a step is a walk with probability s(k) = walk, but s(0) = 0, for there is
// nothing to move; else one of the n blocks is picked, each alike. A picked block of zeros is born: its weights u are
// drawn from the birth law g. A picked block that is not zero dies. From k to k + 1 and back:
//
//   q(birth) = (1 - s(k))/n · g(u)      q(death) = (1 - s(k+1))/n
//   log q(death)/q(birth) = log(1 - s(k+1)) - log(1 - s(k)) - log g(u)
//
// The new weights are u itself, so the Jacobian of the jump is 1, and with the prior's density with respect to a point
// at zero plus Lebesgue measure (spike_priors.h) this is all: with g = slab the density of the slab cancels. A walk
// adds a normal step to every weight of the blocks that are not zero; it is symmetric and never changes the support
// (that a sum rounds to exactly zero has no part in the law and is as rare as a float is fine).
#include "engine/mcmc/birth_death.h"

#include <algorithm>
#include <cassert>
#include <cmath>

#include "engine/mcmc/spike_priors.h"

namespace cleave {

namespace {

constexpr double kLogTwoPi = 1.83787706640934548356;

void draw_birth(const ProposalArgs& args, std::span<float> block, Rng& rng) {
  const PriorLaw& slab = args.prior.slab.front();
  if (!args.params.has("birth")) return slab.def->draw(slab, block, rng);
  const double width = args.params.real("birth");
  for (float& w : block) w = static_cast<float>(width * rng.normal());
}

// log g.
double log_birth(const ProposalArgs& args, std::span<const float> block) {
  const PriorLaw& slab = args.prior.slab.front();
  const auto size = static_cast<double>(block.size());
  if (!args.params.has("birth")) return slab.def->log_shape(slab, block) + size * slab.log_norm;
  const double width = args.params.real("birth");
  double sum = -size * (std::log(width) + 0.5 * kLogTwoPi);
  for (const float w : block) sum -= 0.5 * (w / width) * (w / width);
  return sum;
}

void walk(const ProposalArgs& args, Rng& rng) {
  const double scale = args.params.real("scale");
  for (std::size_t b = 0; b < block_count(args); ++b) {
    const std::span<float> block = block_at(args, args.new_values, b);
    if (is_zero(block)) continue;
    for (float& w : block) w = static_cast<float>(w + scale * rng.normal());
  }
}

}  // namespace

double birth_death(const ProposalArgs& args, Rng& rng) {
  assert(args.prior.has_spike());
  const double walks = args.params.real("walk");
  const std::size_t blocks = block_count(args);
  std::size_t alive = 0;
  for (std::size_t b = 0; b < blocks; ++b) alive += is_zero(block_at(args, args.old_values, b)) ? 0 : 1;
  if (alive > 0 && rng.uniform() < walks) {
    walk(args, rng);
    return 0;
  }
  const auto picked = static_cast<std::size_t>(rng.below(static_cast<std::int64_t>(blocks)));
  const std::span<float> block = block_at(args, args.new_values, picked);
  const auto log_jump = [&](std::size_t k) { return k == 0 ? 0.0 : std::log1p(-walks); };
  if (is_zero(block)) {
    draw_birth(args, block, rng);
    return log_jump(alive + 1) - log_jump(alive) - log_birth(args, block);
  }
  const double back = log_birth(args, block);
  std::fill(block.begin(), block.end(), 0.0F);
  return log_jump(alive - 1) - log_jump(alive) + back;
}

}  // namespace cleave
