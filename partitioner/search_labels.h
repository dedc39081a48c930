// Partial plans of the best-first search, and which of them need not be followed.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "partitioner/search.h"

namespace cleave {

// How many devices of each kind are used, packed: a field a kind, with a spare bit each.
using DeviceSet = std::array<std::uint64_t, 2>;

class DeviceSets {
 public:
  explicit DeviceSets(const Problem& problem);

  int count(const DeviceSet& set, int kind) const;
  bool has_free(const DeviceSet& set, int kind) const;
  void add(DeviceSet& set, int kind) const;
  bool is_within(const DeviceSet& small, const DeviceSet& large) const;

 private:
  struct Field {
    std::size_t word = 0;
    int shift = 0, bits = 0;
    int most = 0;
  };
  std::vector<Field> fields_;  // [kind]
  DeviceSet spare_{};
};

// A partial plan: the stages up to `position`, or (not `ended`) the choice of `kind` for the stage that starts there.
struct Label {
  double cost = 0;                      // so far
  double charged = 0;                   // so far, with the extras of the bound
  double latency_s = 0;                 // so far
  double compute_s = 0, receive_s = 0;  // of the last stage: what its device is busy with beside sending
  DeviceSet used{};                     // the last stage's included
  std::int32_t parent = -1, position = 0;
  std::int32_t next = -1;  // in the same bucket
  std::uint8_t kind = 0, stages = 0;
  bool ended = false, half_duplex = false;
  bool beaten = false, expanded = false;
};

// Which of two labels of equal kind, position and `ended` is never the worse to go on from.
class Dominance {
 public:
  Dominance(const Problem& problem, Minimise what, const Goal& goal, double period_limit_s);

  // `a` uses the same devices as `b`, or some of them.
  bool beats(const Label& a, const Label& b) const;

 private:
  bool is_cheaper(const Label& a, const Label& b) const;
  bool is_freer(const Label& a, const Label& b) const;

  const Problem& problem_;
  Minimise what_;
  int min_stages_;
  bool latency_counts_;
  bool load_counts_;
  double period_limit_s_;
  std::vector<std::vector<LinkCost>> links_;  // [kind]: the different ways out of it
};

// All labels, found by what they have in common.
class LabelTable {
 public:
  LabelTable(const Problem& problem, Dominance dominance);

  // Adds a label and marks those it beats. Returns its index, -1 where one with the same devices beats it.
  int add(const Label& label);
  // True when a label asked about earlier beats this one with fewer devices.
  bool is_beaten(int label);

  std::vector<Label> labels;
  const DeviceSets sets;

 private:
  std::size_t bucket_of(const Label& label) const;
  void grow();

  Dominance dominance_;
  int positions_;
  std::vector<std::int32_t> buckets_;
  std::vector<std::vector<std::int32_t>> asked_;  // [ended, kind, position]: a few
};

}  // namespace cleave
