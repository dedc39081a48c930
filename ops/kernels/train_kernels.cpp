#include "ops/kernels/train_kernels.h"

#include <string_view>

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

namespace {

#ifdef CLEAVE_X86
bool has_avx2() { return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"); }

bool has_avx512() {
  return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
}
#endif

}  // namespace

const TrainKernels& train_kernels() {
#ifdef CLEAVE_X86
  if (has_avx512()) return avx512::kTrainKernels;
  if (has_avx2()) return avx2::kTrainKernels;
#endif
  return baseline::kTrainKernels;
}

const TrainKernels* train_kernels_for(const char* isa_name) {
  const std::string_view name = isa_name;
#ifdef CLEAVE_X86
  if (name == "avx512") return has_avx512() ? &avx512::kTrainKernels : nullptr;
  if (name == "avx2") return has_avx2() ? &avx2::kTrainKernels : nullptr;
#endif
  return name == "baseline" ? &baseline::kTrainKernels : nullptr;
}

}  // namespace cleave
