// Parallel: how an op's kernel asks for more threads. The engine gives it; ops know nothing of who runs the parts.
#pragma once

#include <cstdint>

namespace cleave {

struct Parallel {
  int threads = 1;  // that may take part, the caller's included
  // Calls body(context, from, to) for parts of 0 <= i < count that together are all of it, each once, and returns when
  // all are done. Parts may run at the same time, so results may not depend on how they are cut.
  void (*run)(std::int64_t count, const void* context, void (*body)(const void*, std::int64_t, std::int64_t)) = nullptr;
};

// Calls body(from, to) for parts of 0 <= i < count: by several threads, or at once where `parallel` is null. `body`
// does not throw.
template <class Body>
void for_parts(const Parallel* parallel, std::int64_t count, const Body& body) {
  if (parallel == nullptr || parallel->threads < 2 || count < 2) return body(std::int64_t{0}, count);
  parallel->run(count, &body, [](const void* context, std::int64_t from, std::int64_t to) {
    (*static_cast<const Body*>(context))(from, to);
  });
}

}  // namespace cleave
