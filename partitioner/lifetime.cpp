// The rotation is a linear program with a variable for each plan (frames it runs) and a row for each battery. Its size
// is small (at most 64 rows), its numbers are not: 36 kJ of a battery against 30 mJ of a frame. So rows are scaled by
// the batteries and columns by their largest entry: all coefficients lie in 0 … 1. GLPK's primal simplex starts from
// "no frames", which is always allowed. Rounding is mended afterwards: the frames are scaled back into the batteries,
// the duals up until no plan is worth more than its joules; then Σ dual · battery bounds every rotation, whatever the
// solver did. A plan set with P plans and B batteries takes a few B pivots of O(P · B).
#include "partitioner/lifetime.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include <fmt/format.h>
#include <glpk.h>

#include "ops/core/error.h"

namespace cleave {

namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }

// The program in shares of a battery: rows are batteries that can bind, columns plans that can run.
struct Program {
  std::vector<std::size_t> plan, battery;   // which those are
  std::vector<std::vector<double>> shares;  // [column][row] of the battery for a frame, over `scale` of the column
  std::vector<double> scale;                // [column]: the largest share
  double gain = 0;                          // the largest 1 / scale
};

struct Optimum {
  std::vector<double> columns, duals;  // of the scaled program
};

Program program_of(const std::vector<std::vector<double>>& joules, const std::vector<double>& battery_j) {
  Program program;
  for (std::size_t b = 0; b < battery_j.size(); ++b)
    if (battery_j[b] > 0 && battery_j[b] < kInfinity) program.battery.push_back(b);
  for (std::size_t p = 0; p < joules.size(); ++p) {
    bool can_run = true;
    for (std::size_t b = 0; b < battery_j.size(); ++b)
      can_run = can_run && std::isfinite(joules[p][b]) && (joules[p][b] <= 0 || battery_j[b] > 0);
    if (!can_run) continue;
    std::vector<double> shares;
    double largest = 0;
    for (const std::size_t b : program.battery) {
      shares.push_back(joules[p][b] / battery_j[b]);
      largest = std::max(largest, shares.back());
    }
    if (largest > 0)
      for (double& share : shares) share /= largest;
    program.plan.push_back(p);
    program.shares.push_back(std::move(shares));
    program.scale.push_back(largest);
    if (largest > 0) program.gain = std::max(program.gain, 1 / largest);
  }
  return program;
}

// Maximises Σ column / (scale · gain) subject to Σ shares · column <= 1.
Optimum solve(const Program& program) {
  const int rows = static_cast<int>(program.battery.size()), columns = static_cast<int>(program.plan.size());
  const std::unique_ptr<glp_prob, decltype(&glp_delete_prob)> lp(glp_create_prob(), &glp_delete_prob);
  glp_set_obj_dir(lp.get(), GLP_MAX);
  glp_add_rows(lp.get(), rows);
  glp_add_cols(lp.get(), columns);
  for (int row = 1; row <= rows; ++row) glp_set_row_bnds(lp.get(), row, GLP_UP, 0, 1);
  for (int column = 1; column <= columns; ++column) {
    std::vector<int> index(1);
    std::vector<double> value(1);
    for (int row = 1; row <= rows; ++row) {
      const double share = program.shares[at(column - 1)][at(row - 1)];
      if (share <= 0) continue;
      index.push_back(row);
      value.push_back(share);
    }
    glp_set_mat_col(lp.get(), column, static_cast<int>(index.size()) - 1, index.data(), value.data());
    glp_set_col_bnds(lp.get(), column, GLP_LO, 0, 0);
    glp_set_obj_coef(lp.get(), column, 1 / (program.scale[at(column - 1)] * program.gain));
  }
  glp_smcp settings;
  glp_init_smcp(&settings);
  settings.msg_lev = GLP_MSG_OFF;
  settings.tol_bnd = settings.tol_dj = 1e-10;
  settings.tm_lim = 60'000;
  if (glp_simplex(lp.get(), &settings) != 0 || glp_get_status(lp.get()) != GLP_OPT)
    throw RunError("the linear program of the rotation could not be solved");
  Optimum optimum;
  for (int column = 1; column <= columns; ++column)
    optimum.columns.push_back(std::max(0.0, glp_get_col_prim(lp.get(), column)));
  for (int row = 1; row <= rows; ++row) optimum.duals.push_back(std::max(0.0, glp_get_row_dual(lp.get(), row)));
  return optimum;
}

