#include "tests/reference/enumerate_bases.h"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace cleave::reference {

namespace {

using Matrix = std::vector<std::vector<double>>;

// Solves rows · x = right by Gauss-Jordan elimination with the largest pivot; empty if the rows are not independent.
std::vector<double> solution(Matrix rows, std::vector<double> right) {
  const std::size_t n = right.size();
  for (std::size_t column = 0; column < n; ++column) {
    std::size_t pivot = column;
    for (std::size_t row = column; row < n; ++row)
      if (std::abs(rows[row][column]) > std::abs(rows[pivot][column])) pivot = row;
    if (std::abs(rows[pivot][column]) < 1e-13) return {};
    std::swap(rows[pivot], rows[column]);
    std::swap(right[pivot], right[column]);
    for (std::size_t row = 0; row < n; ++row) {
      if (row == column) continue;
      const double factor = rows[row][column] / rows[column][column];
      for (std::size_t other = 0; other < n; ++other) rows[row][other] -= factor * rows[column][other];
      right[row] -= factor * right[column];
    }
  }
  for (std::size_t row = 0; row < n; ++row) right[row] /= rows[row][row];
  return right;
}

}  // namespace

double most_frames(const Matrix& joules, const std::vector<double>& battery_j) {
  const std::size_t plans = joules.size(), batteries = battery_j.size();
  std::vector<bool> chosen(plans + batteries);  // the basis: columns behind the plans are what a battery has left
  std::fill(chosen.begin(), chosen.begin() + static_cast<std::ptrdiff_t>(batteries), true);
  double best = 0;
  do {
    std::vector<std::size_t> basis;
    for (std::size_t column = 0; column < chosen.size(); ++column)
      if (chosen[column]) basis.push_back(column);
    Matrix rows(batteries, std::vector<double>(batteries));
    for (std::size_t b = 0; b < batteries; ++b)
      for (std::size_t i = 0; i < batteries; ++i)
        rows[b][i] = basis[i] < plans ? joules[basis[i]][b] / battery_j[b] : (basis[i] - plans == b ? 1 : 0);
    const std::vector<double> x = solution(rows, std::vector<double>(batteries, 1));
    double frames = 0;
    bool allowed = !x.empty();
    for (std::size_t i = 0; i < x.size(); ++i) {
      allowed = allowed && x[i] >= -1e-9;
      if (basis[i] < plans) frames += x[i];
    }
    if (allowed) best = std::max(best, frames);
  } while (std::prev_permutation(chosen.begin(), chosen.end()));
  return best;
}

}  // namespace cleave::reference
