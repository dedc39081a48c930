#include "tests/reference/reference_ops.h"

#include <cmath>
#include <map>
#include <stdexcept>
#include <string>
#include <utility>

namespace cleave {

NchwTensor::NchwTensor(std::int64_t batch_size, Shape sample_shape)
    : batch(batch_size), shape(std::move(sample_shape)) {
  data.resize(static_cast<std::size_t>(batch * channels() * height() * width()));
}

double& NchwTensor::at(std::int64_t n, std::int64_t c, std::int64_t y, std::int64_t x) {
  return data.at(static_cast<std::size_t>(((n * channels() + c) * height() + y) * width() + x));
}

double NchwTensor::at(std::int64_t n, std::int64_t c, std::int64_t y, std::int64_t x) const {
  return data.at(static_cast<std::size_t>(((n * channels() + c) * height() + y) * width() + x));
}

namespace {

// Calls visit(n, c, y, x) for every place of the tensor.
template <class Visit>
void for_each_place(const NchwTensor& tensor, Visit visit) {
  for (std::int64_t n = 0; n < tensor.batch; ++n)
    for (std::int64_t c = 0; c < tensor.channels(); ++c)
      for (std::int64_t y = 0; y < tensor.height(); ++y)
        for (std::int64_t x = 0; x < tensor.width(); ++x) visit(n, c, y, x);
}

struct Layer {
  const std::vector<NchwTensor>& inputs;
  const Params& params;
  const LayerWeights& weights;

