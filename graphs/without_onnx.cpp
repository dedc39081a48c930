// In place of graphs/import_onnx.cpp and graphs/export_onnx.cpp where CLEAVE_ONNX is OFF.
#include "graphs/export_onnx.h"
#include "graphs/import_onnx.h"
#include "ops/core/error.h"

namespace cleave {

namespace {

[[noreturn]] void refuse() {
  throw UserError("this build has no ONNX: build cleave anew with the CMake option CLEAVE_ONNX=ON");
}

}  // namespace

bool has_onnx() { return false; }
OnnxGraph read_onnx(const std::string&) { refuse(); }
OnnxGraph parse_onnx(ByteSpan, const std::string&, const std::string&) { refuse(); }
Bytes onnx_bytes(const OnnxGraph&) { refuse(); }

}  // namespace cleave
