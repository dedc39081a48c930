// What a diagnosis means. The bounds: R-hat below 1.01 is wanted and above 1.05 surely too large (Vehtari et al. 2021,
// sections 1.1 and 4); a hundred effective draws a chain; a block that takes fewer than 0.5 % or more than 90 % of its
// steps is not exploring (Roberts, Gelman and Gilks 1997 put the best at 0.23 to 0.44).
#include <cmath>

#include <fmt/format.h>

#include "engine/train/diagnose.h"

namespace cleave {

namespace {

constexpr std::int64_t kFewSteps = 200;  // recorded steps of a block from which on its acceptance is judged
constexpr std::int64_t kFewDraws = 20;   // rows of a chain from which on it is judged
constexpr double kStuck = 0.005, kLoose = 0.9;
constexpr double kWantedRhat = 1.01, kBadRhat = 1.05;
constexpr double kWantedEss = 100;  // of a chain
constexpr double kDrift = 4;        // standard errors
constexpr double kNotFinite = 0.01;

std::string block_name(const BlockDiagnosis& block) {
  if (!block.layer.empty()) return block.layer;
  return block.part == Part::body ? "body" : "head";
}

void judge_block(const BlockDiagnosis& block, std::vector<Finding>& findings) {
  if (block.layer.empty() || block.steps < kFewSteps) return;
  const std::string share = fmt::format("accepts {:.2f} % of its steps", 100 * block.acceptance());
  if (block.acceptance() < kStuck)
    findings.push_back({true, block_name(block), "is stuck: " + share,
                        "its proposal's scale is too large or λ too high: make the scale smaller, select fewer weights "
                        "at a time, or lower training.lambda"});
  if (block.acceptance() > kLoose)
    findings.push_back({true, block_name(block), "takes nearly everything: " + share,
                        "its proposal's scale is too small, or its weights change nothing (dead units): make the scale "
                        "larger or raise training.lambda"});
}

void judge_scalar(const ModuleDiagnosis& module, const ScalarDiagnosis& scalar, std::vector<Finding>& findings) {
  const std::string name = scalar.name == std::string("log_prior") ? "log prior" : scalar.name;
  if (std::isnan(scalar.rank_rhat)) return;
  if (std::abs(scalar.drift) > kDrift)
    findings.push_back({true, "", fmt::format("its {} still {}", name, scalar.drift < 0 ? "falls" : "rises"),
                        "it has not reached where it is going: train longer, or leave more out (--warm-up)"});
  if (scalar.rank_rhat > kWantedRhat) {
    const bool bad = scalar.rank_rhat > kBadRhat;
    findings.push_back({bad, "", fmt::format("R-hat of its {} is {:.3f}", name, scalar.rank_rhat),
                        module.chains == 1 ? "the halves of the chain disagree: more steps"
                                           : "the chains disagree: more steps, or they sit in different minima"});
  }
  if (scalar.bulk_ess < kWantedEss * static_cast<double>(module.chains))
    findings.push_back({false, "", fmt::format("its {} is worth {:.0f} independent draws", name, scalar.bulk_ess),
                        fmt::format("for averages take at least {:.0f} a chain: more steps, larger jumps or more "
                                    "weights a step",
                                    kWantedEss)});
}

}  // namespace

std::vector<Finding> findings_of(const ModuleDiagnosis& module) {
  std::vector<Finding> findings;
  if (module.draws < kFewDraws) {
    findings.push_back({false, "", fmt::format("{} recorded steps a chain are too few to judge", module.draws),
                        "train longer, or record more (output.trace.every)"});
    return findings;
  }
  for (const BlockDiagnosis& block : module.blocks) judge_block(block, findings);
  for (const ScalarDiagnosis& scalar : module.scalars) judge_scalar(module, scalar, findings);
  if (module.not_finite > 0) {
    const double share = static_cast<double>(module.not_finite) / static_cast<double>(module.steps * module.chains);
    findings.push_back(
        {share > kNotFinite, "",
         fmt::format("{} steps were rejected because loss or ratio was no finite number", module.not_finite),
         "proposals reach where the loss overflows: make their scale or the prior's smaller"});
  }
  return findings;
}

}  // namespace cleave
