// The job of a worker for `cleave net`: how fast its links to other workers are.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/runtime/link_probe.h"
#include "engine/runtime/worker.h"

namespace cleave {

// A link as measured from one end.
struct MeasuredLink {
  std::string from, to;
  LinkMeasure measure;
  std::string fault;  // "" = measured
};
// As the `done` message carries them.
std::string to_json(const std::vector<MeasuredLink>& links);
std::vector<MeasuredLink> measured_links(std::string_view json);

// Measures the links to the workers in `wanted`, one after the other, and tells `done`.
void measure_links(JobContext& context);

}  // namespace cleave