// Scales the frames into the batteries and the duals out of all plans: both sides hold whatever the solver rounded.
void fill(RotationPlan& rotation, const Program& program, const Optimum& optimum,
          const std::vector<double>& battery_j) {
  std::vector<double> used(program.battery.size());
  double cheapest = kInfinity;
  for (std::size_t c = 0; c < program.plan.size(); ++c) {
    double price = 0;
    for (std::size_t r = 0; r < used.size(); ++r) {
      used[r] += program.shares[c][r] * optimum.columns[c];
      price += program.shares[c][r] * optimum.duals[r];
    }
    cheapest = std::min(cheapest, price * program.scale[c] * program.gain);  // 1 = worth its frame exactly
  }
  const double most = std::max(1.0, *std::max_element(used.begin(), used.end()));
  for (std::size_t c = 0; c < program.plan.size(); ++c) {
    double& frames = rotation.frames_of_plan[program.plan[c]];
    frames = optimum.columns[c] / program.scale[c] / most;
    rotation.frames += frames;
  }
  for (std::size_t p = 0; p < rotation.share_of_plan.size(); ++p)
    rotation.share_of_plan[p] = rotation.frames_of_plan[p] / rotation.frames;
  for (std::size_t r = 0; r < program.battery.size(); ++r) {
    const std::size_t battery = program.battery[r];
    const double gain = optimum.duals[r] * program.gain / std::min(1.0, cheapest);
    rotation.frames_per_j[battery] = gain / battery_j[battery];
    rotation.bound += gain;
  }
}

double shared_frames_at(const RolePlans& plans, std::span<const DeviceKind> kinds, double standby_w) {
  double best = 0;
  for (const RolePlan& plan : plans.plans) {
    if (plan.devices() < 2) continue;
    double frames = plan.awake_frames;
    for (std::size_t k = 0; k < kinds.size(); ++k) {
      const auto used = std::count(plan.kind_of_role.begin(), plan.kind_of_role.end(), static_cast<int>(k));
      if (used < kinds[k].count() && standby_w > 0)
        frames = std::min(frames, kinds[k].battery_j / (standby_w * plan.period_s));
    }
    best = std::max(best, frames);
  }
  return best;
}

double break_even_w(const RolePlans& plans, std::span<const DeviceKind> kinds, std::span<const double> whole_s,
                    double period_s) {
  std::vector<DeviceKind> changed(kinds.begin(), kinds.end());
  const auto sharing_wins = [&](double standby_w) {
    for (DeviceKind& kind : changed) kind.standby_w = standby_w;
    return shared_frames_at(plans, kinds, standby_w) > best_relay(changed, whole_s, period_s).frames;
  };
  double low = 0, high = 0;
  for (const DeviceKind& kind : kinds) high = std::max(high, kind.compute_w);
  if (sharing_wins(low)) return 0;
  if (!sharing_wins(high)) return kInfinity;
  while (high - low > 1e-12 * high) (sharing_wins((low + high) / 2) ? high : low) = (low + high) / 2;
  return high;
}

std::string frames_text(double frames) {
  if (frames == kInfinity) return "no end";
  return frames < 1000 ? fmt::format("{:.4f}", frames) : fmt::format("{:.0f}", frames);
}

}  // namespace

