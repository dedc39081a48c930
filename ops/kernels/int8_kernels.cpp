#include "ops/kernels/int8_kernels.h"

#include "ops/kernels/isa.h"

namespace cleave {

namespace baseline {
extern const Int8Kernels kInt8Kernels;
}
#ifdef CLEAVE_X86
namespace avx2 {
extern const Int8Kernels kInt8Kernels;
}
namespace avx512 {
extern const Int8Kernels kInt8Kernels;
}
namespace avx512_vnni {
extern const Int8Kernels kInt8Kernels;
}
#endif
#ifdef CLEAVE_ARM64
namespace neon {
extern const Int8Kernels kInt8Kernels;
}
#endif

namespace {

const Int8Kernels& table_of([[maybe_unused]] Isa isa) {
#ifdef CLEAVE_X86
  if (isa == Isa::avx512) return avx512::kInt8Kernels;
  if (isa == Isa::avx2) return avx2::kInt8Kernels;
#endif
#ifdef CLEAVE_ARM64
  if (isa == Isa::neon) return neon::kInt8Kernels;
#endif
  return baseline::kInt8Kernels;
}

// The table for processors that multiply and add bytes; null: not one of them.
const Int8Kernels* dot_table() {
#ifdef CLEAVE_X86
  if (is_supported(Isa::avx512) && __builtin_cpu_supports("avx512vnni") != 0) return &avx512_vnni::kInt8Kernels;
#endif
  return nullptr;
}

}  // namespace

const Int8Kernels& int8_kernels() {
  static const Int8Kernels* dot = dot_table();
  return chosen_isa() == Isa::avx512 && dot != nullptr ? *dot : table_of(chosen_isa());
}

const Int8Kernels* int8_kernels_for(std::string_view isa_name) {
  if (isa_name == "avx512_vnni") return dot_table();
  const std::optional<Isa> isa = isa_of(isa_name);
  return isa && is_supported(*isa) ? &table_of(*isa) : nullptr;
}

}  // namespace cleave
