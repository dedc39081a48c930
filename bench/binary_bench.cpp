// How fast are binary layers, packing included, next to float and int8 ones and to what the processor can do?
//
// Larq's four 3x3 shapes (Bannink et al. 2021, Larq Compute Engine, fig. 3), batch 1, one thread.
// Usage: binary_bench [rounds]
#include <cstdlib>
#include <map>

#include "bench/binary_cases.h"
#include "bench/cpu_time.h"
#include "bench/word_limits.h"

namespace cleave {
namespace {

constexpr const char* kIsas[] = {"avx512_popcnt", "avx512", "avx2", "neon", "baseline"};
constexpr const char* kInt8Isas[] = {"avx512_vnni", "avx512", "avx2", "neon", "baseline"};

void bench_shape(const BenchShape& shape, int rounds) {
  fmt::print("{} {}x{}x{} -> {}\n", shape.name, shape.size, shape.size, shape.channels, shape.channels);
  const BenchLayer layer(shape);
  std::vector<BenchCase> cases = {{"float", layer.float_run()}};
  std::vector<double> operations = {shape.operations()};
  std::vector<std::string> isas = {""};
  const auto add = [&](BenchCase run, double count, const char* isa) {
    cases.push_back(std::move(run));
    operations.push_back(count);
    isas.push_back(isa);
  };
  for (const char* isa : kIsas)
    if (const BinaryKernels* kernels = binary_kernels_for(isa)) {
      for (const WordLimit& limit : binary_limits(isa))
        add({fmt::format("{} limit", isa), [limit] { limit.run(1000); }}, 1000 * limit.operations, isa);
      for (const BinaryForm form : forms_of(*kernels, BinaryWeights::sign))
        add({fmt::format("{} {}", isa, layer.form_name(*kernels, form)), layer.binary_run(*kernels, form)},
            shape.operations(), isa);
    }
  for (const char* isa : kInt8Isas)
    if (const Int8Kernels* kernels = int8_kernels_for(isa)) {
      for (const WordLimit& limit : int8_limits(isa))
        add({fmt::format("{} limit", isa), [limit] { limit.run(1000); }}, 1000 * limit.operations, isa);
      add({fmt::format("{} int8", isa), layer.int8_run(*kernels)}, shape.operations(),
          std::string_view(isa) == "avx512_vnni" ? isa : "");
    }
  run_interleaved_cpu(cases, rounds);
  const double real = median(cases.front().seconds);
  std::map<std::string, double> limits;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const double rate = operations[i] / median(cases[i].seconds);
    double& limit = limits[isas[i]];
    if (cases[i].name.ends_with("limit")) limit = std::max(limit, rate);
    fmt::print("  {:24} {:8.1f} Gop/s", cases[i].name, rate * 1e-9);
    if (!cases[i].name.ends_with("limit")) fmt::print(" {:6.2f} x float", real / median(cases[i].seconds));
    if (limit > 0) fmt::print(" {:5.1f} % of the limit", 100 * rate / limit);
    fmt::print("\n");
  }
}

}  // namespace
}  // namespace cleave

int main(int count, char** words) {
  const int rounds = count > 1 ? std::atoi(words[1]) : 31;
  for (const cleave::BenchShape& shape : cleave::kLarqShapes) cleave::bench_shape(shape, rounds);
}
