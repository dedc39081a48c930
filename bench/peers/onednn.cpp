#include <cstring>
#include <memory>
#include <unordered_map>

#include <omp.h>
#include <oneapi/dnnl/dnnl.hpp>

#include "bench/peers/peers.h"

namespace cleave {

namespace {

using dnnl::memory;
using Tag = memory::format_tag;
using Type = memory::data_type;

class OneDnn {
 public:
  OneDnn(const PeerNet& net, const PeerInput& input, Tag layout)
      : engine_(dnnl::engine::kind::cpu, 0), stream_(engine_), batch_(input.batch), layout_(layout) {
    const bool nhwc = layout == Tag::nhwc;
    values_.emplace_back(memory::desc({batch_, net.channels, net.size, net.size}, Type::f32, nhwc ? layout : Tag::nchw),
                         engine_);
    fill(values_.front(), nhwc ? input.nhwc : input.nchw);
    for (const PeerLayer& layer : net.layers) {
      if (layer.op == PeerOp::conv) add_conv(layer);
      else if (layer.op == PeerOp::mean_pool) add_mean(layer);
      else add_dense(layer);
    }
    const PeerLayer& last = net.layers.back();
    const memory::dims dims = values_.back().get_desc().dims();
    out_ = as_wanted(values_.back(), dims.size() == 4 ? memory::desc(dims, Type::f32, Tag::nhwc)
                                                      : memory::desc(dims, Type::f32, Tag::nc));
    outputs_ = static_cast<std::size_t>(batch_ * last.channels_out * last.size_out * last.size_out);
  }

  void run() {
    for (Step& step : steps_) step.primitive.execute(stream_, step.arguments);
    stream_.wait();
  }
  std::vector<float> output() const {
    const float* data = static_cast<const float*>(out_.get_data_handle());
    return {data, data + outputs_};
  }

 private:
  struct Step {
    dnnl::primitive primitive;
    std::unordered_map<int, memory> arguments;
  };

  static void fill(memory& into, const std::vector<float>& values) {
    std::memcpy(into.get_data_handle(), values.data(), 4 * values.size());
  }
  // Reorders once, now.
  memory constant(const std::vector<float>& values, const memory::dims& dims, Tag tag, const memory::desc& wanted) {
    memory plain(memory::desc(dims, Type::f32, tag), engine_);
    fill(plain, values);
    if (plain.get_desc() == wanted) return plain;
    memory turned(wanted, engine_);
    dnnl::reorder(plain, turned).execute(stream_, plain, turned);
    stream_.wait();
    return turned;
  }
  // Reorders in every run where the layout is another.
  memory as_wanted(const memory& value, const memory::desc& wanted) {
    if (value.get_desc() == wanted) return value;
    memory turned(wanted, engine_);
    steps_.push_back({dnnl::reorder(value, turned), {{DNNL_ARG_FROM, value}, {DNNL_ARG_TO, turned}}});
    return turned;
  }

  void add_conv(const PeerLayer& layer) {
    const memory::dims weight_dims{layer.channels_out, layer.channels_in, layer.kernel, layer.kernel};
    const std::int64_t pad = layer.kernel / 2;
    memory::desc to({batch_, layer.channels_out, layer.size_out, layer.size_out}, Type::f32, layout_);
    dnnl::post_ops after;
    if (layer.add >= 0) {  // added to where it stands; nobody reads it later
      to = value(layer.add).get_desc();
      after.append_sum(1.0F);
    }
    if (layer.relu) after.append_eltwise(1.0F, dnnl::algorithm::eltwise_relu, 0, 0);
    dnnl::primitive_attr attributes;
    attributes.set_post_ops(after);
    const dnnl::convolution_forward::primitive_desc made(
        {dnnl::prop_kind::forward_inference,
         dnnl::algorithm::convolution_direct,
         memory::desc({batch_, layer.channels_in, layer.size_in, layer.size_in}, Type::f32, layout_),
         memory::desc(weight_dims, Type::f32, Tag::any),
         memory::desc({layer.channels_out}, Type::f32, Tag::a),
         to,
         {layer.stride, layer.stride},
         {pad, pad},
         {pad, pad}},
        attributes, engine_);
    const memory from = as_wanted(value(layer.input), made.src_desc());
    const memory result = layer.add >= 0 ? value(layer.add) : memory(made.dst_desc(), engine_);
    push(dnnl::convolution_forward(made), from, result,
         constant(layer.weights, weight_dims, Tag::oihw, made.weights_desc()),
         constant(layer.bias, {layer.channels_out}, Tag::a, made.bias_desc()));
  }

  void add_mean(const PeerLayer& layer) {
    const memory& from = value(layer.input);
    const dnnl::pooling_forward::primitive_desc made(
        {dnnl::prop_kind::forward_inference,
         dnnl::algorithm::pooling_avg,
         from.get_desc(),
         memory::desc({batch_, layer.channels_out, 1, 1}, Type::f32, Tag::any),
         {1, 1},
         {layer.size_in, layer.size_in},
         {0, 0},
         {0, 0}},
        engine_);
    memory result(made.dst_desc(), engine_);
    steps_.push_back({dnnl::pooling_forward(made), {{DNNL_ARG_SRC, from}, {DNNL_ARG_DST, result}}});
    values_.push_back(result);
  }

  void add_dense(const PeerLayer& layer) {
    const memory::dims dims{layer.channels_out, layer.channels_in, 1, 1};
    const dnnl::inner_product_forward::primitive_desc made(
        {dnnl::prop_kind::forward_inference, value(layer.input).get_desc(), memory::desc(dims, Type::f32, Tag::any),
         memory::desc({layer.channels_out}, Type::f32, Tag::a),
         memory::desc({batch_, layer.channels_out}, Type::f32, Tag::nc)},
        engine_);
    push(dnnl::inner_product_forward(made), value(layer.input), memory(made.dst_desc(), engine_),
         constant(layer.weights, dims, Tag::oihw, made.weights_desc()),
         constant(layer.bias, {layer.channels_out}, Tag::a, made.bias_desc()));
  }

  void push(const dnnl::primitive& primitive, const memory& from, const memory& to, const memory& weights,
            const memory& bias) {
    steps_.push_back(
        {primitive, {{DNNL_ARG_SRC, from}, {DNNL_ARG_WEIGHTS, weights}, {DNNL_ARG_BIAS, bias}, {DNNL_ARG_DST, to}}});
    values_.push_back(to);
  }
  const memory& value(int number) const { return values_[static_cast<std::size_t>(number)]; }

  dnnl::engine engine_;
  dnnl::stream stream_;
  std::int64_t batch_;
  Tag layout_;
  std::vector<memory> values_;
  std::vector<Step> steps_;
  memory out_;
  std::size_t outputs_ = 0;
};

}  // namespace

void set_openmp_threads(int threads) { omp_set_num_threads(threads); }

std::vector<PeerCase> onednn_cases(const PeerNet& net, const PeerInput& input, int threads) {
  std::vector<PeerCase> cases;
  for (const Tag layout : {Tag::any, Tag::nhwc}) {
    const auto made = std::make_shared<OneDnn>(net, input, layout);
    cases.push_back(in_process(
        layout == Tag::any ? "oneDNN" : "oneDNN, NHWC", threads, [made] { made->run(); },
        [made] { return made->output(); }));
  }
  return cases;
}

}  // namespace cleave
