// The machine a measurement was made on, in the words of its system.
#pragma once

#include <string>
#include <utility>
#include <vector>

namespace cleave {

// Returns processor, cores, memory, kernel, instruction set of our kernels, frequency governor where it can be read,
// cleave's version and the time (UTC), as pairs of a word and a text; what the system does not tell is left out.
std::vector<std::pair<std::string, std::string>> host_facts();

}  // namespace cleave
