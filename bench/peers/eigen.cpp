#include <memory>

#include <Eigen/Core>

#include "bench/peers/peers.h"

namespace cleave {

namespace {

using Matrix = Eigen::MatrixXf;  // column major: a pixel's values are a column

// The windows of a 3x3 convolution with padding 1, [9 * channels][pixels].
void fill_columns(const Matrix& image, std::int64_t size, Matrix& columns) {
  const Eigen::Index channels = image.rows();
  for (std::int64_t y = 0; y < size; ++y)
    for (std::int64_t x = 0; x < size; ++x)
      for (std::int64_t k = 0; k < 9; ++k) {
        const std::int64_t from_y = y + k / 3 - 1, from_x = x + k % 3 - 1;
        auto window = columns.col(y * size + x).segment(k * channels, channels);
        if (from_y < 0 || from_x < 0 || from_y >= size || from_x >= size) window.setZero();
        else window = image.col(from_y * size + from_x);
      }
}

struct Chain {
  Matrix input, columns;
  std::vector<Matrix> weights;  // [out][9 * channels]
  std::vector<Eigen::VectorXf> biases;
  std::vector<Matrix> images;  // the output of each layer, [channels][pixels]
  std::int64_t size;

  void run() {
    for (std::size_t i = 0; i < weights.size(); ++i) {
      fill_columns(i == 0 ? input : images[i - 1], size, columns);
      images[i].noalias() = weights[i] * columns;
      images[i].colwise() += biases[i];
    }
  }
};

}  // namespace

std::vector<PeerCase> eigen_cases(const PeerNet& net, const PeerInput& input) {
  const std::int64_t pixels = net.size * net.size;
  const auto chain = std::make_shared<Chain>();
  chain->size = net.size;
  chain->input = Eigen::Map<const Matrix>(input.nhwc.data(), net.channels, pixels);
  chain->columns.resize(9 * net.channels, pixels);
  for (const PeerLayer& layer : net.layers) {
    Matrix weights(layer.channels_out, 9 * layer.channels_in);
    for (std::int64_t o = 0; o < layer.channels_out; ++o)
      for (std::int64_t c = 0; c < layer.channels_in; ++c)
        for (std::int64_t k = 0; k < 9; ++k)
          weights(o, k * layer.channels_in + c) =
              layer.weights[static_cast<std::size_t>((o * layer.channels_in + c) * 9 + k)];
    chain->weights.push_back(std::move(weights));
    chain->biases.emplace_back(Eigen::Map<const Eigen::VectorXf>(layer.bias.data(), layer.channels_out));
    chain->images.emplace_back(layer.channels_out, pixels);
  }
  return {in_process(
      "Eigen, im2col", 1, [chain] { chain->run(); },
      [chain] {
        const Matrix& last = chain->images.back();
        return std::vector<float>(last.data(), last.data() + last.size());
      })};
}

}  // namespace cleave
