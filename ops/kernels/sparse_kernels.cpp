#include "ops/kernels/sparse_kernels.h"

#include <string_view>

#include "ops/kernels/train_kernels.h"

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

namespace {

const SparseKernels& table_of([[maybe_unused]] std::string_view isa) {
#ifdef CLEAVE_X86
  if (isa == "avx512") return avx512::kSparseKernels;
  if (isa == "avx2") return avx2::kSparseKernels;
#endif
  return baseline::kSparseKernels;
}

}  // namespace

const SparseKernels& sparse_kernels() { return table_of(train_kernels().isa_name); }

const SparseKernels* sparse_kernels_for(const char* isa_name) {
  return train_kernels_for(isa_name) == nullptr ? nullptr : &table_of(isa_name);
}

}  // namespace cleave
