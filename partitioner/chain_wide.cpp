// Reach where there are too many combinations of devices to try them all: level by level (one more device each), only
// the most promising combinations go on. A combination's promise is the work that would be left over if every device
// not used did all it can; what counts is thus how little the devices used so far have wasted. As long as nothing is
// dropped the answer is exact; a plan that is found is one in any case. O(stages·width·K) unions of stages a question.
#include <algorithm>
#include <unordered_map>

#include "partitioner/chain.h"

namespace cleave {

namespace {

std::size_t at(std::ptrdiff_t index) { return static_cast<std::size_t>(index); }

// How many devices of each kind: as many bits for a kind as its count needs. There are 64 devices at most, so that 64
// bits do.
struct Packing {
  std::vector<int> shift, width;  // [kind]

  explicit Packing(const std::vector<int>& counts) {
    int begin = 0;
    for (const int count : counts) {
      shift.push_back(begin);
      width.push_back(static_cast<int>(std::bit_width(static_cast<unsigned>(count))));
      begin += width.back();
    }
  }
  int used(std::uint64_t key, int kind) const {
    return static_cast<int>(key >> shift[at(kind)] & bits_up_to(width[at(kind)] - 1));
  }
  std::uint64_t one(int kind) const { return std::uint64_t{1} << shift[at(kind)]; }
};

// A combination of devices with the class of the last.
struct Name {
  std::uint64_t key = 0;
  int link_class = 0;

  bool operator==(const Name&) const = default;
};
struct NameHash {
  std::size_t operator()(const Name& name) const {
    const std::uint64_t mixed = (name.key + static_cast<std::uint64_t>(name.link_class)) * 0x9E3779B97F4A7C15U;
    return mixed ^ mixed >> 32;
  }
};

struct Spot {
  Name name;
  double rest = 0;       // work the devices not used can do
  double promise = 0;    // work that would be left over
  std::size_t ends = 0;  // where its set begins, in sets
};

struct Level {
  std::vector<Spot> spots;
  Bits sets;
  std::unordered_map<Name, std::size_t, NameHash> by_name;

  const std::uint64_t* find(const Name& name) const {
    const auto spot = by_name.find(name);
    return spot == by_name.end() ? nullptr : &sets[spots[spot->second].ends];
  }
};

}  // namespace

struct Reach::Wide {
  Reach& reach;
  const StageLimits& limits;
  Packing packing;
  std::vector<Level> levels;
  bool dropped = false;

  // Adds to `next` where the kind's stages may end when they begin where the spot is. True if that is the end.
  bool extend(const Level& level, const Spot* spot, int kind, int stages, Level& next) {
    const int words = reach.words_;
    const std::uint64_t key = spot == nullptr ? 0 : spot->name.key;
    if (packing.used(key, kind) == reach.counts_[at(kind)] || reach.stages_[at(kind)].capacity < 0) return false;
    std::uint64_t any = 0;
    for (int w = 0; w < words; ++w) {
      std::uint64_t& starts = reach.starts_[at(w)];
      if (spot == nullptr) starts = w == 0 && reach.links_.enter[at(kind)] != 0 ? 1 : 0;
      else starts = level.sets[spot->ends + at(w)] & reach.links_.receive[at(spot->name.link_class)][at(kind)][at(w)];
      any |= starts;
    }
    if (any == 0) return false;
    double rest = spot == nullptr ? reach.states_.front().rest : spot->rest;
    rest = std::max(0.0, rest - reach.stages_[at(kind)].capacity);
    std::fill(reach.ends_.begin(), reach.ends_.end(), 0);
    add_ends(reach.stages_[at(kind)], reach.starts_.data(), words, reach.ends_.data());
    reach.keep_needed(std::min(rest, (reach.most_stages_ - stages) * reach.most_capacity_), reach.ends_.data());
    const Name name{key + packing.one(kind), reach.links_.class_of[at(kind)]};
    if (has_bit(reach.ends_.data(), reach.problem_.last()) && is_enough(name.key, stages)) {
      merge(name, rest, kind, true, next);
      return true;
    }
    merge(name, rest, kind, false, next);
    return false;
  }

  void merge(const Name& name, double rest, int kind, bool with_end, Level& next) const {
    const int words = reach.words_;
    if (!with_end) clear_bit(reach.ends_.data(), reach.problem_.last());
    for (int w = 0; w < words && !with_end; ++w) reach.ends_[at(w)] &= reach.links_.send[at(kind)][at(w)];
    const int last = previous_bit(reach.ends_.data(), 64 * words - 1);
    if (last < 0) return;
    const auto [place, made] = next.by_name.emplace(name, next.spots.size());
    if (made) {
      next.spots.push_back({name, rest, 0, next.sets.size()});
      next.sets.insert(next.sets.end(), reach.ends_.begin(), reach.ends_.end());
    }
    Spot& spot = next.spots[place->second];
    for (int w = 0; w < words; ++w) next.sets[spot.ends + at(w)] |= reach.ends_[at(w)];
    double work = 0;
    if (reach.problem_.after.empty()) work = reach.work_[at(last)];
    else
      for (int p = next_bit(reach.ends_.data(), words, 0); p >= 0 && p <= last;
           p = p < last ? next_bit(reach.ends_.data(), words, p + 1) : -1)
        work = std::max(work, reach.work_[at(p)]);
    spot.promise = std::max(spot.promise, work + rest);
  }

