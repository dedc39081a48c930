// Weights that a worker keeps from one run to the next, by their hash: what was sent once need not be sent again.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace cleave {

inline constexpr std::size_t kKeptWeights = 8;  // files; the oldest go

// Reads FOLDER/HASH.safetensors; false when it is not there, cannot be read or is not what its name says.
bool read_kept_weights(const std::string& folder, const std::string& hash, std::vector<std::byte>& weights);

// Writes it, whole or not at all, and makes the folder where there is none. Throws RunError when the disk does not take
// it.
void write_kept_weights(const std::string& folder, const std::string& hash, std::span<const std::byte> weights);

}  // namespace cleave
