// Ops that move values: their gradient goes back the way the values came.
#include "ops/defs/backward.h"
#include "ops/kernels/train_kernels.h"

namespace cleave {

namespace {

// An axis of a block: [outer][size][inner], lanes included; the language's axes 0, 1, 2 = channels, rows, columns.
struct BlockAxis {
  std::int64_t outer = 1, size = 1, inner = 1;
};

BlockAxis block_axis(const Shape& shape, std::int64_t axis, std::int64_t lanes) {
  BlockAxis block{1, shape[static_cast<std::size_t>(axis)], lanes};
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (static_cast<std::int64_t>(i) < axis) block.outer *= shape[i];
    if (static_cast<std::int64_t>(i) > axis) block.inner *= shape[i];
  }
  return block;
}

}  // namespace

void backward_add(const BackwardArgs& args) {
  for (float* to : args.input_gradients)
    if (to != nullptr) train_kernels().axpy(to, args.gradient.data, 1, args.gradient.size());
}

void backward_concat(const BackwardArgs& args) {
  const std::int64_t axis = args.params.integer("axis", 0);
  std::int64_t all = 0, done = 0;
  for (const TensorType& type : args.types) all += type.shape[static_cast<std::size_t>(axis)];
  for (std::size_t i = 0; i < args.types.size(); ++i) {
    const BlockAxis to = block_axis(args.types[i].shape, axis, args.gradient.lanes);
    const std::int64_t run = to.size * to.inner;
    for (std::int64_t o = 0; o < to.outer && args.input_gradients[i] != nullptr; ++o)
      train_kernels().axpy(args.input_gradients[i] + o * run, args.gradient.data + (o * all + done) * to.inner, 1, run);
    done += to.size;
  }
}

void backward_slice(const BackwardArgs& args) {
  if (args.input_gradients[0] == nullptr) return;
  const BlockAxis to = block_axis(args.types.front().shape, args.params.integer("axis", 0), args.gradient.lanes);
  const std::int64_t first = args.params.integer("from", 0);
  const std::int64_t run = (args.params.integer("to") - first) * to.inner;
  for (std::int64_t o = 0; o < to.outer; ++o)
    train_kernels().axpy(args.input_gradients[0] + (o * to.size + first) * to.inner, args.gradient.data + o * run, 1,
                         run);
}

void backward_pad(const BackwardArgs& args) {
  if (args.input_gradients[0] == nullptr) return;
  const Shape& shape = args.types.front().shape;
  const std::int64_t size = args.params.integer("size");
  const Margins rows = row_margins(args.params, "rows", size, args.gradient.pixels);
  const std::int64_t run = shape[2] * args.gradient.lanes;
  const std::int64_t padded_run = (shape[2] + 2 * size) * args.gradient.lanes;
  for (std::int64_t c = 0; c < shape[0]; ++c)
    for (std::int64_t y = 0; y < shape[1]; ++y)
      train_kernels().axpy(args.input_gradients[0] + (c * shape[1] + y) * run,
                           args.gradient.channel(c) + (rows.before + y) * padded_run + size * args.gradient.lanes, 1,
                           run);
}

}  // namespace cleave
