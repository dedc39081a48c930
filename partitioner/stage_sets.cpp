#include "partitioner/stage_sets.h"

#include <algorithm>

namespace cleave {

namespace {

std::size_t at(std::ptrdiff_t index) { return static_cast<std::size_t>(index); }

// True when no stage whatever needs more than the kind has.
bool has_room_for_all(const Problem& problem, int kind) {
  const auto greatest = [](const std::vector<double>& v) { return *std::max_element(v.begin(), v.end()); };
  const auto least = [](const std::vector<double>& v) { return *std::min_element(v.begin(), v.end()); };
  return greatest(problem.held_bytes) - least(problem.held_bytes) + greatest(problem.in_bytes) +
             greatest(problem.out_bytes) <=
         problem.kinds[at(kind)].memory_bytes;
}

void keep_row(const Bits& row, AllowedStages& allowed) {
  const int words = static_cast<int>(row.size());
  AllowedStages::Row made;
  made.first = next_bit(row.data(), words, 0);
  made.last = previous_bit(row.data(), 64 * words - 1);
  if (made.first < 0) {
    allowed.rows.emplace_back();
    return;
  }
  int count = 0;
  for (const std::uint64_t word : row) count += std::popcount(word);
  if (count != made.last - made.first + 1) {
    made.bits = static_cast<std::ptrdiff_t>(allowed.bits.size());
    allowed.bits.insert(allowed.bits.end(), row.begin(), row.end());
  }
  allowed.rows.push_back(made);
}

// One start's ends while they are being worked out.
struct Row {
  int start = 0;
  int near = 0, far = 0;  // by time alone, on a chain
  Bits ends;
};

// Calls `visit` with every stage of the row that was measured as one and is allowed.
template <typename Visit>
void for_each_measured(const Problem& problem, int kind, int start, const Visit& visit) {
  const auto& measured = problem.measured_s[at(kind)];
  for (auto m = measured.lower_bound({start, 0}); m != measured.end() && m->first.first == start; ++m)
    visit(m->first.second, m->second);
}

bool has_measured(const Problem& problem, int kind, int start) {
  const auto& measured = problem.measured_s[at(kind)];
  if (measured.empty()) return false;
  const auto m = measured.lower_bound({start, 0});
  return m != measured.end() && m->first.first == start;
}

class SetMaker {
 public:
  SetMaker(const Problem& problem, int kind, const AllowedStages& allowed, const std::vector<double>& work,
           double least_s, double most_s, StageSets& sets)
      : problem_(problem),
        kind_(kind),
        allowed_(allowed),
        work_(work),
        least_s_(least_s),
        most_s_(most_s),
        words_(words_for(problem.positions)),
        sets_(sets) {}

  void make() {
    const std::size_t count = at(problem_.positions);
    sets_.near.assign(count, 1);
    sets_.far.assign(count, 0);
    sets_.odd.assign(count, -1);
    sets_.odd_bits.clear();
    sets_.starts.assign(words_, 0);
    sets_.odd_starts.assign(words_, 0);
    sets_.capacity = -1;
    int near = 1, far = 0;
    for (int start = 0; start < problem_.last(); ++start) {
      if (problem_.after.empty()) by_time(start, near, far);
      set_row(start, near, far);
    }
    keep_order();
    set_latest();
  }

 private:
  // Moves the interval of a chain's ends on to the next start. Differences of growing sums never fall, rounded or not.
  void by_time(int start, int& near, int& far) const {
    const std::vector<double>& done = problem_.done_s[at(kind_)];
    near = std::max(near, start + 1);
    far = std::max(far, start);
    while (near <= problem_.last() && !(done[at(near)] - done[at(start)] >= least_s_)) ++near;
    while (far < problem_.last() && done[at(far + 1)] - done[at(start)] <= most_s_) ++far;
  }

  void set_row(int start, int near, int far) {
    const AllowedStages::Row& row = allowed_.rows[at(start)];
    if (row.first > row.last) return;
    const bool chain = problem_.after.empty();
    const bool measured = has_measured(problem_, kind_, start);
    if (chain && row.bits < 0 && !measured) {
      sets_.near[at(start)] = std::max(near, row.first);
      sets_.far[at(start)] = std::min(far, row.last);
      if (sets_.near[at(start)] <= sets_.far[at(start)]) raise_capacity(start, sets_.far[at(start)]);
      return;
    }
    ends_.assign(words_, 0);
    set_bits(ends_.data(), std::max(near, row.first), std::min(far, row.last));
    if (!chain) set_by_difference(start, row);
    if (row.bits >= 0)
      for (std::size_t w = 0; w < words_; ++w) ends_[w] &= allowed_.bits[at(row.bits) + w];
    if (measured) set_measured(start, row);
    split_row(start);
  }

  void set_by_difference(int start, const AllowedStages::Row& row) {
    const std::vector<double>& done = problem_.done_s[at(kind_)];
    ends_.assign(words_, 0);
    for (int end = row.first; end <= row.last; ++end) {
      const double seconds = done[at(end)] - done[at(start)];
      if (least_s_ <= seconds && seconds <= most_s_) set_bit(ends_.data(), end);
    }
  }

  void set_measured(int start, const AllowedStages::Row& row) {
    for_each_measured(problem_, kind_, start, [&](int end, double seconds) {
      if (end < row.first || end > row.last) return;
      if (row.bits >= 0 && !has_bit(&allowed_.bits[at(row.bits)], end)) return;
      if (least_s_ <= seconds && seconds <= most_s_) set_bit(ends_.data(), end);
      else clear_bit(ends_.data(), end);
    });
  }

