// Convolutions, pixel by pixel of the image for dX and tap row by tap row for dW:
//   dX[c][p] = Σ over the filters and taps whose windows hold p of w[f,c,ky,kx]·dY[f][window]
//   dW[f,c,ky,kx] = Σ over windows and images of dY[f][window]·X[c][window + (ky, kx)]
// For the second the images are laid out [lane][row][column][channel] with their padding, so that what a window reads
// in one row is one piece, and a row of taps of all filters is one product of all windows of all images.
#include <array>
#include <vector>

#include "ops/defs/backward.h"
#include "ops/defs/common.h"
#include "ops/kernels/train_kernels.h"

namespace cleave {

namespace {

std::size_t at(std::int64_t i) { return static_cast<std::size_t>(i); }

struct Convolution {
  std::int64_t kernel = 1, groups = 1;
  std::int64_t inputs = 0, filters = 0;  // of one group
  WindowAxis y, x;

  std::int64_t taps() const { return kernel * kernel; }
};

WindowAxis axis_of(const Params& params, std::int64_t in, bool rows) {
  const std::int64_t size = params.integer("kernel");
  const std::int64_t stride = params.integer("stride", 1);
  const bool own = rows && params.has("padding_rows");
  if (!own && params.text("padding") == "same") return same_axis(in, size, stride);
  const std::int64_t padding = params.integer("padding", 0);
  const Margins margins = own ? row_margins(params, "padding_rows", 0, kMaxKernelElements) : Margins{padding, padding};
  return padded_axis("a kernel", in, size, stride, margins);
}

Convolution convolution_of(const BackwardArgs& args) {
  const Shape& image = args.types.front().shape;
  Convolution conv;
  conv.kernel = args.params.integer("kernel");
  conv.groups = args.params.integer("groups", 1);
  conv.inputs = image[0] / conv.groups;
  conv.filters = args.gradient.channels / conv.groups;
  conv.y = axis_of(args.params, image[1], true);
  conv.x = axis_of(args.params, image[2], false);
  return conv;
}

// The images of one group's channels with their padding: [lane][row][column][channel].
struct Images {
  std::int64_t rows = 0, columns = 0;
  std::vector<float> values;

