// Where a chain of devices may be cut under a limit on transfers, and how much of "who was last" matters for that.
#pragma once

#include <vector>

#include "partitioner/bits.h"
#include "partitioner/problem.h"

namespace cleave {

// Kinds of one class can be told apart by where they may send at all (`send`), but not by whom they reach from there.
// With links all alike, or each as fast as its slower end, there is one class only.
struct LinkSets {
  std::vector<Bits> send;                  // [kind]: positions at which it reaches some other device
  std::vector<int> class_of;               // [kind]
  std::vector<std::vector<Bits>> receive;  // [class][kind]: with a cut there that the sender may make, it is reached
  std::vector<char> enter;                 // [kind]: may run the first stage

  int classes() const { return static_cast<int>(receive.size()); }
};
LinkSets link_sets(const Problem& problem, double limit_s);

// Whether the transfer is possible and within the limit, by the same arithmetic.
bool is_link_within(const Problem& problem, int from_kind, int to_kind, int at_position, double limit_s);
// Whether the input and all shares of a split head reach a first stage on this kind.
bool is_entry_within(const Problem& problem, int kind, double limit_s);

}  // namespace cleave
