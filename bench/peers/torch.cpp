#include "bench/peers/torch.h"

#include <fstream>
#include <stdexcept>

#include <fmt/format.h>

namespace cleave {

std::vector<PeerCase> torch_cases(const std::shared_ptr<Peer>& torch, const std::string& path, std::int64_t batch,
                                  int threads, const std::vector<float>& right, double most) {
  if (torch == nullptr) return {};
  const std::string file = path + ".outputs";
  std::ofstream(file, std::ios::binary)
      .write(reinterpret_cast<const char*>(right.data()), static_cast<std::streamsize>(4 * right.size()));
  torch->ask(fmt::format("net {} {} {}", path, batch, threads));
  std::vector<PeerCase> cases;
  constexpr std::pair<const char*, const char*> kVariants[] = {
      {"eager", "PyTorch eager"}, {"script", "TorchScript"}, {"optimized", "TorchScript, optimised"}};
  for (const auto& [variant, name] : kVariants) {
    const double difference = torch->ask(fmt::format("difference {} {}", variant, file));
    fmt::print("  {:30} differs by {:.1e}\n", name, difference);
    if (!(difference <= most)) throw std::runtime_error(fmt::format("{} computes something else", name));
    cases.push_back({name, [torch, line = fmt::format("time {}", variant)](int calls) {
                       return torch->ask(fmt::format("{} {}", line, calls));
                     }});
  }
  return cases;
}

}  // namespace cleave
