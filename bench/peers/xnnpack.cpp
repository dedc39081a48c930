#include <xnnpack.h>

#include <cmath>
#include <functional>
#include <memory>
#include <stdexcept>

#include <pthreadpool.h>

#include "bench/peers/peers.h"

namespace cleave {

namespace {

void check(xnn_status status) {
  if (status != xnn_status_success) throw std::runtime_error("XNNPACK refuses an operator");
}

// XNNPACK reads a little beyond the end of what it is given.
std::vector<float> roomy(std::int64_t count) {
  return std::vector<float>(static_cast<std::size_t>(count) + XNN_EXTRA_BYTES);
}

std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }
std::uint32_t word(std::int64_t n) { return static_cast<std::uint32_t>(n); }

class Xnn {
 public:
  Xnn(const PeerNet& net, const PeerInput& input, int threads)
      : batch_(input.batch), outputs_(size(batch_ * net.output_count())) {
    check(xnn_initialize(nullptr));
    if (threads > 1) pool_ = pthreadpool_create(size(threads));
    values_.push_back(roomy(batch_ * net.input_count()));
    std::copy(input.nhwc.begin(), input.nhwc.end(), values_.back().begin());
    values_.reserve(2 * net.layers.size() + 1);  // operators keep pointers
    for (const PeerLayer& layer : net.layers) {
      values_.push_back(roomy(batch_ * layer.channels_out * layer.size_out * layer.size_out));
      places_.push_back(values_.back().data());
      float* from = layer.input == 0 ? values_.front().data() : places_[size(layer.input - 1)];
      if (layer.op == PeerOp::conv) add_conv(layer, from, places_.back());
      else if (layer.op == PeerOp::mean_pool) add_mean(layer, from, places_.back());
      else add_dense(layer, from, places_.back());
      if (layer.add >= 0) add_sum(layer, places_[size(layer.add - 1)], places_.back());
    }
  }
  ~Xnn() {
    for (xnn_operator_t op : operators_) xnn_delete_operator(op);
    pthreadpool_destroy(pool_);
  }
  Xnn(const Xnn&) = delete;

  void run() {
    for (xnn_operator_t op : operators_) check(xnn_run_operator(op, pool_));
  }
  std::vector<float> output() const { return {places_.back(), places_.back() + outputs_}; }

 private:
  void add_conv(const PeerLayer& layer, const float* from, float* to) {
    const std::int64_t k = layer.kernel, in = layer.channels_in, out = layer.channels_out;
    std::vector<float> weights;  // [out][kernel][kernel][in]
    for (std::int64_t o = 0; o < out; ++o) {
      const std::vector<float> turned = to_nhwc(layer.weights.data() + o * in * k * k, 1, in, k * k);
      weights.insert(weights.end(), turned.begin(), turned.end());
    }
    const float low = layer.relu && layer.add < 0 ? 0 : -INFINITY;
    const std::uint32_t pad = word(k / 2), stride = word(layer.stride);
    xnn_operator_t op = nullptr;
    check(xnn_create_convolution2d_nhwc_f32(pad, pad, pad, pad, word(k), word(k), stride, stride, 1, 1, 1, size(in),
                                            size(out), size(in), size(out), weights.data(), layer.bias.data(), low,
                                            INFINITY, 0, &op));
    check(
        xnn_setup_convolution2d_nhwc_f32(op, size(batch_), size(layer.size_in), size(layer.size_in), from, to, pool_));
    operators_.push_back(op);
  }
  void add_sum(const PeerLayer& layer, const float* other, float* to) {
    xnn_operator_t op = nullptr;
    check(xnn_create_add_nd_f32(layer.relu ? 0 : -INFINITY, INFINITY, 0, &op));
    const std::size_t count = size(batch_ * layer.channels_out * layer.size_out * layer.size_out);
    check(xnn_setup_add_nd_f32(op, 1, &count, 1, &count, to, other, to, pool_));
    operators_.push_back(op);
  }
  void add_mean(const PeerLayer& layer, const float* from, float* to) {
    const std::size_t channels = size(layer.channels_in);
    xnn_operator_t op = nullptr;
    check(xnn_create_global_average_pooling_nwc_f32(channels, channels, channels, -INFINITY, INFINITY, 0, &op));
    check(xnn_setup_global_average_pooling_nwc_f32(op, size(batch_), size(layer.size_in * layer.size_in), from, to,
                                                   pool_));
    operators_.push_back(op);
  }
  void add_dense(const PeerLayer& layer, const float* from, float* to) {
    const std::size_t in = size(layer.channels_in), out = size(layer.channels_out);
    xnn_operator_t op = nullptr;
    check(xnn_create_fully_connected_nc_f32(in, out, in, out, layer.weights.data(), layer.bias.data(), -INFINITY,
                                            INFINITY, 0, &op));
    check(xnn_setup_fully_connected_nc_f32(op, size(batch_), from, to, pool_));
    operators_.push_back(op);
  }

  std::int64_t batch_;
  std::size_t outputs_;
  pthreadpool_t pool_ = nullptr;
  std::vector<std::vector<float>> values_;
  std::vector<float*> places_;
  std::vector<xnn_operator_t> operators_;
};

// A chain of equal convolutions on qs8, between two buffers.
struct XnnInt8 {
  std::vector<std::int8_t> buffers[2];
  std::vector<xnn_operator_t> operators;
  pthreadpool_t pool = nullptr;
};

}  // namespace

std::vector<PeerCase> xnnpack_cases(const PeerNet& net, const PeerInput& input, int threads) {
  const auto made = std::make_shared<Xnn>(net, input, threads);
  return {in_process(
      "XNNPACK", threads, [made] { made->run(); }, [made] { return made->output(); })};
}

std::vector<PeerCase> xnnpack_int8_cases(const PeerNet& net, int threads) {
  check(xnn_initialize(nullptr));
  const auto made = std::make_shared<XnnInt8>();
  if (threads > 1) made->pool = pthreadpool_create(size(threads));
  for (std::vector<std::int8_t>& buffer : made->buffers) buffer.assign(size(net.input_count()) + XNN_EXTRA_BYTES, 1);
  for (const PeerLayer& layer : net.layers) {
    const std::size_t channels = size(layer.channels_out), at = made->operators.size() % 2;
    const std::uint32_t k = word(layer.kernel), pad = k / 2;
    const std::vector<std::int8_t> weights(layer.weights.size(), 1);
    const std::vector<std::int32_t> bias(channels);
    xnn_operator_t op = nullptr;
    check(xnn_create_convolution2d_nhwc_qs8(pad, pad, pad, pad, k, k, 1, 1, 1, 1, 1, channels, channels, channels,
                                            channels, 0, 0.1F, 0.1F, weights.data(), bias.data(), 0, 1.0F, -128, 127, 0,
                                            &op));
    check(xnn_setup_convolution2d_nhwc_qs8(op, 1, size(layer.size_in), size(layer.size_in), made->buffers[at].data(),
                                           made->buffers[1 - at].data(), made->pool));
    made->operators.push_back(op);
  }
  return {in_process("XNNPACK qs8", threads, [made] {
    for (xnn_operator_t op : made->operators) check(xnn_run_operator(op, made->pool));
  })};
}

}  // namespace cleave
