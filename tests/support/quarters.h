// A small classification problem, and cascades to learn it.
#pragma once

#include <cstdint>
#include <vector>

#include "engine/train/train.h"
#include "tests/support/layer_graph.h"

namespace cleave {

// Images whose class is the brightest of their four quarters.
struct Quarters {
  Tensor images{230, {1, 4, 4}};
  std::vector<std::int32_t> labels;

  Quarters() {
    Rng rng(4, kTestStream, 0);
    for (std::int64_t i = 0; i < images.batch; ++i) {
      const std::int64_t quarter = rng.below(4);
      labels.push_back(static_cast<std::int32_t>(quarter));
      for (std::int64_t p = 0; p < 16; ++p) {
        const bool lit = p / 8 == quarter / 2 && p % 4 / 2 == quarter % 2;
        images.data[static_cast<std::size_t>(16 * i + p)] = static_cast<float>(0.3 * rng.uniform() + (lit ? 0.6 : 0.0));
      }
    }
  }
  BatchSource source() const { return shuffled_batches(images.view(), labels, 1); }
};

// A binary layer, a real one with ReLU, a head alone.
inline Graph three_modules() {
  return layer_graph({1, 4, 4}, {{{{"flatten"}, {"dense", 12, binary_scaled()}, {"sign"}}, {{"dense", 4}}},
                                 {{{"dense", 10}, {"relu"}}, {{"dense", 4}}},
                                 {{}, {{"dense", 6}, {"tanh"}, {"dense", 4}}}});
}

// `count` modules that are alike.
inline Graph modules_in_a_row(std::size_t count) {
  std::vector<ModuleNote> notes = {{{{"flatten"}, {"dense", 12}, {"relu"}}, {{"dense", 4}}}};
  while (notes.size() < count) notes.push_back({{{"dense", 12}, {"relu"}}, {{"dense", 4}}});
  return layer_graph({1, 4, 4}, notes);
}

// Two epochs of three batches of 76 or 77 images, 300 steps on each.
inline TrainOptions options_for(int threads) {
  TrainOptions options;
  options.epochs = 2;
  options.batch = 100;
  options.steps = 300;
  options.threads = threads;
  options.lanes = 16;
  return options;
}

}  // namespace cleave
