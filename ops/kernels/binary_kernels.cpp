#include "ops/kernels/binary_kernels.h"

#include "ops/kernels/isa.h"

namespace cleave {

namespace baseline {
extern const BinaryKernels kBinaryKernels;
}
#ifdef CLEAVE_X86
namespace avx2 {
extern const BinaryKernels kBinaryKernels;
}
namespace avx512 {
extern const BinaryKernels kBinaryKernels;
}
namespace avx512_popcnt {
extern const BinaryKernels kBinaryKernels;
}
#endif
#ifdef CLEAVE_ARM64
namespace neon {
extern const BinaryKernels kBinaryKernels;
}
#endif

namespace {

const BinaryKernels& table_of([[maybe_unused]] Isa isa) {
#ifdef CLEAVE_X86
  if (isa == Isa::avx512) return avx512::kBinaryKernels;
  if (isa == Isa::avx2) return avx2::kBinaryKernels;
#endif
#ifdef CLEAVE_ARM64
  if (isa == Isa::neon) return neon::kBinaryKernels;
#endif
  return baseline::kBinaryKernels;
}

// The table for processors that count the bits of whole words; null: not one of them.
const BinaryKernels* counting_table() {
#ifdef CLEAVE_X86
  if (is_supported(Isa::avx512) && __builtin_cpu_supports("avx512vpopcntdq") != 0)
    return &avx512_popcnt::kBinaryKernels;
#endif
  return nullptr;
}

}  // namespace

const BinaryKernels& binary_kernels() {
  static const BinaryKernels* counting = counting_table();
  return chosen_isa() == Isa::avx512 && counting != nullptr ? *counting : table_of(chosen_isa());
}

const BinaryKernels* binary_kernels_for(std::string_view isa_name) {
  if (isa_name == "avx512_popcnt") return counting_table();
  const std::optional<Isa> isa = isa_of(isa_name);
  return isa && is_supported(*isa) ? &table_of(*isa) : nullptr;
}

}  // namespace cleave