  // The first run of ends is the interval; what lies behind it is odd.
  void split_row(int start) {
    const int words = static_cast<int>(words_);
    const int first = next_bit(ends_.data(), words, 0);
    if (first < 0) return;
    int end = first;
    while (end < problem_.last() && has_bit(ends_.data(), end + 1)) ++end;
    sets_.near[at(start)] = first;
    sets_.far[at(start)] = end;
    for (int b = first; b >= 0; b = b < problem_.last() ? next_bit(ends_.data(), words, b + 1) : -1) {
      raise_capacity(start, b);
      if (b > end) set_bit(odd_of(start), b);
    }
  }

  void raise_capacity(int start, int end) {
    sets_.capacity = std::max(sets_.capacity, work_[at(end)] - work_[at(start)]);
  }

  std::uint64_t* odd_of(int start) {
    if (sets_.odd[at(start)] < 0) {
      sets_.odd[at(start)] = static_cast<std::ptrdiff_t>(sets_.odd_bits.size());
      sets_.odd_bits.resize(sets_.odd_bits.size() + words_);
      set_bit(sets_.odd_starts.data(), start);
    }
    return &sets_.odd_bits[at(sets_.odd[at(start)])];
  }

  // Cuts the intervals so that neither end falls from start to start; what is cut off is odd.
  void keep_order() {
    int least_far = problem_.last();
    for (int start = problem_.last() - 1; start >= 0; --start) {
      if (sets_.near[at(start)] > sets_.far[at(start)]) continue;
      int& far = sets_.far[at(start)];
      if (far > least_far) set_bits(odd_of(start), std::max(least_far + 1, sets_.near[at(start)]), far);
      least_far = far = std::min(far, least_far);
    }
    int greatest_near = 0;
    for (int start = 0; start < problem_.last(); ++start) {
      int& near = sets_.near[at(start)];
      const int far = sets_.far[at(start)];
      if (near > far) continue;
      if (near < greatest_near) set_bits(odd_of(start), near, std::min(greatest_near - 1, far));
      greatest_near = near = std::max(near, greatest_near);
      if (near <= far) set_bit(sets_.starts.data(), start);
    }
  }

  void set_latest() {
    sets_.latest.assign(at(problem_.positions), -1);
    for (int start = 0; start < problem_.last(); ++start)
      if (has_bit(sets_.starts.data(), start)) sets_.latest[at(sets_.near[at(start)])] = start;
    for (std::size_t p = 1; p < sets_.latest.size(); ++p)
      sets_.latest[p] = std::max(sets_.latest[p], sets_.latest[p - 1]);
  }

  const Problem& problem_;
  const int kind_;
  const AllowedStages& allowed_;
  const std::vector<double>& work_;
  const double least_s_, most_s_;
  const std::size_t words_;
  StageSets& sets_;
  Bits ends_;
};

}  // namespace

AllowedStages allowed_stages(const Problem& problem, int kind) {
  AllowedStages allowed;
  const bool all = has_room_for_all(problem, kind) && problem.pinned.empty();
  for (int start = 0; start <= problem.last(); ++start) {
    if (all && problem.after.empty()) {
      allowed.rows.push_back({start + 1, problem.last(), -1});
      continue;
    }
    Bits row(words_for(problem.positions));
    for (int end = start + 1; end <= problem.last(); ++end)
      if (is_after(problem, start, end) && (all || is_allowed(problem, {kind, start, end}))) set_bit(row.data(), end);
    keep_row(row, allowed);
  }
  return allowed;
}

void set_stage_sets(const Problem& problem, int kind, const AllowedStages& allowed, const std::vector<double>& work,
                    double least_s, double most_s, StageSets& sets) {
  SetMaker(problem, kind, allowed, work, least_s, most_s, sets).make();
}

void add_ends(const StageSets& sets, const std::uint64_t* starts, int words, std::uint64_t* ends) {
  const auto next_start = [&](int from) {
    for (int w = from / 64; w < words; ++w) {
      const std::uint64_t word = starts[w] & sets.starts[at(w)] & (w == from / 64 ? bits_from(from % 64) : ~0ULL);
      if (word != 0) return 64 * w + std::countr_zero(word);
    }
    return -1;
  };
  const auto start_before = [&](int up_to) {
    for (int w = up_to / 64; w >= 0; --w) {
      const std::uint64_t word = starts[w] & sets.starts[at(w)] & (w == up_to / 64 ? bits_up_to(up_to % 64) : ~0ULL);
      if (word != 0) return 64 * w + 63 - std::countl_zero(word);
    }
    return -1;
  };
  for (int start = next_start(0); start >= 0; start = start + 1 < 64 * words ? next_start(start + 1) : -1) {
    const int near = sets.near[at(start)];
    int far = sets.far[at(start)];
    // The last start whose interval begins inside this one takes it furthest.
    for (;;) {
      start = start_before(sets.latest[at(far)]);
      if (sets.far[at(start)] <= far) break;
      far = sets.far[at(start)];
    }
    set_bits(ends, near, far);
  }
  for (int w = 0; w < words; ++w) {
    for (std::uint64_t odd = starts[w] & sets.odd_starts[at(w)]; odd != 0; odd &= odd - 1) {
      const std::uint64_t* const row = &sets.odd_bits[at(sets.odd[at(64 * w + std::countr_zero(odd))])];
      for (int v = w; v < words; ++v) ends[v] |= row[v];
    }
  }
}

bool is_within(const Problem& problem, const Stage& stage, double least_s, double most_s) {
  if (!is_after(problem, stage.from, stage.to) || !is_allowed(problem, stage)) return false;
  const double seconds = compute_s(problem, stage);
  return least_s <= seconds && seconds <= most_s;
}

}  // namespace cleave
