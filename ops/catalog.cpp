// The ops: one file in ops/defs and one row here each.
#include "ops/core/op.h"
#include "ops/defs/defs.h"

namespace cleave {

namespace {

// Filled before main from rows that are constants in their own files; no static initialiser may use it.
const OpDef kOps[] = {
    kDense,   kConv2d,   kRelu,    kSign,    kTanh, kSigmoid, kClip, kSoftmax, kBatchNorm,
    kMaxPool, kMeanPool, kFlatten, kReshape, kAdd,  kConcat,  kPad,  kSlice,   kDropout,
};

}  // namespace

std::span<const OpDef> op_catalog() { return kOps; }

}  // namespace cleave
