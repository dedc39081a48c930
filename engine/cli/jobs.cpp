#include "engine/cli/jobs.h"

#include "engine/runtime/net_job.h"
#include "engine/runtime/stage_job.h"
#include "engine/train/module_job.h"

namespace cleave {

std::span<const JobDef> job_catalog() {
  static constexpr JobDef kJobs[] = {
      {"infer", "runs a stage of a plan on every frame", run_stage},
      {"net", "measures the links to other devices", measure_links},
      {"train", "trains the modules placed on a device", run_modules},
  };
  return kJobs;
}

}  // namespace cleave
