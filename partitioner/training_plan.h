// Training plans: what every module of a cascade will do with a batch on its device, and which of them sets the pace.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "partitioner/cascade_timing.h"
#include "partitioner/cost.h"
#include "partitioner/move_work.h"

namespace cleave {

inline constexpr std::int64_t kLabelBytes = 4;  // behind every sample that goes from one module to another

// How a cascade is to be trained, as `training` states it, and where.
struct TrainingRequest {
  std::vector<int> device_of;    // [module] -> device of the swarm; -1 = nowhere yet
  std::int64_t samples = 0;      // in an epoch
  std::int64_t max_steps = 0;    // a module and batch; 0 = auto: as many as keep every module busy
  std::int64_t auto_steps = 10;  // auto: what the slowest module does
  PickRule pick;
  CascadeRule cascade;
};

struct ModulePlan {
  ModuleId module = ModuleId::none;
  int device = -1;
  double forward_products = 0;  // multiply-adds of one sample, body and head, binary products included
  double step_products = 0;     // of one sample and step, the mean over the moves
  Figure forward_s, step_s;     // of a batch
  std::int64_t max_steps = 0;
  double steps = 0;             // that it will really do on a batch
  Figure pace_s;                // from one batch to the next
  double batches = 0;           // of an epoch that it gets: fewer than all where a full buffer drops some
  double busy_share = 0;        // of this time
  double queue = 0;             // batches that wait, on average
  std::int64_t sent_bytes = 0;  // a batch with its labels, to the next module; 0 = nothing leaves the device
  Figure link_s;                // of these
  double joules = 0;            // an epoch, what its device waits included
};

struct TrainingPlan {
  std::int64_t batch = 0, batches = 0;  // samples; batches of an epoch
  std::vector<ModulePlan> modules;
  std::int64_t input_bytes = 0;  // a batch, where another device than the first module's holds the data
  Figure input_s;
  int slowest = 0;               // the module that sets the pace …
  bool slowest_is_link = false;  // … or the link its input comes by
  Figure epoch_s;
  double joules = 0;  // an epoch, all modules
};

// Reads `training`, `training.buffer` and `placement.map` of a checked document.
TrainingRequest read_training(const Graph& graph, const DocNode& doc, const Swarm& swarm, std::int64_t samples);

// Throws UserError when a module has no device, nothing to move, or no path to the next one. `costs` are those of
// batches: its batch is the training batch.
TrainingPlan training_plan(const Graph& graph, const Swarm& swarm, const CostTable& costs,
                           const TrainingRequest& request);

// Returns titles, units, then one row a module, as text; estimates are marked `~`.
std::vector<std::vector<std::string>> training_rows(const Graph& graph, const Swarm& swarm, const TrainingPlan& plan);
// Returns "m2 on p8 sets the pace: 1.37 s a batch; …": one line on the pace, the epoch and its joules.
std::string training_summary(const Graph& graph, const Swarm& swarm, const TrainingPlan& plan);

}  // namespace cleave
