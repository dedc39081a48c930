// Activations, softmax and batch norm: what depends on one value, or on the channels of one pixel.
#include <cmath>

#include "ops/defs/backward.h"

namespace cleave {

namespace {

// Adds slope(input, output)·gradient to the input's gradient.
template <class Slope>
void add_slopes(const BackwardArgs& args, Slope slope) {
  float* to = args.input_gradients[0];
  if (to == nullptr) return;
  const float* in = args.inputs.front().data;
  for (std::int64_t i = 0; i < args.gradient.size(); ++i)
    to[i] += slope(in[i], args.output.data[i]) * args.gradient.data[i];
}

}  // namespace

double dot(const float* x, const float* y, std::int64_t n) {
  double sum = 0;
  for (std::int64_t i = 0; i < n; ++i) sum += static_cast<double>(x[i]) * static_cast<double>(y[i]);
  return sum;
}

double sum_of(const float* x, std::int64_t n) {
  double sum = 0;
  for (std::int64_t i = 0; i < n; ++i) sum += static_cast<double>(x[i]);
  return sum;
}

void backward_relu(const BackwardArgs& args) {
  add_slopes(args, [](float x, float) { return x > 0 ? 1.0F : 0.0F; });
}

void backward_sigmoid(const BackwardArgs& args) {
  add_slopes(args, [](float, float s) { return s * (1.0F - s); });
}

void backward_tanh(const BackwardArgs& args) {
  add_slopes(args, [](float, float t) { return 1.0F - t * t; });
}

void backward_softmax(const BackwardArgs& args) {
  float* to = args.input_gradients[0];
  if (to == nullptr) return;
  const ConstBlockView& s = args.output;
  for (std::int64_t i = 0; i < s.channel_size(); ++i) {
    float mean = 0;
    for (std::int64_t c = 0; c < s.channels; ++c) mean += s.channel(c)[i] * args.gradient.channel(c)[i];
    for (std::int64_t c = 0; c < s.channels; ++c)
      to[c * s.channel_size() + i] += s.channel(c)[i] * (args.gradient.channel(c)[i] - mean);
  }
}

// The statistics are given numbers here: they are not computed from the batch, so nothing flows through them.
void backward_batch_norm(const BackwardArgs& args) {
  const double epsilon = args.params.real("epsilon", 1e-5);
  const ConstBlockView& x = args.inputs.front();
  const std::int64_t size = x.channel_size();
  for (std::int64_t c = 0; c < x.channels; ++c) {
    const auto at = static_cast<std::size_t>(c);
    const double gain = static_cast<double>(args.weights->arrays[0][at]);
    const double mean = static_cast<double>(args.weights->arrays[2][at]);
    const double deviation = std::sqrt(static_cast<double>(args.weights->arrays[3][at]) + epsilon);
    const float* gradient = args.gradient.channel(c);
    const double sum = sum_of(gradient, size);
    args.weight_gradients[0][c] = static_cast<float>((dot(gradient, x.channel(c), size) - mean * sum) / deviation);
    args.weight_gradients[1][c] = static_cast<float>(sum);
    if (args.input_gradients[0] == nullptr) continue;
    const float factor = static_cast<float>(gain / deviation);
    for (std::int64_t i = 0; i < size; ++i) args.input_gradients[0][c * size + i] += factor * gradient[i];
  }
}

}  // namespace cleave
