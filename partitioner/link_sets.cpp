#include "partitioner/link_sets.h"

#include <algorithm>

namespace cleave {

namespace {

std::size_t at(int index) { return static_cast<std::size_t>(index); }

// Two devices of the kinds exist.
bool is_pair(const Problem& problem, std::size_t a, std::size_t b) { return a != b || problem.kinds[a].count() > 1; }

// [kind][kind]: positions at which the first may send to the second.
std::vector<std::vector<Bits>> open_links(const Problem& problem, double limit_s) {
  const std::size_t kinds = problem.kinds.size();
  std::vector<std::vector<Bits>> open(kinds, std::vector<Bits>(kinds, Bits(words_for(problem.positions))));
  for (std::size_t a = 0; a < kinds; ++a)
    for (std::size_t b = 0; b < kinds; ++b) {
      if (!is_pair(problem, a, b)) continue;
      if (b > 0 && is_pair(problem, a, b - 1) && problem.links[a][b] == problem.links[a][b - 1]) {
        open[a][b] = open[a][b - 1];
        continue;
      }
      for (int p = 1; p < problem.last(); ++p)
        if (is_link_within(problem, static_cast<int>(a), static_cast<int>(b), p, limit_s))
          set_bit(open[a][b].data(), p);
    }
  return open;
}

// The class as it would be with one more member; false if its members could then no longer be told from one another.
bool can_join(const Problem& problem, const std::vector<std::vector<Bits>>& open, const LinkSets& sets, int who,
              int wanted, std::vector<Bits>& joined) {
  joined = sets.receive[at(wanted)];
  for (std::size_t to = 0; to < joined.size(); ++to)
    for (std::size_t w = 0; w < joined[to].size(); ++w) joined[to][w] |= open[at(who)][to][w];
  for (int member = 0; member <= who; ++member) {
    if (member != who && sets.class_of[at(member)] != wanted) continue;
    for (std::size_t to = 0; to < joined.size(); ++to) {
      if (!is_pair(problem, at(member), to)) continue;
      for (std::size_t w = 0; w < joined[to].size(); ++w)
        if ((sets.send[at(member)][w] & joined[to][w]) != open[at(member)][to][w]) return false;
    }
  }
  return true;
}

}  // namespace

LinkSets link_sets(const Problem& problem, double limit_s) {
  const std::vector<std::vector<Bits>> open = open_links(problem, limit_s);
  const int kinds = static_cast<int>(problem.kinds.size());
  LinkSets sets;
  sets.class_of.assign(at(kinds), -1);
  for (int k = 0; k < kinds; ++k) {
    sets.enter.push_back(is_entry_within(problem, k, limit_s) ? 1 : 0);
    sets.send.emplace_back(words_for(problem.positions));
    for (const Bits& to : open[at(k)])
      for (std::size_t w = 0; w < to.size(); ++w) sets.send.back()[w] |= to[w];
  }
  std::vector<Bits> joined;
  for (int k = 0; k < kinds; ++k) {
    for (int c = 0; c < sets.classes() && sets.class_of[at(k)] < 0; ++c) {
      if (!can_join(problem, open, sets, k, c, joined)) continue;
      sets.class_of[at(k)] = c;
      sets.receive[at(c)] = joined;
    }
    if (sets.class_of[at(k)] >= 0) continue;
    sets.class_of[at(k)] = sets.classes();
    sets.receive.push_back(open[at(k)]);
  }
  return sets;
}

bool is_link_within(const Problem& problem, int from_kind, int to_kind, int at_position, double limit_s) {
  const double seconds = transfer_s(problem, from_kind, to_kind, at_position);
  return seconds <= limit_s && seconds < kInfinity;
}

bool is_entry_within(const Problem& problem, int kind, double limit_s) {
  const auto within = [&](double seconds) { return seconds <= limit_s && seconds < kInfinity; };
  return within(problem.entry_s[at(kind)]) &&
         std::all_of(problem.shares.begin(), problem.shares.end(),
                     [&](const Share& share) { return within(share.send_s[at(kind)]) && within(share.receive_s); });
}

}  // namespace cleave
