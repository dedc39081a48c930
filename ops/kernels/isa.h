// Instruction sets: which of them this processor can run, and which one the kernels use.
//
// The files ops/kernels/isa_*.cpp are compiled once for each; a table of functions per set is picked by chosen_isa().
// The environment variable CLEAVE_ISA forces one; check_chosen_isa() refuses what cannot be obeyed before anything
// runs.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace cleave {

// `baseline` is what every processor of the build's architecture can run. avx512 means F, BW, VL and DQ.
enum class Isa : std::uint8_t { baseline, avx2, avx512, neon };

// Returns "baseline", "avx2", "avx512" or "neon".
const char* to_text(Isa isa);
// Returns the set of that name, nothing where there is none.
std::optional<Isa> isa_of(std::string_view name);
// True when this build has kernels for the set and this processor can run them.
bool is_supported(Isa isa);
// Returns the sets that are supported, the fastest last.
std::vector<Isa> supported_isas();
// Returns the set that CLEAVE_ISA named when the program first asked, the fastest one where it named none that is
// supported.
Isa chosen_isa();
// Throws UserError when CLEAVE_ISA is set to what is no instruction set or not supported.
void check_chosen_isa();

}  // namespace cleave
