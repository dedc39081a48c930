// Which stages a kind of device may run, as sets of ends for every start.
#pragma once

#include <vector>

#include "partitioner/bits.h"
#include "partitioner/problem.h"

namespace cleave {

// What memory and pins allow, whatever the time: [start] -> ends first … last, all of them or those in a bit set.
struct AllowedStages {
  struct Row {
    int first = 1, last = 0;
    std::ptrdiff_t bits = -1;  // where in `bits`; -1 = the whole interval
  };
  std::vector<Row> rows;
  Bits bits;
};
AllowedStages allowed_stages(const Problem& problem, int kind);

// What a limit on the stage's time leaves of them. On a chain the ends of a start are an interval, and a later start's
// interval begins and ends no earlier, but for what buffers and measured stages take out of it; then the union over a
// set of starts needs one jump for each gap. What does not fit the pattern is kept as bit sets.
struct StageSets {
  std::vector<int> near, far;  // [start]: ends near … far, for those in `starts`
  Bits starts;
  std::vector<int> latest;          // [position]: the last of `starts` whose near is there or before; -1 = none
  Bits odd_starts;                  // starts with further ends
  std::vector<std::ptrdiff_t> odd;  // [start]: where their set begins in odd_bits; -1 = none
  Bits odd_bits;
  double capacity = 0;  // the most work one stage can do
};
// `work`: a measure of the work done at each position; the capacity is the most any stage adds to it.
void set_stage_sets(const Problem& problem, int kind, const AllowedStages& allowed, const std::vector<double>& work,
                    double least_s, double most_s, StageSets& sets);

// Adds to `ends` where stages from any of `starts` may end. `words` each.
void add_ends(const StageSets& sets, const std::uint64_t* starts, int words, std::uint64_t* ends);

// Whether the stage is one of them, by the same arithmetic.
bool is_within(const Problem& problem, const Stage& stage, double least_s, double most_s);

}  // namespace cleave
