// What Gacoin et al. (ISCAS 2019) measured: Tables I and II and the powers of section III.B (Raspberry Pi 3B, batch 1).
#pragma once

#include <array>

namespace cleave::gacoin {

inline constexpr double kIdleW = 1.99, kComputeW = 3.03;
inline constexpr double kBaseS = 0.097, kBaseAccuracy = 0.915;

// k is the last layer of the head; a branch has half of the head's filters.
struct Row {
  int k;
  double head_s, tail_s, branch_s;
  double accuracy_of_two;  // branches
};
inline constexpr std::array<Row, 3> kRows = {{{6, 0.05410, 0.05142, 0.02971, 0.9099},
                                              {9, 0.0669, 0.04052, 0.03455, 0.9083},
                                              {12, 0.08826, 0.00462, 0.05809, 0.8886}}};

}  // namespace cleave::gacoin
