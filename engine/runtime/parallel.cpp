#include "engine/runtime/parallel.h"

#include <tbb/blocked_range.h>
#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>

namespace cleave {

namespace {

void run(std::int64_t count, const void* context, void (*body)(const void*, std::int64_t, std::int64_t)) {
  const auto part = [&](const tbb::blocked_range<std::int64_t>& range) { body(context, range.begin(), range.end()); };
  tbb::this_task_arena::isolate(
      [&] { tbb::parallel_for(tbb::blocked_range<std::int64_t>(0, count), part, tbb::static_partitioner()); });
}

}  // namespace

Parallel arena_threads(int threads) { return {threads, run}; }

}  // namespace cleave