RotationPlan best_rotation(const std::vector<std::vector<double>>& joules, const std::vector<double>& battery_j) {
  RotationPlan rotation;
  rotation.frames_of_plan.resize(joules.size());
  rotation.share_of_plan.resize(joules.size());
  rotation.frames_per_j.resize(battery_j.size());
  const Program program = program_of(joules, battery_j);
  for (std::size_t c = 0; c < program.plan.size(); ++c)
    if (program.scale[c] <= 0) {
      rotation.frames = rotation.bound = kInfinity;
      rotation.share_of_plan[program.plan[c]] = 1;
      return rotation;
    }
  if (!program.plan.empty()) fill(rotation, program, solve(program), battery_j);
  return rotation;
}

RotationPlan best_rotation(const RolePlans& plans, std::span<const DeviceKind> kinds) {
  std::vector<std::vector<double>> joules;
  std::vector<double> battery_j;
  for (const RolePlan& plan : plans.plans) joules.push_back(plan.joules);
  for (const DeviceKind& kind : kinds) battery_j.push_back(kind.count() * kind.battery_j);
  return best_rotation(joules, battery_j);
}

Lifetime lifetime_of(std::span<const DeviceKind> kinds, std::span<const double> whole_s, std::span<const RoleCut> cuts,
                     double period_s) {
  std::vector<RoleCut> all{{"", {{whole_s.begin(), whole_s.end()}}, 0}};
  all.insert(all.end(), cuts.begin(), cuts.end());
  Lifetime life;
  life.plans = assign_roles(kinds, all, period_s);
  const std::vector<RolePlan>& plans = life.plans.plans;
  life.shared = best_static(life.plans, 2);
  for (std::size_t p = 0; p < plans.size(); ++p) {
    if (plans[p].devices() == 1 && plans[p].frames > life.alone_frames) {
      life.alone = static_cast<int>(p);
      life.alone_frames = plans[p].frames;
    }
  }
  if (life.shared >= 0) {
    life.shared_frames = plans[at(life.shared)].frames;
    life.break_even_standby_w = break_even_w(life.plans, kinds, whole_s, period_s);
  }
  life.rotation = best_rotation(life.plans, kinds);
  life.relay = best_relay(kinds, whole_s, period_s);
  const double frames[] = {life.alone_frames, life.shared_frames, life.relay.frames, life.rotation.frames};
  life.frames = *std::max_element(std::begin(frames), std::end(frames));
  for (int regime = 3; regime >= 0; --regime)
    if (frames[regime] == life.frames || frames[regime] >= life.frames * (1 - 1e-9))
      life.regime = static_cast<Regime>(regime);
  life.rate_kept = period_s <= 0 || std::any_of(plans.begin(), plans.end(),
                                                [&](const RolePlan& plan) { return plan.period_s <= period_s; });
  return life;
}

std::string to_text(const Lifetime& life) {
  constexpr const char* kWins[] = {"one device alone lasts longest", "one plan of several devices lasts longest",
                                   "taking turns lasts longest", "plans that rotate last longest"};
  std::string text =
      fmt::format("frames: {} alone, {} shared, {} in rotation, {} taking turns\n", frames_text(life.alone_frames),
                  frames_text(life.shared_frames), frames_text(life.rotation.frames), frames_text(life.relay.frames));
  text += kWins[static_cast<std::size_t>(life.regime)];
  if (life.break_even_standby_w) {
    const double watts = *life.break_even_standby_w;
    if (watts == 0) text += "; sharing beats taking turns at any standby power";
    else if (watts == kInfinity) text += "; taking turns beats sharing at any standby power";
    else text += fmt::format("; sharing beats taking turns while a waiting device draws more than {:.4f} W", watts);
  }
  text += '\n';
  if (life.plans.left_out > 0)
    text += fmt::format("rotation looked at {} plans; {:.3g} more ways to give out the roles were left out\n",
                        life.plans.plans.size(), life.plans.left_out);
  if (!life.rate_kept) text += "no plan keeps the rate asked for\n";
  return text;
}

}  // namespace cleave
