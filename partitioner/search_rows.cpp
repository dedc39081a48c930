#include <algorithm>
#include <bit>

#include "partitioner/search_bound.h"

namespace cleave {

namespace {

constexpr std::size_t kKeptStages = 2500000;  // with more, rows are made when asked for
constexpr double kAlways = 3e7;               // so many steps are quicker than anyone's time limit

std::size_t at(int index) { return static_cast<std::size_t>(index); }

}  // namespace

bool can_follow(const Problem& problem, int kind, int other) {
  return kind != other || problem.kinds[at(kind)].count() > 1;
}

StageRows::StageRows(const Problem& of, double limit_s, const Deadline& deadline)
    : problem(of), period_limit_s(limit_s) {
  const int kinds = static_cast<int>(problem.kinds.size());
  size_ = static_cast<double>(kinds) * problem.positions * problem.positions / 2;
  find_least_transfers();
  pinned_.assign(at(problem.positions), 0);
  for (const std::vector<int>& done : problem.pinned)
    for (std::size_t p = 0; p < done.size(); ++p) pinned_[p] += done[p];
  std::vector<StageEnd> ends;
  for (int kind = 0; kind < kinds; ++kind) {
    if (size_ > kAlways && deadline.over()) return;
    for (int from = 0; from < problem.positions; ++from) {
      ends.clear();
      fill(kind, from, ends);
      rows_.push_back(row_of(kind, from, ends));
      if (rows_.back().plain || ends_.size() + ends.size() > kKeptStages) continue;
      rows_.back().kept = ends_.size();
      ends_.insert(ends_.end(), ends.begin(), ends.end());
    }
  }
}

void StageRows::find_least_transfers() {
  const int kinds = static_cast<int>(problem.kinds.size());
  least_receive_s_.assign(at(kinds) * at(problem.positions), kInfinity);
  least_send_s_ = least_receive_s_;
  for (int kind = 0; kind < kinds; ++kind) {
    for (int other = 0; other < kinds; ++other) {
      if (!can_follow(problem, kind, other)) continue;
      for (int cut = 1; cut < problem.last(); ++cut) {
        double& receive = least_receive_s_[index(kind, cut)];
        double& send = least_send_s_[index(kind, cut)];
        receive = std::min(receive, transfer_s(problem, other, kind, cut));
        send = std::min(send, transfer_s(problem, kind, other, cut));
      }
    }
    least_receive_s_[index(kind, 0)] = problem.entry_s[at(kind)];
    least_send_s_[index(kind, problem.last())] = 0;
  }
}

StageRows::Row StageRows::row_of(int kind, int from, const std::vector<StageEnd>& ends) const {
  Row row;
  row.count = ends.size();
  if (ends.empty()) return row;
  row.first = ends.front().to;
  row.last = ends.back().to;
  const auto measured = problem.measured_s[at(kind)].lower_bound({from, 0});
  const bool has_measured = measured != problem.measured_s[at(kind)].end() && measured->first.first == from;
  row.plain = !has_measured && row.last - row.first + 1 == static_cast<int>(ends.size());
  return row;
}

std::span<const StageEnd> StageRows::row(int kind, int from, std::vector<StageEnd>& scratch) const {
  const Row& row = about(kind, from);
  if (row.kept < ends_.size()) return {ends_.data() + row.kept, row.count};
  scratch.clear();
  if (row.count == 0) return {};
  if (!row.plain) {
    fill(kind, from, scratch);
    return scratch;
  }
  const double* done = problem.done_s[at(kind)].data();
  for (int to = row.first; to <= row.last; ++to) scratch.push_back({to, done[to] - done[from]});
  return scratch;
}

double StageRows::least_busy_s(int kind, int from, const StageEnd& end) const {
  const double receive = least_receive_s_[index(kind, from)], send = least_send_s_[index(kind, end.to)];
  return std::max({problem.model->busy_s(end.compute_s, receive, send, false), receive, send});
}

bool StageRows::is_kept(int kind, int from, const StageEnd& end) const {
  const double memory = problem.held_bytes[at(end.to)] - problem.held_bytes[at(from)] + problem.in_bytes[at(from)] +
                        problem.out_bytes[at(end.to)];
  if (memory > problem.kinds[at(kind)].memory_bytes) return false;
  if (!problem.pinned.empty()) {
    const std::vector<int>& own = problem.pinned[at(kind)];
    const int inside = own[at(end.to)] - own[at(from)];
    if (inside != own.back() || pinned_[at(end.to)] - pinned_[at(from)] != inside) return false;
  }
  const double busy = least_busy_s(kind, from, end);
  return busy < kInfinity && busy <= period_limit_s;
}

void StageRows::fill(int kind, int from, std::vector<StageEnd>& out) const {
  const std::vector<double>& done = problem.done_s[at(kind)];
  const auto& measured = problem.measured_s[at(kind)];
  auto row = measured.lower_bound({from, 0});
  const auto add = [&](int to) {
    while (row != measured.end() && row->first < std::pair(from, to)) ++row;
    const bool is_measured = row != measured.end() && row->first == std::pair(from, to);
    const StageEnd end{to, is_measured ? row->second : done[at(to)] - done[at(from)]};
    if (is_kept(kind, from, end)) out.push_back(end);
  };
  if (problem.after.empty()) {
    for (int to = from + 1; to < problem.positions; ++to) add(to);
    return;
  }
  const std::vector<std::uint64_t>& after = problem.after[at(from)];
  for (std::size_t word = 0; word < after.size(); ++word)
    for (std::uint64_t bits = after[word]; bits != 0; bits &= bits - 1)
      add(static_cast<int>(word * 64) + std::countr_zero(bits));
}

}  // namespace cleave
