#include "partitioner/search_coarse.h"

#include <algorithm>

namespace cleave {

namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }

template <typename T>
void keep(std::vector<T>& row, const std::vector<int>& kept) {
  for (std::size_t i = 0; i < kept.size(); ++i) row[i] = row[at(kept[i])];
  row.resize(kept.size());
}

}  // namespace

std::vector<int> narrow_cuts(const Problem& problem, int most) {
  std::vector<int> kept = {0};
  const int inner = problem.positions - 2, runs = std::min(most - 2, inner);
  const auto sends_less = [&](int a, int b) { return problem.sent_bytes[at(a)] < problem.sent_bytes[at(b)]; };
  for (int run = 0; run < runs; ++run) {
    const int begin = 1 + static_cast<int>(std::int64_t{inner} * run / runs);
    const int end = 1 + static_cast<int>(std::int64_t{inner} * (run + 1) / runs);
    int best = begin;
    for (int cut = begin; cut < end; ++cut) best = std::min(best, cut, sends_less);
    kept.push_back(best);
  }
  kept.push_back(problem.last());
  return kept;
}

Problem keep_positions(const Problem& problem, const std::vector<int>& kept) {
  Problem coarse = problem;
  coarse.positions = static_cast<int>(kept.size());
  for (std::vector<double>& row : coarse.done_s) keep(row, kept);
  for (std::vector<double>* row : {&coarse.held_bytes, &coarse.in_bytes, &coarse.out_bytes, &coarse.sent_bytes})
    keep(*row, kept);
  for (std::vector<int>& row : coarse.pinned) keep(row, kept);
  if (!problem.after.empty()) coarse.after.assign(kept.size(), std::vector<std::uint64_t>((kept.size() + 63) / 64));
  for (std::size_t kind = 0; kind < problem.kinds.size(); ++kind) coarse.measured_s[kind].clear();
  for (int from = 0; from < coarse.positions; ++from)
    for (int to = from + 1; to < coarse.positions; ++to) {
      const int first = kept[at(from)], last = kept[at(to)];
      if (!problem.after.empty() && is_after(problem, first, last))
        coarse.after[at(from)][at(to) / 64] |= std::uint64_t{1} << (at(to) % 64);
      for (std::size_t kind = 0; kind < problem.kinds.size(); ++kind) {
        const auto row = problem.measured_s[kind].find({first, last});
        if (row != problem.measured_s[kind].end()) coarse.measured_s[kind][{from, to}] = row->second;
      }
    }
  return coarse;
}

}  // namespace cleave