  std::int64_t size(const Convolution& conv) const { return rows * columns * conv.inputs; }
};

Images images_of(const BackwardArgs& args, const Convolution& conv, std::int64_t group) {
  const ConstBlockView& x = args.inputs.front();
  Images images;
  images.rows = std::max(conv.y.before + conv.y.in, (conv.y.out - 1) * conv.y.stride + conv.kernel);
  images.columns = std::max(conv.x.before + conv.x.in, (conv.x.out - 1) * conv.x.stride + conv.kernel);
  const std::int64_t size = images.size(conv);
  images.values.resize(at(x.lanes * size + kLaneMultiple));  // whole vectors are read at the end, too
  for (std::int64_t c = 0; c < conv.inputs; ++c)
    for (std::int64_t p = 0; p < x.pixels; ++p) {
      const std::int64_t row = p / conv.x.in + conv.y.before, column = p % conv.x.in + conv.x.before;
      const float* from = x.channel(group * conv.inputs + c) + p * x.lanes;
      float* to = images.values.data() + (row * images.columns + column) * conv.inputs + c;
      for (std::int64_t l = 0; l < x.lanes; ++l) to[l * size] = from[l];
    }
  return images;
}

void write_kernel_gradient(const BackwardArgs& args, const Convolution& conv, std::int64_t group) {
  const Images images = images_of(args, conv, group);
  const std::int64_t lanes = args.gradient.lanes;
  const std::int64_t used = conv.kernel * conv.inputs;
  const std::int64_t row = whole_vectors(used);
  std::vector<float> sums(at(conv.filters * row));
  std::vector<const float*> factors(at(conv.filters)), windows(at(conv.y.out * conv.x.out * lanes));
  std::vector<float*> out(at(conv.filters));
  for (std::int64_t f = 0; f < conv.filters; ++f) {
    factors[at(f)] = args.gradient.channel(group * conv.filters + f);  // [windows][lanes]
    out[at(f)] = sums.data() + f * row;
  }
  for (std::int64_t ky = 0; ky < conv.kernel; ++ky) {
    std::size_t next = 0;
    for (std::int64_t y = 0; y < conv.y.out; ++y)
      for (std::int64_t x = 0; x < conv.x.out; ++x)
        for (std::int64_t l = 0; l < lanes; ++l)
          windows[next++] = images.values.data() + l * images.size(conv) +
                            ((y * conv.y.stride + ky) * images.columns + x * conv.x.stride) * conv.inputs;
    train_kernels().dense(out.data(), factors.data(), windows.data(), conv.filters,
                          static_cast<std::int64_t>(windows.size()), row);
    for (std::int64_t f = 0; f < conv.filters; ++f)
      for (std::int64_t i = 0; i < used; ++i)
        args.weight_gradients[0][((group * conv.filters + f) * conv.inputs + i % conv.inputs) * conv.taps() +
                                 ky * conv.kernel + i / conv.inputs] = sums[at(f * row + i)];
  }
}

// The kernel of a group as [input][ky][kx][filter], the scale multiplied in.
std::vector<float> turned_kernel(const BackwardArgs& args, const Convolution& conv, std::int64_t group) {
  const LayerArrays layer = layer_arrays(*args.weights, args.params.boolean("bias", true));
  std::vector<float> turned(at(conv.inputs * conv.taps() * conv.filters));
  for (std::int64_t f = 0; f < conv.filters; ++f) {
    const std::int64_t filter = group * conv.filters + f;
    const float scale = layer.scale == nullptr ? 1.0F : (*layer.scale)[at(filter)];
    const float* from = layer.kernel->data() + filter * conv.inputs * conv.taps();
    for (std::int64_t i = 0; i < conv.inputs * conv.taps(); ++i) turned[at(i * conv.filters + f)] = scale * from[i];
  }
  return turned;
}

// The windows that hold a cell of an axis: the tap with which, and the window.
struct Holder {
  std::int64_t tap, window;
};

std::vector<Holder> holders(const WindowAxis& axis, std::int64_t cell) {
  std::vector<Holder> all;
  for (std::int64_t tap = 0; tap < axis.size; ++tap) {
    const std::int64_t start = cell + axis.before - tap;
    if (start >= 0 && start % axis.stride == 0 && start / axis.stride < axis.out)
      all.push_back({tap, start / axis.stride});
  }
  return all;
}

void add_input_gradient(const BackwardArgs& args, const Convolution& conv, std::int64_t group) {
  const std::int64_t lanes = args.gradient.lanes, pixels = conv.y.in * conv.x.in;
  const std::vector<float> kernel = turned_kernel(args, conv, group);
  std::vector<float> factors(kernel.size()), sums(at(conv.inputs * lanes));
  std::vector<const float*> gradient, weights(at(conv.inputs));
  std::vector<float*> out(at(conv.inputs));
  for (std::int64_t p = 0; p < pixels; ++p) {
    const std::vector<Holder> rows = holders(conv.y, p / conv.x.in), columns = holders(conv.x, p % conv.x.in);
    gradient.clear();
    std::size_t count = 0;
    for (std::int64_t c = 0; c < conv.inputs; ++c) {
      weights[at(c)] = factors.data() + count;
      out[at(c)] = sums.data() + c * lanes;
      for (const Holder& y : rows)
        for (const Holder& x : columns) {
          const float* from = kernel.data() + (c * conv.taps() + y.tap * conv.kernel + x.tap) * conv.filters;
          std::copy_n(from, conv.filters, factors.data() + count);
          count += at(conv.filters);
          for (std::int64_t f = 0; f < conv.filters && c == 0; ++f)
            gradient.push_back(args.gradient.channel(group * conv.filters + f) +
                               (y.window * conv.x.out + x.window) * lanes);
        }
    }
    train_kernels().dense(out.data(), weights.data(), gradient.data(), conv.inputs,
                          static_cast<std::int64_t>(gradient.size()), lanes);
    for (std::int64_t c = 0; c < conv.inputs; ++c)
      train_kernels().axpy(args.input_gradients[0] + ((group * conv.inputs + c) * pixels + p) * lanes, out[at(c)], 1,
                           lanes);
  }
}

}  // namespace

void backward_conv2d(const BackwardArgs& args) {
  const Convolution conv = convolution_of(args);
  for (std::int64_t group = 0; group < conv.groups; ++group) {
    write_kernel_gradient(args, conv, group);
    if (args.input_gradients[0] != nullptr) add_input_gradient(args, conv, group);
  }
  finish_layer_gradients(args);
}

}  // namespace cleave
