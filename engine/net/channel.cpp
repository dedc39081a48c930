#include "engine/net/channel.h"

#include <chrono>

namespace cleave {

IoResult read_all(Channel& channel, std::span<std::byte> into, double timeout_s) {
  const auto start = std::chrono::steady_clock::now();
  std::size_t done = 0;
  while (done < into.size()) {
    const double spent_s = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    const double left_s = timeout_s < 0 ? timeout_s : std::max(0.0, timeout_s - spent_s);
    IoResult result = channel.read(into.subspan(done), left_s);
    if (result.status == IoStatus::timeout) result.bytes = static_cast<std::int64_t>(done);
    if (!result.ok()) return result;
    done += static_cast<std::size_t>(result.bytes);
  }
  return {IoStatus::ok, static_cast<std::int64_t>(done), ""};
}

}  // namespace cleave
