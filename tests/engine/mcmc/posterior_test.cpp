// The posterior of a logistic regression on two_moons, sampled by a Chain, against numerical integration.
#include <array>
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "engine/data/dataset.h"
#include "engine/mcmc/chain.h"
#include "ops/core/catalog.h"
#include "tests/support/layer_graph.h"

namespace cleave {
namespace {

constexpr double kPriorWidth = 2;
constexpr std::int64_t kPoints = 60;
constexpr std::int64_t kSteps = 3000000;
constexpr std::int64_t kThin = 10;

struct Moments {
  std::array<double, 2> mean{}, variance{};
};

Dataset moons() {
  DatasetRequest request;
  request.limit = kPoints;
  request.seed = 7;
  return find_dataset("two_moons").load(request);
}

// Weighted means and variances of two numbers.
class Sums {
 public:
  void add(double a, double b, double weight) {
    for (const auto& [i, x] : {std::pair(0U, a), {1U, b}}) {
      first_[i] += weight * x;
      second_[i] += weight * x * x;
    }
    total_ += weight;
  }
  Moments moments() const {
    Moments m;
    for (std::size_t i = 0; i < 2; ++i) {
      m.mean[i] = first_[i] / total_;
      m.variance[i] = second_[i] / total_ - m.mean[i] * m.mean[i];
    }
    return m;
  }

 private:
  std::array<double, 2> first_{}, second_{};
  double total_ = 0;
};

// Two outputs without bias are a logistic regression in the difference d of their rows: the loss is Σ log(1 +
// exp(∓d·x)), and d is normal with variance 2·width² beforehand. The sum over a grid of 400 × 400 points.
Moments integrated(const Dataset& data) {
  Sums sums;
  for (int i = 0; i < 400; ++i)
    for (int j = 0; j < 400; ++j) {
      const double a = -20 + 0.1 * i, b = -20 + 0.1 * j;
      double energy = (a * a + b * b) / (4 * kPriorWidth * kPriorWidth);
      for (std::size_t k = 0; k < data.labels.size(); ++k) {
        const double dot =
            a * static_cast<double>(data.values[2 * k]) + b * static_cast<double>(data.values[2 * k + 1]);
        energy += std::log1p(std::exp(data.labels[k] == 1 ? -dot : dot));
      }
      sums.add(a, b, std::exp(-energy));
    }
  return sums.moments();
}

Moments sampled(const Dataset& data) {
  Graph graph = layer_graph(
      {2}, {{{}, {{"dense", 2, {}, {law("normal", "scale", kPriorWidth), law("normal", "scale", 2.5), {}}}}}});
  Node& node = graph.nodes[1];
  node.params.set("bias", false);
  node.weights = node.op->weights(node.params, input_types(graph, node), {});
  Tensor images(kPoints, {2});
  images.data = data.values;
  BlockBatch batch;
  fill_batch(batch, static_cast<const Tensor&>(images).view(), data.labels, 64);
  Chain chain(graph, ModuleId{0}, *find(likelihood_catalog(), "cross_entropy"),
              {.lambda = 1, .seed = 11, .stream = kTestStream, .refresh_every = 5000});
  Weights weights = initial_weights(graph, 1);
  chain.set_batch(batch, weights);
  chain.run(10000);
  Sums sums;
  const std::vector<float>& w = weights[1].arrays[0];
  for (std::int64_t i = 0; i < kSteps / kThin; ++i) {
    chain.run(kThin);
    sums.add(static_cast<double>(w[2]) - static_cast<double>(w[0]),
             static_cast<double>(w[3]) - static_cast<double>(w[1]), 1);
  }
  return sums.moments();
}

TEST(Posterior, OfALogisticRegressionIsWhatIntegrationGives) {
  const Dataset data = moons();
  const Moments exact = integrated(data);
  const Moments seen = sampled(data);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_NEAR(seen.mean[i] / exact.mean[i], 1, 0.02) << seen.mean[i] << " " << exact.mean[i];
    EXPECT_NEAR(seen.variance[i] / exact.variance[i], 1, 0.05) << seen.variance[i] << " " << exact.variance[i];
  }
}

}  // namespace
}  // namespace cleave
