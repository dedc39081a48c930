#include <cstring>
#include <memory>
#include <unordered_map>

#include <oneapi/dnnl/dnnl.hpp>

#include "bench/peers/peers.h"

namespace cleave {

namespace {

using dnnl::memory;
using Type = memory::data_type;
using Tag = memory::format_tag;

// A chain of equal convolutions from u8 to u8 with s8 weights, between two buffers.
class Int8Chain {
 public:
  explicit Int8Chain(const PeerNet& net) : engine_(dnnl::engine::kind::cpu, 0), stream_(engine_) {
    for (const PeerLayer& layer : net.layers) {
      const memory::desc image({1, layer.channels_out, layer.size_out, layer.size_out}, Type::u8, Tag::any);
      const std::int64_t pad = layer.kernel / 2;
      const dnnl::convolution_forward::primitive_desc made(
          {dnnl::prop_kind::forward_inference,
           dnnl::algorithm::convolution_direct,
           image,
           memory::desc({layer.channels_out, layer.channels_in, layer.kernel, layer.kernel}, Type::s8, Tag::any),
           memory::desc({layer.channels_out}, Type::s32, Tag::a),
           image,
           {1, 1},
           {pad, pad},
           {pad, pad}},
          engine_);
      if (steps_.empty())
        for (memory& buffer : buffers_) buffer = filled(made.src_desc(), 1);
      const std::size_t at = steps_.size() % 2;
      steps_.push_back({dnnl::convolution_forward(made),
                        {{DNNL_ARG_SRC, buffers_[at]},
                         {DNNL_ARG_WEIGHTS, filled(made.weights_desc(), 1)},
                         {DNNL_ARG_BIAS, filled(made.bias_desc(), 0)},
                         {DNNL_ARG_DST, buffers_[1 - at]}}});
    }
  }
  void run() {
    for (Step& step : steps_) step.primitive.execute(stream_, step.arguments);
    stream_.wait();
  }

 private:
  struct Step {
    dnnl::primitive primitive;
    std::unordered_map<int, memory> arguments;
  };
  memory filled(const memory::desc& desc, int byte) {
    memory made(desc, engine_);
    std::memset(made.get_data_handle(), byte, desc.get_size());
    return made;
  }

  dnnl::engine engine_;
  dnnl::stream stream_;
  memory buffers_[2];
  std::vector<Step> steps_;
};

}  // namespace

std::vector<PeerCase> onednn_int8_cases(const PeerNet& net, int threads) {
  const auto made = std::make_shared<Int8Chain>(net);
  return {in_process("oneDNN u8 x s8", threads, [made] { made->run(); })};
}

}  // namespace cleave
