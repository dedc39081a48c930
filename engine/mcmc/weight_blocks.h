// Blocks of weights that are zero together (block_spike_slab): runs of `block` consecutive weights of one filter's row,
// from its start; the last of a row may be shorter. Each bias or gain is a block of its own.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "engine/mcmc/selectors.h"

namespace cleave {

// What a selector picked, whole blocks of it.
struct Selection {
  std::vector<WeightRef> refs;          // ascending
  std::vector<std::size_t> block_ends;  // places in `refs`; empty where the block is 1
};

// Returns the blocks of these weights that have at least one of `refs` in them.
Selection whole_blocks(std::vector<WeightRef> refs, std::span<const WeightSlot> slots, std::int64_t block);
// Returns where the blocks of one whole array end, ascending.
std::vector<std::size_t> block_ends_of(const WeightSlot& slot, std::int64_t block);

}  // namespace cleave
