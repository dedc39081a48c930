// What a stage holds beside its weights: slots of the frames under way, and the windows of its bridges.
#include <algorithm>
#include <cmath>

#include "partitioner/make_problem.h"

namespace cleave {

// f32 in memory, whatever travels: a frame's slot in the runtime.
std::int64_t slot_bytes(const PlanRequest& request, const TensorType& type) {
  return 4 * request.in_flight * request.batch * element_count(type.shape);
}

// The receive and the send window of a cut: two frames, or twice what is under way on the link (wire.md, "Flow").
double window_bytes(const Swarm& swarm, double frame_bytes) {
  double under_way = 0;
  for (std::size_t a = 0; a < swarm.links.size(); ++a)
    for (std::size_t b = 0; b < a; ++b)
      under_way =
          std::max(under_way, swarm.links[a][b].bandwidth_bps.value / 8 * 2 * swarm.links[a][b].latency_s.value);
  return frame_bytes == 0 ? 0 : std::ceil(2 * std::max(frame_bytes, under_way));
}

}  // namespace cleave
