#include "ops/kernels/infer_kernels.h"

#include "ops/kernels/isa.h"

namespace cleave {

namespace baseline {
extern const InferKernels kInferKernels;
}
#ifdef CLEAVE_X86
namespace avx2 {
extern const InferKernels kInferKernels;
}
namespace avx512 {
extern const InferKernels kInferKernels;
}
#endif
#ifdef CLEAVE_ARM64
namespace neon {
extern const InferKernels kInferKernels;
}
#endif

namespace {

const InferKernels& table_of([[maybe_unused]] Isa isa) {
#ifdef CLEAVE_X86
  if (isa == Isa::avx512) return avx512::kInferKernels;
  if (isa == Isa::avx2) return avx2::kInferKernels;
#endif
#ifdef CLEAVE_ARM64
  if (isa == Isa::neon) return neon::kInferKernels;
#endif
  return baseline::kInferKernels;
}

}  // namespace

const InferKernels& infer_kernels() { return table_of(chosen_isa()); }

const InferKernels* infer_kernels_for(const char* isa_name) {
  const std::optional<Isa> isa = isa_of(isa_name);
  return isa && is_supported(*isa) ? &table_of(*isa) : nullptr;
}

}  // namespace cleave
