#include "engine/cli/templates.h"

namespace cleave {

namespace {

constexpr const char* kFirstRun = R"(version: 1
name: first-run
description: clothes in two modules, one with binary weights and one with real ones; about two minutes
seed: 1

data:                                   # found in $CLEAVE_DATA or /usr/share/datasets
  train: {dataset: fashion_mnist, split: train}
  test: {dataset: fashion_mnist, split: test}

network:
  input: {image: [1, 28, 28], scale: [0, 1]}
  loss: {cross_entropy: {reduce: sum}}
  modules:                              # each reads the body of the one above
    - name: h1
      weights: {binary: [-1, 1], scale: per_filter}
      body: [flatten, {dense: {units: 256}}, sign]
      head: [{dense: {units: 10}, weights: real}]   # its own classifier, and an early exit
    - name: h2
      weights: real
      body: [{dense: {units: 128}}, relu]
      head: [{dense: {units: 10}}]

# training: what is not stated is chosen; `cleave show FILE` prints it

inference:
  batch: 64
  early_exit: {rule: {max_probability: 0.95}}
)";

constexpr const char* kBinary = R"(version: 1
name: binary
description: clothes by a network of -1 and 1, real numbers only in the scales and the head's biases
seed: 1

data:
  train: {dataset: fashion_mnist, split: train}
  test: {dataset: fashion_mnist, split: test}

network:
  input: {image: [1, 28, 28], scale: [0, 1]}
  loss: {cross_entropy: {reduce: sum}}
  weights: {binary: [-1, 1], scale: per_filter}
  proposal: {flip: {count: 1}}          # one weight changes its sign
  modules:
    - name: h1
      body: [flatten, {dense: {units: 256}}, sign]
      head: [{dense: {units: 10}}]

inference: {batch: 64}
)";

constexpr const char* kGradients = R"(version: 1
name: gradients
description: clothes by gradient steps, each module by its own head alone, to compare with Metropolis-Hastings
seed: 1

data:
  train: {dataset: fashion_mnist, split: train}
  test: {dataset: fashion_mnist, split: test}

network:
  input: {image: [1, 28, 28], scale: [0, 1]}
  loss: {cross_entropy: {reduce: sum}}
  modules:
    - name: h1
      body: [flatten, {dense: {units: 128}}, relu]
      head: [{dense: {units: 10}}]
    - name: h2                          # no gradient goes back to h1
      body: [{dense: {units: 128}}, relu]
      head: [{dense: {units: 10}}]

training:
  algorithm: sgd                        # leave it out, and the same model is trained by Metropolis-Hastings
  sgd: {learning_rate: 0.05, momentum: 0.9, batch: 128}

inference: {batch: 64}
)";

constexpr const char* kTwoMoons = R"(version: 1
name: two-moons
description: two half circles of points, told apart in a few seconds; needs no files
seed: 1

data:
  train: {dataset: two_moons, split: train}
  test: {dataset: two_moons, split: test}

network:
  input: {vector: 2}
  loss: {cross_entropy: {reduce: sum}}
  proposal: {normal: {scale: 0.1}}      # how far one weight may jump
  modules:
    - name: m1
      body: [{dense: {units: 16}}, relu]
      head: [{dense: {units: 2}}]
    - name: m2
      body: [{dense: {units: 16}}, relu]
      head: [{dense: {units: 2}}]

training:
  epochs: 2
  batch: 1000
  iterations: {max: 3000}               # steps of each module on each batch

inference: {batch: 100}
)";

constexpr const char* kShapes = R"(version: 1
name: shapes
description: a convolutional network on drawn shapes, with random weights; needs no files
seed: 1

data:
  test: {dataset: shapes, split: test, limit: 500}

network:
  input: {image: [3, 32, 32], scale: [-1, 1]}
  layers:
    - conv2d: {filters: 16, kernel: 3, padding: same}
      name: stem
    - relu
    - residual:
        body:
          - conv2d: {filters: 16, kernel: 3, padding: same}
          - relu
          - conv2d: {filters: 16, kernel: 3, padding: same}
    - relu
    - parallel:
        join: concat
        branches:
          - [{conv2d: {filters: 8, kernel: 1}}, relu]
          - [{conv2d: {filters: 8, kernel: 3, padding: same}}, relu]
    - mean_pool: {size: all}
    - flatten
    - dense: {units: 10}

inference: {batch: 10, in_flight: 4}
)";

constexpr const char* kSwarm = R"(version: 1
name: swarm
description: two cards and the link between them; a model takes it in with `include`

devices:
  big:
    preset: raspberry-pi-5-8gb
    host: big.local                     # name or address
  small:
    preset: raspberry-pi-3b
    host: small.local
    reserve: 200MiB                     # left for the system
    power: {idle: 1.99W, compute: 3.03W, source: model}
    battery: 10Wh

links:
  default: {bandwidth: 40Mbit/s, latency: 2ms}
)";

constexpr TemplateDef kTemplates[] = {
    {"first-run", "clothes (Fashion-MNIST), a binary and a real module, trained in about two minutes",
     "cleave train {}", kFirstRun},
    {"binary", "the same pictures with weights of -1 and 1", "cleave train {}", kBinary},
    {"gradients", "the same pictures by gradient steps, module by module: the baseline", "cleave train {}", kGradients},
    {"two-moons", "points on two half circles, trained in seconds, needs no files", "cleave train {}", kTwoMoons},
    {"shapes", "a convolutional network on drawn pictures, random weights, needs no files", "cleave run {} --limit 5",
     kShapes},
    {"swarm", "a swarm of two cards, to be included by a model", "cleave check {}", kSwarm},
};

}  // namespace

std::span<const TemplateDef> template_catalog() { return kTemplates; }

}  // namespace cleave
