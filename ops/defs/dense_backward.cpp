// Dense layers: dX[i] = Σ_u w[u,i]·dY[u] lane by lane, and dW[u,i] = Σ_l dY[u][l]·X[i][l], a product with the images as
// rows.
#include <algorithm>
#include <array>
#include <vector>

#include "ops/defs/backward.h"
#include "ops/defs/common.h"
#include "ops/kernels/train_kernels.h"

namespace cleave {

namespace {

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

void write_kernel_gradient(const BackwardArgs& args, float* to) {
  const ConstBlockView& x = args.inputs.front();
  const std::int64_t units = args.gradient.channels;
  const std::int64_t row = whole_vectors(x.channels);
  std::vector<float> images(at(x.lanes * row));  // [lanes][row]
  for (std::int64_t i = 0; i < x.channels; ++i)
    for (std::int64_t l = 0; l < x.lanes; ++l) images[at(l * row + i)] = x.channel(i)[l];
  std::vector<const float*> rows(at(x.lanes)), factors(at(units));
  for (std::int64_t l = 0; l < x.lanes; ++l) rows[at(l)] = images.data() + l * row;
  std::vector<float> padded(row == x.channels ? 0 : at(units * row));
  float* sums = padded.empty() ? to : padded.data();
  std::vector<float*> out(at(units));
  for (std::int64_t u = 0; u < units; ++u) {
    factors[at(u)] = args.gradient.channel(u);
    out[at(u)] = sums + u * row;
  }
  train_kernels().dense(out.data(), factors.data(), rows.data(), units, x.lanes, row);
  if (padded.empty()) return;
  for (std::int64_t u = 0; u < units; ++u) std::copy_n(sums + u * row, x.channels, to + u * x.channels);
}

void add_input_gradient(const BackwardArgs& args, float* to) {
  constexpr std::int64_t kRows = 16;  // inputs at a time
  const std::int64_t inputs = args.inputs.front().channels;
  const std::int64_t units = args.gradient.channels;
  const std::int64_t lanes = args.gradient.lanes;
  const LayerArrays layer = layer_arrays(*args.weights, args.params.boolean("bias", true));
  std::vector<float> turned(at(kRows * units)), sums(at(kRows * lanes));
  std::array<const float*, kRows> factors;
  std::array<float*, kRows> out;
  for (std::int64_t r = 0; r < kRows; ++r) {
    factors[at(r)] = turned.data() + r * units;
    out[at(r)] = sums.data() + r * lanes;
  }
  std::vector<const float*> gradient(at(units));
  for (std::int64_t u = 0; u < units; ++u) gradient[at(u)] = args.gradient.channel(u);
  for (std::int64_t first = 0; first < inputs; first += kRows) {
    const std::int64_t rows = std::min(kRows, inputs - first);
    for (std::int64_t u = 0; u < units; ++u) {
      const float scale = layer.scale == nullptr ? 1.0F : (*layer.scale)[at(u)];
      const float* from = layer.kernel->data() + u * inputs + first;
      for (std::int64_t r = 0; r < rows; ++r) turned[at(r * units + u)] = scale * from[r];
    }
    train_kernels().dense(out.data(), factors.data(), gradient.data(), rows, units, lanes);
    train_kernels().axpy(to + first * lanes, sums.data(), 1, rows * lanes);
  }
}

}  // namespace

void finish_layer_gradients(const BackwardArgs& args) {
  const bool bias = args.params.boolean("bias", true);
  const LayerArrays layer = layer_arrays(*args.weights, bias);
  const std::int64_t filters = args.gradient.channels;
  const std::int64_t inputs = static_cast<std::int64_t>(layer.kernel->size()) / filters;
  for (std::int64_t f = 0; f < filters && layer.scale != nullptr; ++f) {
    float* kernel = args.weight_gradients[0] + f * inputs;
    args.weight_gradients[1][f] = static_cast<float>(dot(kernel, layer.kernel->data() + f * inputs, inputs));
    for (std::int64_t i = 0; i < inputs; ++i) kernel[i] *= (*layer.scale)[at(f)];
  }
  const std::size_t bias_array = layer.scale == nullptr ? 1 : 2;
  for (std::int64_t f = 0; f < filters && bias; ++f)
    args.weight_gradients[bias_array][f] =
        static_cast<float>(sum_of(args.gradient.channel(f), args.gradient.channel_size()));
}

void backward_dense(const BackwardArgs& args) {
  write_kernel_gradient(args, args.weight_gradients[0]);
  finish_layer_gradients(args);
  if (args.input_gradients[0] != nullptr) add_input_gradient(args, args.input_gradients[0]);
}

}  // namespace cleave
