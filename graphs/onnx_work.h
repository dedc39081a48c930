// What the conversion of an ONNX graph works with: the graph so far, and what flows where. Used by graphs/onnx_*.cpp.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "graphs/graph.h"
#include "graphs/onnx_graph.h"

namespace cleave {

// A value of the ONNX graph: a node of ours, and how its numbers are to be read. Reshapes and transposes change only
// the reading; a node is made of them where somebody needs the numbers in that order (`plain`).
struct OnnxFlow {
  NodeId node = NodeId::none;
  Shape shape;                             // as ONNX has it, without the batch
  std::vector<std::int64_t> axes = {};     // which axis of the node each size of `shape` is; empty: as they come
  std::vector<std::int64_t> columns = {};  // a vector made of an image in another order: where in ours each value is
  std::vector<std::int64_t> pad = {};      // zeros still to be put around the image: above, left, below, right
  bool shared = false;                     // read more than once

  bool is_plain() const { return axes.empty() && columns.empty() && pad.empty(); }
};

struct OnnxWork {
  const OnnxGraph& source;
  Graph graph = {};
  Weights weights = {};
  std::int64_t batch = 1;
  std::map<std::string, OnnxFlow> flows = {};
  std::map<std::string, OnnxTensor> folded = {};             // constants that nodes of the file compute
  std::map<std::string, int> readers = {};                   // of every value
  std::set<NodeId> read = {};                                // nodes that others read
  std::map<std::pair<NodeId, Shape>, NodeId> reshaped = {};  // nodes made by `plain`
  std::size_t made = 0;                                      // weights that the file does not hold
  int signs = 0;                                             // of ONNX, that give 0 for 0
  std::vector<std::string> notes = {};
};

// One op of ONNX and how it is taken. `convert` throws OpError with what stands in the way.
struct OnnxOpDef {
  const char* name;
  const char* doc;             // what becomes of it
  const char* attributes;      // those it may have, parted by '|'
  int min_inputs, max_inputs;  // max -1: any number
  void (*convert)(OnnxWork& work, const OnnxNode& node);
};
std::span<const OnnxOpDef> onnx_op_catalog();

// Attributes. These throw OpError when one is there with another kind of value.
const OnnxAttribute* find_attribute(const OnnxNode& node, std::string_view name);
std::int64_t integer_of(const OnnxNode& node, std::string_view name, std::int64_t fallback);
double real_of(const OnnxNode& node, std::string_view name, double fallback);
std::string text_of(const OnnxNode& node, std::string_view name, const std::string& fallback);
std::vector<std::int64_t> integers_of(const OnnxNode& node, std::string_view name, std::vector<std::int64_t> fallback);

// Inputs. True where input `i` is given.
bool has_input(const OnnxNode& node, std::size_t i);
// The constant of that name, or null.
const OnnxTensor* constant_of(const OnnxWork& work, const std::string& name);
// Input `i`, constant. These throw OpError where it is not, is of another kind, or holds what is not finite.
const std::vector<std::int64_t>& constant_integers(const OnnxWork& work, const OnnxNode& node, std::size_t i);
const OnnxTensor& constant_reals(const OnnxWork& work, const OnnxNode& node, std::size_t i);
// Input `i`, computed. Throws OpError where it is constant.
OnnxFlow flow_of(const OnnxWork& work, const OnnxNode& node, std::size_t i);
// Sets what output `i` is.
void set_flow(OnnxWork& work, const OnnxNode& node, OnnxFlow flow, std::size_t i = 0);

// Adds a node and its weights, and returns it. Throws OpError as the op's own functions do.
NodeId add_node(OnnxWork& work, const std::string& op, const Params& params, const std::vector<NodeId>& inputs,
                const std::string& name = "", std::vector<std::vector<float>> arrays = {});
const Shape& shape_of(const OnnxWork& work, NodeId node);
// Returns the flow of a new node as it is.
OnnxFlow flow_from(const OnnxWork& work, NodeId node);

// Returns a node that gives the flow's numbers in its shape, in our order. Throws OpError where no op of ours does.
NodeId plain(OnnxWork& work, const OnnxFlow& flow);
// The same of an image, throwing OpError for what is none. Zeros to be put around it stay to be put if `keep_pad`.
NodeId plain_image(OnnxWork& work, const OnnxFlow& flow, bool keep_pad = false);
// Its shape without the zeros still to be put around it.
Shape unpadded(const OnnxFlow& flow);
// Returns the flow with these zeros put around it.
OnnxFlow padded(OnnxWork& work, const OnnxFlow& flow);
// Counts weights that are made here. Throws OpError when they are too many: a short file must not need much memory.
void count_made(OnnxWork& work, std::size_t count);
// The same numbers in another shape (without the batch).
OnnxFlow reshaped(const OnnxWork& work, const OnnxFlow& flow, const Shape& shape);

// Multiplies every channel and adds to it: within the weights of the layer above where that is allowed, else by a
// batch norm.
OnnxFlow affine(OnnxWork& work, const OnnxFlow& flow, const std::vector<float>& factors,
                const std::vector<float>& shifts);

// Returns what the layer of `node` with the weights called `weight` is to be called; may be empty.
std::string layer_name(const OnnxNode& node, const std::string& weight);
// Returns "[N, 3, 32, 32]" of a shape without batch.
std::string onnx_shape_text(const Shape& shape);

// Computes a node whose inputs are all constants, or only shapes; false where it cannot.
bool fold_constant(OnnxWork& work, const OnnxNode& node);

// The rows' functions, by the file they stand in.
// onnx_layers.cpp
void convert_conv(OnnxWork& work, const OnnxNode& node);
void convert_gemm(OnnxWork& work, const OnnxNode& node);
void convert_matmul(OnnxWork& work, const OnnxNode& node);
void convert_batch_norm(OnnxWork& work, const OnnxNode& node);
// onnx_pools.cpp
void convert_pool(OnnxWork& work, const OnnxNode& node);
void convert_global_pool(OnnxWork& work, const OnnxNode& node);
void convert_reduce_mean(OnnxWork& work, const OnnxNode& node);
// onnx_shapes.cpp
void convert_reshape(OnnxWork& work, const OnnxNode& node);
void convert_flatten(OnnxWork& work, const OnnxNode& node);
void convert_squeeze(OnnxWork& work, const OnnxNode& node);
void convert_transpose(OnnxWork& work, const OnnxNode& node);
void convert_pad(OnnxWork& work, const OnnxNode& node);
void convert_slice(OnnxWork& work, const OnnxNode& node);
void convert_split(OnnxWork& work, const OnnxNode& node);
void convert_concat(OnnxWork& work, const OnnxNode& node);
// onnx_values.cpp
void convert_activation(OnnxWork& work, const OnnxNode& node);
void convert_clip(OnnxWork& work, const OnnxNode& node);
void convert_softmax(OnnxWork& work, const OnnxNode& node);
void convert_identity(OnnxWork& work, const OnnxNode& node);
void convert_arithmetic(OnnxWork& work, const OnnxNode& node);

}  // namespace cleave
