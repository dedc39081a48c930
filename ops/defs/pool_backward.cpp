// Pools: a window's gradient goes to its largest value, image by image, or in equal shares to its real cells.
#include <vector>

#include "ops/defs/backward.h"
#include "ops/kernels/train_kernels.h"

namespace cleave {

namespace {

Windows windows_of(const Params& params, const Shape& image) {
  if (params.text("size") == "all")
    return {{.in = image[1], .out = 1, .size = image[1]}, {.in = image[2], .out = 1, .size = image[2]}};
  const std::int64_t size = params.integer("size");
  const std::int64_t stride = params.integer("stride", size);
  const std::int64_t padding = params.integer("padding", 0);
  return {padded_axis("a window", image[1], size, stride, row_margins(params, "padding_rows", padding, size)),
          padded_axis("a window", image[2], size, stride, column_margins(params, "padding_columns", padding, size))};
}

// Calls `window(channel, output pixel, its real cells)` for every window.
template <class Window>
void for_each_window(const BackwardArgs& args, Window window) {
  const Windows pool = windows_of(args.params, args.types.front().shape);
  std::vector<std::int64_t> cells;
  for (std::int64_t p = 0; p < pool.y.out * pool.x.out; ++p) {
    const std::int64_t y = p / pool.x.out, x = p % pool.x.out;
    cells.clear();
    for (std::int64_t ky = pool.y.first(y); ky < pool.y.last(y); ++ky)
      for (std::int64_t kx = pool.x.first(x); kx < pool.x.last(x); ++kx)
        cells.push_back((pool.y.start(y) + ky) * pool.x.in + pool.x.start(x) + kx);
    for (std::int64_t c = 0; c < args.gradient.channels; ++c) window(c, p, cells);
  }
}

}  // namespace

void backward_max_pool(const BackwardArgs& args) {
  if (args.input_gradients[0] == nullptr) return;
  const std::int64_t lanes = args.gradient.lanes;
  std::vector<char> taken(static_cast<std::size_t>(lanes));
  for_each_window(args, [&](std::int64_t c, std::int64_t p, const std::vector<std::int64_t>& cells) {
    taken.assign(taken.size(), 0);
    const float* largest = args.output.channel(c) + p * lanes;
    const float* gradient = args.gradient.channel(c) + p * lanes;
    for (const std::int64_t cell : cells) {
      const float* x = args.inputs.front().channel(c) + cell * lanes;
      float* to = args.input_gradients[0] + c * args.inputs.front().channel_size() + cell * lanes;
      for (std::int64_t l = 0; l < lanes; ++l) {
        const bool here = taken[static_cast<std::size_t>(l)] == 0 && x[l] == largest[l];
        to[l] += here ? gradient[l] : 0.0F;
        taken[static_cast<std::size_t>(l)] |= static_cast<char>(here);
      }
    }
  });
}

void backward_mean_pool(const BackwardArgs& args) {
  if (args.input_gradients[0] == nullptr) return;
  const std::int64_t lanes = args.gradient.lanes;
  for_each_window(args, [&](std::int64_t c, std::int64_t p, const std::vector<std::int64_t>& cells) {
    for (const std::int64_t cell : cells)
      train_kernels().axpy(args.input_gradients[0] + c * args.inputs.front().channel_size() + cell * lanes,
                           args.gradient.channel(c) + p * lanes, 1.0F / static_cast<float>(cells.size()), lanes);
  });
}

}  // namespace cleave
