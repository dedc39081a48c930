// Random numbers by counting (Philox 4x32-10, Salmon et al. 2011, from Random123): a number is a pure function of
// (seed, stream, step, index), so results do not depend on threads, on placement or on what was drawn before.
#pragma once

#include <array>
#include <cstdint>

namespace cleave {

// Independent streams: one number each, so that two users of one seed never share numbers. Modules count from
// kModuleStream: module m draws from kModuleStream + m.
enum : std::uint32_t {
  kShuffleStream = 1,
  kInitStream = 2,
  kDataStream = 3,
  kTestStream = 4,
  kSimulateStream = 5,
  kModuleStream = 1000
};

// Draws 0, 1, 2 … of one (seed, stream, step). A value: copying it repeats the draws. Not thread safe, cheap to make.
class Rng {
 public:
  Rng(std::uint64_t seed, std::uint32_t stream, std::uint64_t step);

  std::uint32_t bits();
  // Uniform in the open interval (0, 1), 52 bits.
  double uniform();
  // Uniform among 0 … n-1 without bias; n ≥ 1.
  std::int64_t below(std::int64_t n);
  // Standard normal (Box and Muller 1958).
  double normal();

 private:
  std::array<std::uint32_t, 2> key_;
  std::array<std::uint32_t, 4> counter_;
  std::array<std::uint32_t, 4> block_{};
  int used_ = 4;
};

}  // namespace cleave