  bool is_enough(std::uint64_t key, int stages) const {
    if (stages < reach.goal_.min_stages) return false;
    for (std::size_t k = 0; k < limits.least_used.size(); ++k)
      if (packing.used(key, static_cast<int>(k)) < limits.least_used[k]) return false;
    return true;
  }

  // Keeps the most promising.
  void narrow(Level& level) {
    if (level.spots.size() <= reach.width_) return;
    dropped = true;
    const auto before = [](const Spot& a, const Spot& b) {
      return a.promise != b.promise ? a.promise > b.promise : a.ends < b.ends;
    };
    std::nth_element(level.spots.begin(), level.spots.begin() + static_cast<std::ptrdiff_t>(reach.width_),
                     level.spots.end(), before);
    level.spots.resize(reach.width_);
    std::sort(level.spots.begin(), level.spots.end(), before);
    Level kept;
    for (Spot spot : level.spots) {
      kept.by_name.emplace(spot.name, kept.spots.size());
      const auto set = level.sets.begin() + static_cast<std::ptrdiff_t>(spot.ends);
      spot.ends = kept.sets.size();
      kept.sets.insert(kept.sets.end(), set, set + reach.words_);
      kept.spots.push_back(spot);
    }
    level = std::move(kept);
  }

  Found run(const Deadline& deadline) {
    levels.emplace_back();
    for (int stages = 1; stages <= reach.most_stages_; ++stages) {
      levels.emplace_back();
      const Level& level = levels[levels.size() - 2];
      Level& next = levels.back();
      const std::size_t count = stages == 1 ? 1 : level.spots.size();
      for (std::size_t i = 0; i < count; ++i) {
        if (i % 64 == 63 && deadline.is_over()) return {{}, true};
        const Spot* const spot = stages == 1 ? nullptr : &level.spots[i];
        for (int kind = 0; kind < static_cast<int>(reach.counts_.size()); ++kind)
          if (extend(level, spot, kind, stages, next)) return {trace(spot, kind), false};
      }
      narrow(next);
    }
    return {{}, dropped};
  }

  // The plan whose last stage runs on the kind, from where the spot is.
  Stages trace(const Spot* spot, int kind) const {
    Stages plan;
    int end = reach.problem_.last();
    Name before = spot == nullptr ? Name{} : spot->name;
    for (std::size_t level = levels.size() - 2;; --level) {
      const int start = level == 0 ? 0 : start_of(levels[level].find(before), before.link_class, kind, end);
      plan.insert(plan.begin(), {kind, start, end});
      if (level == 0) return plan;
      end = start;
      step_back(levels[level - 1], level == 1, before, end, kind);
    }
  }

  bool is_stage(int kind, int start, int end) const {
    return is_within(reach.problem_, {kind, start, end}, limits.least_of(at(kind)), limits.compute_s[at(kind)]);
  }

  // The last position in the set from which the kind's stage to `end` may begin; -1 if there is none.
  int start_of(const std::uint64_t* set, int link_class, int kind, int end) const {
    const std::uint64_t* const open = reach.links_.receive[at(link_class)][at(kind)].data();
    for (int start = end - 1; set != nullptr && start > 0; --start)
      if (has_bit(set, start) && has_bit(open, start) && is_stage(kind, start, end)) return start;
    return -1;
  }

  // Finds who ran the stage that ends at `end` with the combination `name`, and the combination before that.
  void step_back(const Level& level, bool first, Name& name, int end, int& kind) const {
    for (kind = 0; kind < static_cast<int>(reach.counts_.size()); ++kind) {
      if (packing.used(name.key, kind) == 0 || reach.links_.class_of[at(kind)] != name.link_class) continue;
      if (!has_bit(reach.links_.send[at(kind)].data(), end)) continue;
      Name before{name.key - packing.one(kind), 0};
      if (first && before.key == 0 && reach.links_.enter[at(kind)] != 0 && is_stage(kind, 0, end)) {
        name = before;
        return;
      }
      for (; !first && before.link_class < reach.links_.classes(); ++before.link_class) {
        if (start_of(level.find(before), before.link_class, kind, end) < 0) continue;
        name = before;
        return;
      }
    }
  }
};

Found Reach::find_wide(const StageLimits& limits, const Deadline& deadline) {
  Wide wide{*this, limits, Packing(counts_), {}, false};
  return wide.run(deadline);
}

}  // namespace cleave
