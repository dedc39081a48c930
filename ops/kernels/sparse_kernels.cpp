#include "ops/kernels/sparse_kernels.h"

#include "ops/kernels/isa.h"

namespace cleave {

namespace baseline {
extern const SparseKernels kSparseKernels;
}
#ifdef CLEAVE_X86
namespace avx2 {
extern const SparseKernels kSparseKernels;
}
namespace avx512 {
extern const SparseKernels kSparseKernels;
}
#endif
#ifdef CLEAVE_ARM64
namespace neon {
extern const SparseKernels kSparseKernels;
}
#endif

namespace {

const SparseKernels& table_of([[maybe_unused]] Isa isa) {
#ifdef CLEAVE_X86
  if (isa == Isa::avx512) return avx512::kSparseKernels;
  if (isa == Isa::avx2) return avx2::kSparseKernels;
#endif
#ifdef CLEAVE_ARM64
  if (isa == Isa::neon) return neon::kSparseKernels;
#endif
  return baseline::kSparseKernels;
}

}  // namespace

const SparseKernels& sparse_kernels() { return table_of(chosen_isa()); }

const SparseKernels* sparse_kernels_for(const char* isa_name) {
  const std::optional<Isa> isa = isa_of(isa_name);
  return isa && is_supported(*isa) ? &table_of(*isa) : nullptr;
}

}  // namespace cleave
