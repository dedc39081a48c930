// A training run's swarm: which device has which module, and the workers to train on.
#pragma once

#include <memory>

#include "engine/cli/swarm_options.h"
#include "engine/cli/train_job.h"
#include "engine/train/train_swarm.h"

namespace cleave {

struct SwarmTrainingJob {
  SwarmJob swarm;
  SwarmTraining training;  // its `test` reads the job's test set
};

// Places the modules as the model's map says, else in the order of the devices, and, with --local, starts the
// processes. `job` must outlive what is returned. Throws UserError and RunError with what is wrong.
std::unique_ptr<SwarmTrainingJob> prepare_swarm_training(const SwarmOptions& options, const TrainJob& job,
                                                         const CommonOptions& common, Log& log);

// Makes `job` train on it (null: in this process), and says which module is where.
void use_swarm(TrainJob& job, const SwarmTrainingJob* swarm, Log& log);

}  // namespace cleave
