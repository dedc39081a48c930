// The convolutions that inference is measured with: those of the figure of Larq Compute Engine (Bannink et al. 2021,
// shapes A to D) and what else networks are made of.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "ops/core/catalog.h"
#include "ops/core/op.h"

namespace cleave {

struct ConvShape {
  const char* name;
  std::int64_t size, inputs, filters, kernel, stride;
  std::int64_t groups = 1;

  std::int64_t out() const { return (size + stride - 1) / stride; }
  // Of one image.
  double operations() const {
    return 2.0 * static_cast<double>(out() * out() * filters * kernel * kernel * inputs / groups);
  }
};

inline constexpr ConvShape kFigureShapes[] = {
    {"A", 56, 64, 64, 3, 1}, {"B", 28, 128, 128, 3, 1}, {"C", 14, 256, 256, 3, 1}, {"D", 7, 256, 256, 3, 1}};
inline constexpr ConvShape kOtherShapes[] = {{"ResNet-20 stem", 32, 3, 16, 3, 1},
                                             {"ResNet-20 16", 32, 16, 16, 3, 1},
                                             {"ResNet-20 down", 32, 16, 32, 3, 2},
                                             {"ResNet-20 32", 16, 32, 32, 3, 1},
                                             {"ResNet-20 64", 8, 64, 64, 3, 1},
                                             {"VGG 512", 14, 512, 512, 3, 1},
                                             {"VGG 64", 224, 64, 64, 3, 1},
                                             {"ResNet-18 stem", 224, 3, 64, 7, 2},
                                             {"1x1", 28, 128, 128, 1, 1},
                                             {"1x1 wide", 7, 512, 512, 1, 1},
                                             {"5x5", 28, 64, 64, 5, 1},
                                             {"11x11", 8, 32, 32, 11, 1},
                                             {"depthwise", 56, 128, 128, 3, 1, 128}};

inline std::vector<float> random_floats(std::int64_t count, float size, unsigned seed) {
  std::mt19937 bits(seed);
  std::uniform_real_distribution<float> uniform(-size, size);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = uniform(bits);
  return values;
}

// Layers of one shape one behind the other, each with weights of its own, as a network has them; the first ones' input
// is random, what flows stays finite. Inputs have the halo that the layer likes best.
class ConvChain {
 public:
  explicit ConvChain(const ConvShape& shape, int layers = 8)
      : input_{DType::f32, {shape.inputs, shape.size, shape.size}},
        output_shape_{shape.filters, shape.out(), shape.out()} {
    params_.set("filters", shape.filters);
    params_.set("kernel", shape.kernel);
    params_.set("stride", shape.stride);
    params_.set("groups", shape.groups);
    params_.set("padding", std::string("same"));
    const std::int64_t taps = shape.kernel * shape.kernel * shape.inputs / shape.groups;
    for (int i = 0; i < layers; ++i)
      packed_.push_back(op_->pack(params_, {&input_, 1},
                                  {{},
                                   {random_floats(taps * shape.filters, 1.0F / static_cast<float>(taps), 1),
                                    random_floats(shape.filters, 0.1F, 2)}}));
    halo_ = op_->halo(params_, {&input_, 1});
    const ConstTensorView view{1, &input_.shape, nullptr, halo_};
    values_ = random_floats(view.sample_stride(), 1, 3);
    results_.resize(static_cast<std::size_t>(ConstTensorView{1, &output_shape_, nullptr, halo_}.sample_stride()));
    scratch_.resize(static_cast<std::size_t>(op_->scratch(params_, {&input_, 1}, {}, halo_)));
  }

  // Computes all layers, from one image to another; the first again and again where shapes differ.
  void run(const Parallel* parallel = nullptr) {
    const bool alike = input_.shape == output_shape_;
    for (std::size_t i = 0; i < packed_.size(); ++i) {
      float* from = alike && i % 2 == 1 ? results_.data() : values_.data();
      float* to = alike && i % 2 == 1 ? values_.data() : results_.data();
      const ConstTensorView input{1, &input_.shape, from, halo_};
      ForwardArgs args{params_, {&input, 1}, &packed_[i], {1, &output_shape_, to, halo_}};
      args.scratch = scratch_;
      args.parallel = parallel;
      op_->forward(args);
    }
  }

 private:
  using Floats = std::vector<float, LineAllocator<float>>;
  const OpDef* op_ = find(op_catalog(), "conv2d");
  Params params_;
  TensorType input_;
  Shape output_shape_;
  std::vector<PackedWeights> packed_;
  std::int64_t halo_ = 0;
  std::vector<float> values_, results_, scratch_;
};

}  // namespace cleave
