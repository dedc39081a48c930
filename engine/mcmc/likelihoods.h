// Likelihoods: the loss of a block of images from the logits and labels, a catalog. A loss is a negative log likelihood
// or takes its place: it is never negative, and a proposal that makes it NaN is rejected.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "ops/core/op.h"
#include "ops/core/params.h"

namespace cleave {

// More classes than this are refused.
inline constexpr std::int64_t kMaxClasses = 1024;

// One block of images under a proposal.
struct LossArgs {
  std::span<const float* const> logits;  // [classes] rows of `lanes` floats
  std::int64_t lanes = 0;
  std::int64_t used = 0;                 // lanes that hold an image
  const std::int32_t* labels = nullptr;  // [lanes], -1 behind `used`
  const ChangedChannels& changed;        // which logits changed; `all`: the cache is not read
  const float* cache = nullptr;          // [cache_rows][lanes] of the accepted state
  float* new_cache = nullptr;            // as large; what is written where is the likelihood's affair
};

struct BlockLoss {
  double sum = 0;     // over the images
  bool whole = true;  // new_cache is complete and may take the place of the cache
};

struct LikelihoodDef {
  const char* name;
  const char* doc;  // one line
  std::span<const FieldDef> fields;
  const char* shorthand = nullptr;

  BlockLoss (*block_loss)(const LossArgs& args) = nullptr;
  // Rows of `lanes` floats kept per block so that a few changed logits cost little; null = none.
  std::int64_t (*cache_rows)(std::int64_t classes) = nullptr;
  // Moves what block_loss wrote into `cache`, where the result was not whole.
  void (*accept_part)(const LossArgs& args, float* cache) = nullptr;
  // Writes the slopes of the sum by the logits, [classes][lanes], zeros behind `used`; where there is a kink, that of
  // one side.. Null: the loss has no slope.
  void (*gradient)(const LossArgs& args, float* to) = nullptr;

  bool runs() const { return block_loss != nullptr; }
};

std::span<const LikelihoodDef> likelihood_catalog();
// The same rows for the model language.
std::vector<LawDef> likelihood_laws();

}  // namespace cleave
