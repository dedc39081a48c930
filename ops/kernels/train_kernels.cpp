#include "ops/kernels/train_kernels.h"

#include "ops/kernels/isa.h"

namespace cleave {

namespace baseline {
extern const TrainKernels kTrainKernels;
}
#ifdef CLEAVE_X86
namespace avx2 {
extern const TrainKernels kTrainKernels;
}
namespace avx512 {
extern const TrainKernels kTrainKernels;
}
#endif
#ifdef CLEAVE_ARM64
namespace neon {
extern const TrainKernels kTrainKernels;
}
#endif

namespace {

const TrainKernels& table_of([[maybe_unused]] Isa isa) {
#ifdef CLEAVE_X86
  if (isa == Isa::avx512) return avx512::kTrainKernels;
  if (isa == Isa::avx2) return avx2::kTrainKernels;
#endif
#ifdef CLEAVE_ARM64
  if (isa == Isa::neon) return neon::kTrainKernels;
#endif
  return baseline::kTrainKernels;
}

}  // namespace

const TrainKernels& train_kernels() { return table_of(chosen_isa()); }

const TrainKernels* train_kernels_for(const char* isa_name) {
  const std::optional<Isa> isa = isa_of(isa_name);
  return isa && is_supported(*isa) ? &table_of(*isa) : nullptr;
}

}  // namespace cleave
