#include <bit>
#include <cassert>

#include "partitioner/search_labels.h"

namespace cleave {

namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }

}  // namespace

DeviceSets::DeviceSets(const Problem& problem) {
  std::array<int, 2> taken{};
  for (const DeviceKind& kind : problem.kinds) {
    const int bits = std::bit_width(static_cast<unsigned>(kind.count()));
    const std::size_t word = taken[0] + bits + 1 <= 64 ? 0 : 1;
    assert(taken[word] + bits + 1 <= 64);  // kMaxDevices fit: a kind of n devices takes at most 2 n bits
    fields_.push_back({word, taken[word], bits, kind.count()});
    taken[word] += bits + 1;
    spare_[word] |= std::uint64_t{1} << (taken[word] - 1);
  }
}

int DeviceSets::count(const DeviceSet& set, int kind) const {
  const Field& field = fields_[at(kind)];
  return static_cast<int>(set[field.word] >> field.shift & ((std::uint64_t{1} << field.bits) - 1));
}

bool DeviceSets::has_free(const DeviceSet& set, int kind) const { return count(set, kind) < fields_[at(kind)].most; }

void DeviceSets::add(DeviceSet& set, int kind) const {
  set[fields_[at(kind)].word] += std::uint64_t{1} << fields_[at(kind)].shift;
}

bool DeviceSets::is_within(const DeviceSet& small, const DeviceSet& large) const {
  // A field that is smaller borrows its spare bit.
  return (((large[0] | spare_[0]) - small[0]) & spare_[0]) == spare_[0] &&
         (((large[1] | spare_[1]) - small[1]) & spare_[1]) == spare_[1];
}

}  // namespace cleave