  const NchwTensor& input() const { return inputs.at(0); }
  double weight(std::size_t array, std::int64_t index) const {
    return static_cast<double>(weights.arrays.at(array).at(static_cast<std::size_t>(index)));
  }
  double scale(std::int64_t filter) const { return weights.type.scale_per_filter ? weight(1, filter) : 1; }
  double bias(std::int64_t filter) const {
    return params.boolean("bias", true) ? weight(weights.type.scale_per_filter ? 2 : 1, filter) : 0;
  }
};

NchwTensor dense(const Layer& layer) {
  const NchwTensor& in = layer.input();
  NchwTensor out(in.batch, {layer.params.integer("units")});
  for_each_place(out, [&](auto n, auto unit, auto, auto) {
    double sum = 0;
    for (std::int64_t i = 0; i < in.channels(); ++i)
      sum += layer.weight(0, unit * in.channels() + i) * in.at(n, i, 0, 0);
    out.at(n, unit, 0, 0) = sum * layer.scale(unit) + layer.bias(unit);
  });
  return out;
}

// Number of windows and the zeros in front of the first cell, along one axis of a convolution.
std::pair<std::int64_t, std::int64_t> places_and_padding(const Params& params, std::int64_t in) {
  const std::int64_t kernel = params.integer("kernel");
  const std::int64_t stride = params.integer("stride", 1);
  const std::int64_t padding = params.integer("padding", 0);
  if (params.text("padding") != "same") return {(in + 2 * padding - kernel) / stride + 1, padding};
  const std::int64_t places = in % stride == 0 ? in / stride : in / stride + 1;
  std::int64_t zeros = (places - 1) * stride + kernel - in;
  if (zeros < 0) zeros = 0;
  return {places, zeros / 2};
}

NchwTensor conv2d(const Layer& layer) {
  const NchwTensor& in = layer.input();
  const std::int64_t kernel = layer.params.integer("kernel");
  const std::int64_t stride = layer.params.integer("stride", 1);
  const std::int64_t groups = layer.params.integer("groups", 1);
  const std::int64_t filters = layer.params.integer("filters");
  const std::int64_t depth = in.channels() / groups;
  auto [rows, top] = places_and_padding(layer.params, in.height());
  if (const std::vector<std::int64_t> own = layer.params.integers("padding_rows"); !own.empty()) {
    top = own.at(0);
    rows = (own.at(0) + in.height() + own.at(1) - kernel) / stride + 1;
  }
  const auto [columns, left] = places_and_padding(layer.params, in.width());
  NchwTensor out(in.batch, {filters, rows, columns});
  for_each_place(out, [&, zeros_above = top, zeros_left = left](auto n, auto f, auto y, auto x) {
    const std::int64_t group = f / (filters / groups);
    double sum = 0;
    for (std::int64_t c = 0; c < depth; ++c)
      for (std::int64_t ky = 0; ky < kernel; ++ky)
        for (std::int64_t kx = 0; kx < kernel; ++kx) {
          const std::int64_t row = y * stride + ky - zeros_above;
          const std::int64_t column = x * stride + kx - zeros_left;
          if (row < 0 || row >= in.height() || column < 0 || column >= in.width()) continue;
          const double weight = layer.weight(0, ((f * depth + c) * kernel + ky) * kernel + kx);
          sum += weight * in.at(n, group * depth + c, row, column);
        }
    out.at(n, f, y, x) = sum * layer.scale(f) + layer.bias(f);
  });
  return out;
}

template <class Function>
NchwTensor each_value(const Layer& layer, Function function) {
  NchwTensor out = layer.input();
  for (double& value : out.data) value = function(value);
  return out;
}

NchwTensor relu(const Layer& layer) {
  return each_value(layer, [](double x) { return x < 0 ? 0 : x; });
}
NchwTensor sign(const Layer& layer) {
  return each_value(layer, [](double x) { return x < 0 ? -1 : 1; });
}
NchwTensor hyperbolic_tangent(const Layer& layer) {
  return each_value(layer, [](double x) { return std::tanh(x); });
}
NchwTensor sigmoid(const Layer& layer) {
  return each_value(layer, [](double x) { return 1 / (1 + std::exp(-x)); });
}
NchwTensor clip(const Layer& layer) {
  return each_value(layer, [&](double x) {
    const double raised = layer.params.has("min") ? std::max(x, layer.params.real("min")) : x;
    return layer.params.has("max") ? std::min(raised, layer.params.real("max")) : raised;
  });
}
NchwTensor dropout(const Layer& layer) { return layer.input(); }

NchwTensor softmax(const Layer& layer) {
  const NchwTensor& in = layer.input();
  NchwTensor out(in.batch, in.shape);
  for_each_place(out, [&](auto n, auto c, auto y, auto x) {
    double sum = 0;  // of exp(other - this): the quotient without a large exponential above
    for (std::int64_t other = 0; other < in.channels(); ++other)
      sum += std::exp(in.at(n, other, y, x) - in.at(n, c, y, x));
    out.at(n, c, y, x) = 1 / sum;
  });
  return out;
}

NchwTensor batch_norm(const Layer& layer) {
  const NchwTensor& in = layer.input();
  NchwTensor out(in.batch, in.shape);
  for_each_place(out, [&](auto n, auto c, auto y, auto x) {
    const double deviation = std::sqrt(layer.weight(3, c) + layer.params.real("epsilon", 1e-5));
    const double normal = (in.at(n, c, y, x) - layer.weight(2, c)) / deviation;
    out.at(n, c, y, x) = normal * layer.weight(0, c) + layer.weight(1, c);
  });
  return out;
}

// The values of the real cells of one pooling window.
std::vector<double> pooled_values(const Layer& layer, std::int64_t n, std::int64_t c, std::int64_t y, std::int64_t x) {
  const NchwTensor& in = layer.input();
  const bool all = layer.params.text("size") == "all";
  const std::int64_t size = layer.params.integer("size", in.height() + in.width());
  const std::int64_t stride = all ? 1 : layer.params.integer("stride", size);
  const std::int64_t padding = layer.params.integer("padding", 0);
  const std::vector<std::int64_t> own = layer.params.integers("padding_rows");
  const std::int64_t above = own.empty() ? padding : own.at(0);
  const std::vector<std::int64_t> beside = layer.params.integers("padding_columns");
  const std::int64_t left = beside.empty() ? padding : beside.at(0);
  std::vector<double> values;
  for (std::int64_t row = y * stride - above; row < y * stride - above + size; ++row)
    for (std::int64_t column = x * stride - left; column < x * stride - left + size; ++column)
      if (row >= 0 && row < in.height() && column >= 0 && column < in.width())
        values.push_back(in.at(n, c, row, column));
  return values;
}

template <class Function>
NchwTensor pool(const Layer& layer, Function function) {
  const NchwTensor& in = layer.input();
  Shape shape{in.channels(), 1, 1};
  if (layer.params.text("size") != "all") {
    const std::int64_t size = layer.params.integer("size");
    const std::int64_t stride = layer.params.integer("stride", size);
    const std::int64_t padding = layer.params.integer("padding", 0);
    const std::vector<std::int64_t> own = layer.params.integers("padding_rows");
    const std::int64_t rows_added = own.empty() ? 2 * padding : own.at(0) + own.at(1);
    shape[1] = (in.height() + rows_added - size) / stride + 1;
    const std::vector<std::int64_t> beside = layer.params.integers("padding_columns");
    const std::int64_t columns_added = beside.empty() ? 2 * padding : beside.at(0) + beside.at(1);
    shape[2] = (in.width() + columns_added - size) / stride + 1;
  }
  NchwTensor out(in.batch, shape);
  for_each_place(
      out, [&](auto n, auto c, auto y, auto x) { out.at(n, c, y, x) = function(pooled_values(layer, n, c, y, x)); });
  return out;
}

NchwTensor max_pool(const Layer& layer) {
  return pool(layer, [](const std::vector<double>& values) {
    double largest = values.at(0);
    for (const double value : values) largest = value > largest ? value : largest;
    return largest;
  });
}

NchwTensor mean_pool(const Layer& layer) {
  return pool(layer, [](const std::vector<double>& values) {
    double sum = 0;
    for (const double value : values) sum += value;
    return sum / static_cast<double>(values.size());
  });
}

// In this order of memory, both are the same values with another shape.
NchwTensor flatten(const Layer& layer) {
  const NchwTensor& in = layer.input();
  NchwTensor out(in.batch, {in.channels() * in.height() * in.width()});
  out.data = in.data;
  return out;
}

NchwTensor reshape(const Layer& layer) {
  NchwTensor out(layer.input().batch, layer.params.integers("shape"));
  out.data = layer.input().data;
  return out;
}

NchwTensor add(const Layer& layer) {
  NchwTensor out(layer.input().batch, layer.input().shape);
  for_each_place(out, [&](auto n, auto c, auto y, auto x) {
    for (const NchwTensor& in : layer.inputs) out.at(n, c, y, x) += in.at(n, c, y, x);
  });
  return out;
}

NchwTensor concat(const Layer& layer) {
  const std::int64_t axis = layer.params.integer("axis", 0);
  Shape shape = layer.input().shape;
  shape[static_cast<std::size_t>(axis)] = 0;
  for (const NchwTensor& in : layer.inputs)
    shape[static_cast<std::size_t>(axis)] += in.shape[static_cast<std::size_t>(axis)];
  NchwTensor out(layer.input().batch, shape);
  std::int64_t done = 0;
  for (const NchwTensor& in : layer.inputs) {
    for_each_place(in, [&](auto n, auto c, auto y, auto x) {
      const double value = in.at(n, c, y, x);
      if (axis == 0) out.at(n, done + c, y, x) = value;
      if (axis == 1) out.at(n, c, done + y, x) = value;
      if (axis == 2) out.at(n, c, y, done + x) = value;
    });
    done += in.shape[static_cast<std::size_t>(axis)];
  }
  return out;
}

NchwTensor slice(const Layer& layer) {
  const NchwTensor& in = layer.input();
  const std::int64_t axis = layer.params.integer("axis", 0);
  const std::int64_t from = layer.params.integer("from", 0);
  Shape shape = in.shape;
  shape[static_cast<std::size_t>(axis)] = layer.params.integer("to") - from;
  NchwTensor out(in.batch, shape);
  for_each_place(out, [&](auto n, auto c, auto y, auto x) {
    out.at(n, c, y, x) = in.at(n, c + (axis == 0 ? from : 0), y + (axis == 1 ? from : 0), x + (axis == 2 ? from : 0));
  });
  return out;
}

NchwTensor pad(const Layer& layer) {
  const NchwTensor& in = layer.input();
  const std::int64_t size = layer.params.integer("size");
  std::vector<std::int64_t> rows = layer.params.integers("rows");
  if (rows.empty()) rows = {size, size};
  NchwTensor out(in.batch, {in.channels(), rows.at(0) + in.height() + rows.at(1), in.width() + 2 * size});
  for_each_place(in, [&](auto n, auto c, auto y, auto x) { out.at(n, c, y + rows[0], x + size) = in.at(n, c, y, x); });
  return out;
}

using Twin = NchwTensor (*)(const Layer&);

std::map<std::string, Twin> twins() {
  return {{"dense", dense},
          {"conv2d", conv2d},
          {"relu", relu},
          {"sign", sign},
          {"tanh", hyperbolic_tangent},
          {"sigmoid", sigmoid},
          {"clip", clip},
          {"softmax", softmax},
          {"batch_norm", batch_norm},
          {"max_pool", max_pool},
          {"mean_pool", mean_pool},
          {"flatten", flatten},
          {"reshape", reshape},
          {"add", add},
          {"concat", concat},
          {"pad", pad},
          {"slice", slice},
          {"dropout", dropout}};
}

}  // namespace

NchwTensor to_nchw(const ConstTensorView& tensor) {
  NchwTensor out(tensor.batch, *tensor.shape);
  const float* next = tensor.data;
  for (std::int64_t n = 0; n < out.batch; ++n)
    for (std::int64_t y = 0; y < out.height(); ++y)
      for (std::int64_t x = 0; x < out.width(); ++x)
        for (std::int64_t c = 0; c < out.channels(); ++c) out.at(n, c, y, x) = static_cast<double>(*next++);
  return out;
}

Tensor to_nhwc(const NchwTensor& tensor) {
  Tensor out(tensor.batch, tensor.shape);
  float* next = out.data.data();
  for (std::int64_t n = 0; n < tensor.batch; ++n)
    for (std::int64_t y = 0; y < tensor.height(); ++y)
      for (std::int64_t x = 0; x < tensor.width(); ++x)
        for (std::int64_t c = 0; c < tensor.channels(); ++c) *next++ = static_cast<float>(tensor.at(n, c, y, x));
  return out;
}

NchwTensor reference_forward(const OpDef& op, const Params& params, const std::vector<NchwTensor>& inputs,
                             const LayerWeights& weights) {
  const std::map<std::string, Twin> known = twins();
  const std::map<std::string, Twin>::const_iterator twin = known.find(op.name);
  if (twin == known.end()) throw std::invalid_argument(std::string("no reference for op ") + op.name);
  return twin->second({inputs, params, weights});
}

}  // namespace cleave
