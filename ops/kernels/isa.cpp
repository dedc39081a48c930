#include "ops/kernels/isa.h"

#include <algorithm>
#include <cstdlib>
#include <string>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "ops/core/catalog.h"
#include "ops/core/error.h"

namespace cleave {

namespace {

constexpr const char* kVariable = "CLEAVE_ISA";
constexpr Isa kAll[] = {Isa::baseline, Isa::avx2, Isa::avx512, Isa::neon};  // the fastest last

std::vector<std::string> names_of(const std::vector<Isa>& isas) {
  std::vector<std::string> names;
  for (const Isa isa : isas) names.emplace_back(to_text(isa));
  return names;
}

// What CLEAVE_ISA says; empty = nothing.
std::string_view wanted() {
  const char* value = std::getenv(kVariable);
  return value == nullptr ? "" : value;
}

Isa choose() {
  const std::optional<Isa> isa = isa_of(wanted());
  return isa && is_supported(*isa) ? *isa : supported_isas().back();
}

}  // namespace

const char* to_text(Isa isa) {
  switch (isa) {
    case Isa::baseline: return "baseline";
    case Isa::avx2: return "avx2";
    case Isa::avx512: return "avx512";
    case Isa::neon: return "neon";
  }
  return "";
}

std::optional<Isa> isa_of(std::string_view name) {
  for (const Isa isa : kAll)
    if (name == to_text(isa)) return isa;
  return std::nullopt;
}

bool is_supported(Isa isa) {
#ifdef CLEAVE_X86
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if (isa == Isa::avx2) return avx2;
  if (isa == Isa::avx512)
    return avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
#endif
#ifdef CLEAVE_ARM64
  if (isa == Isa::neon) return true;  // every 64-bit ARM has it
#endif
  return isa == Isa::baseline;
}

std::vector<Isa> supported_isas() {
  std::vector<Isa> isas;
  std::copy_if(std::begin(kAll), std::end(kAll), std::back_inserter(isas), is_supported);
  return isas;
}

Isa chosen_isa() {
  static const Isa chosen = choose();  // once: kernels ask for every call
  return chosen;
}

void check_chosen_isa() {
  const std::string name(wanted());
  if (name.empty()) return;
  const std::string right = fmt::format("{}", fmt::join(names_of(supported_isas()), ", "));
  const std::optional<Isa> isa = isa_of(name);
  if (isa && is_supported(*isa)) return;
  if (isa)
    throw UserError(
        fmt::format("{}={}: this processor and this build of cleave have no such instructions; they can "
                    "run {}",
                    kVariable, name, right));
  const std::string near = closest_name(name, names_of({std::begin(kAll), std::end(kAll)}));
  throw UserError(fmt::format("{}={}: no such instruction set{}; this processor can run {}", kVariable, name,
                              near.empty() ? "" : fmt::format(", did you mean '{}'?", near), right));
}

}  // namespace cleave
