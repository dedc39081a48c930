// The ops of ONNX that are taken, one row each.
#include "graphs/onnx_work.h"

namespace cleave {

namespace {

constexpr const char* kConvWords = "auto_pad|dilations|group|kernel_shape|pads|strides";
constexpr const char* kPoolWords =
    "auto_pad|ceil_mode|count_include_pad|dilations|kernel_shape|pads|storage_order|strides";
constexpr const char* kNormWords = "epsilon|momentum|training_mode|spatial";

constexpr OnnxOpDef kOps[] = {
    {"Conv", "conv2d", kConvWords, 2, 3, convert_conv},
    {"Gemm", "dense", "alpha|beta|transA|transB", 2, 3, convert_gemm},
    {"MatMul", "dense", "", 2, 2, convert_matmul},
    {"BatchNormalization", "batch_norm", kNormWords, 5, 5, convert_batch_norm},
    {"Relu", "relu", "", 1, 1, convert_activation},
    {"Sigmoid", "sigmoid", "", 1, 1, convert_activation},
    {"Tanh", "tanh", "", 1, 1, convert_activation},
    {"Sign", "sign", "", 1, 1, convert_activation},
    {"Clip", "clip or relu", "min|max", 1, 3, convert_clip},
    {"Softmax", "softmax", "axis", 1, 1, convert_softmax},
    {"Add", "add, or in the weights beside it", "", 2, 2, convert_arithmetic},
    {"Sum", "add", "", 1, -1, convert_arithmetic},
    {"Sub", "in the weights beside it", "", 2, 2, convert_arithmetic},
    {"Mul", "in the weights beside it", "", 2, 2, convert_arithmetic},
    {"Div", "in the weights beside it", "", 2, 2, convert_arithmetic},
    {"MaxPool", "max_pool", kPoolWords, 1, 1, convert_pool},
    {"AveragePool", "mean_pool", kPoolWords, 1, 1, convert_pool},
    {"GlobalAveragePool", "mean_pool", "", 1, 1, convert_global_pool},
    {"GlobalMaxPool", "max_pool", "", 1, 1, convert_global_pool},
    {"ReduceMean", "mean_pool", "axes|keepdims|noop_with_empty_axes", 1, 2, convert_reduce_mean},
    {"Concat", "concat", "axis", 1, -1, convert_concat},
    {"Slice", "slice", "starts|ends|axes", 1, 5, convert_slice},
    {"Split", "slice", "axis|split|num_outputs", 1, 2, convert_split},
    {"Pad", "padding of what follows, or pad", "mode|pads|value", 1, 4, convert_pad},
    {"Flatten", "flatten, or nothing", "axis", 1, 1, convert_flatten},
    {"Reshape", "flatten or reshape, or nothing", "allowzero", 2, 2, convert_reshape},
    {"Squeeze", "nothing", "axes", 1, 2, convert_squeeze},
    {"Unsqueeze", "nothing", "axes", 1, 2, convert_squeeze},
    {"Transpose", "nothing: it folds", "perm", 1, 1, convert_transpose},
    {"Dropout", "nothing", "ratio|seed", 1, 3, convert_identity},
    {"Identity", "nothing", "", 1, 1, convert_identity},
    {"Cast", "nothing", "to|saturate", 1, 1, convert_identity},
    {"Constant", "weights or sizes", "value|value_float|value_floats|value_int|value_ints", 0, 0, nullptr},
    {"Shape", "sizes", "start|end", 1, 1, nullptr},
    {"Gather", "sizes", "axis", 2, 2, nullptr},
};

}  // namespace

std::span<const OnnxOpDef> onnx_op_catalog() { return kOps; }

}  // namespace cleave
