// The `backward` of the ops that have one (see OpDef): the chain rule, node by node.
//
// All are sums over a node's values in the training layout, so their hot loops are the kernels of training: a layer's
// two gradients are products of matrices, dX = W^T·dY and dW = dY·X^T, like its forward Y = W·X. `dense` computes such
// a product of rows that lie side by side; where a factor has to be turned, it is copied first, which costs one share
// in as many as the rows of the product.
#pragma once

#include "ops/core/op.h"
#include "ops/defs/window.h"

namespace cleave {

void backward_dense(const BackwardArgs& args);
void backward_conv2d(const BackwardArgs& args);
void backward_batch_norm(const BackwardArgs& args);
void backward_relu(const BackwardArgs& args);      // slope 0 at 0
void backward_sigmoid(const BackwardArgs& args);   // from the output s: s·(1 - s)
void backward_tanh(const BackwardArgs& args);      // from the output t: 1 - t²
void backward_softmax(const BackwardArgs& args);   // s·(dy - Σ dy·s)
void backward_max_pool(const BackwardArgs& args);  // to the first of a window's largest values
void backward_mean_pool(const BackwardArgs& args);
// Every input takes the output's gradient, value by value: add, flatten, reshape.
void backward_add(const BackwardArgs& args);
void backward_concat(const BackwardArgs& args);
void backward_slice(const BackwardArgs& args);
void backward_pad(const BackwardArgs& args);

// The windows of conv2d and of the pools over an image.
struct Windows {
  WindowAxis y, x;
};

// Turns the gradient of a layer's scaled kernel, [filters][inputs of one], which stands in the first array's place,
// into those of kernel and scale, and sums that of the bias.
void finish_layer_gradients(const BackwardArgs& args);
// Returns Σ x[i]·y[i] and Σ x[i] in double, in a fixed order.
double dot(const float* x, const float* y, std::int64_t n);
double sum_of(const float* x, std::int64_t n);
// Returns n filled up to whole kernel vectors.
inline std::int64_t whole_vectors(std::int64_t n) { return (n + kLaneMultiple - 1) / kLaneMultiple * kLaneMultiple; }

}  // namespace cleave
