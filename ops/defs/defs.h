// The OpDefs, one per file of this folder. Only ops/catalog.cpp includes this; everybody else finds ops by name in
// op_catalog().
#pragma once

#include "ops/core/op.h"

namespace cleave {

extern const OpDef kAdd;
extern const OpDef kBatchNorm;
extern const OpDef kClip;
extern const OpDef kConcat;
extern const OpDef kConv2d;
extern const OpDef kDense;
extern const OpDef kDropout;
extern const OpDef kFlatten;
extern const OpDef kMaxPool;
extern const OpDef kMeanPool;
extern const OpDef kPad;
extern const OpDef kRelu;
extern const OpDef kReshape;
extern const OpDef kSigmoid;
extern const OpDef kSign;
extern const OpDef kSlice;
extern const OpDef kSoftmax;
extern const OpDef kTanh;

}  // namespace cleave
