// The OpDefs, one per file of this folder. Only ops/catalog.cpp includes this; everybody else finds ops by name in
// op_catalog().
#pragma once

#include "ops/core/op.h"

namespace cleave {

extern const OpDef kDense;
extern const OpDef kFlatten;
extern const OpDef kRelu;
extern const OpDef kSigmoid;
extern const OpDef kSign;
extern const OpDef kTanh;

}  // namespace cleave
