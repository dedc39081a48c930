#include "engine/mcmc/weight_blocks.h"

#include <algorithm>

namespace cleave {

namespace {

std::int64_t row_length(const WeightSlot& slot) { return element_count(slot.shape) / slot.shape.front(); }

}  // namespace

Selection whole_blocks(std::vector<WeightRef> refs, std::span<const WeightSlot> slots, std::int64_t block) {
  if (block == 1) return {std::move(refs), {}};
  Selection selection;
  WeightRef last{-1, 0};  // of the blocks so far
  for (const WeightRef& ref : refs) {
    if (ref <= last) continue;
    const std::int64_t row = row_length(slots[static_cast<std::size_t>(ref.array)]);
    const std::int64_t begin = ref.index - ref.index % row % block;
    const std::int64_t end = std::min(begin + block, ref.index - ref.index % row + row);
    for (std::int64_t i = begin; i < end; ++i) selection.refs.push_back({ref.array, i});
    last = selection.refs.back();
    selection.block_ends.push_back(selection.refs.size());
  }
  return selection;
}

std::vector<std::size_t> block_ends_of(const WeightSlot& slot, std::int64_t block) {
  std::vector<std::size_t> ends;
  const std::int64_t row = row_length(slot);
  for (std::int64_t begin = 0; begin < element_count(slot.shape); begin += row)
    for (std::int64_t end = 0; end < row;) {
      end = std::min(end + block, row);
      ends.push_back(static_cast<std::size_t>(begin + end));
    }
  return ends;
}

}  // namespace cleave
