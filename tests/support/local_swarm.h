// A model, a plan and workers as processes on this machine: what tests of the whole swarm begin with.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "engine/runtime/local_workers.h"
#include "engine/runtime/swarm_flow.h"
#include "graphs/build.h"

namespace cleave {

struct LocalSwarm {
  Model model;
  Weights weights;
  Swarm swarm;
  Plan plan;
  std::unique_ptr<LocalWorkers> workers;
  SwarmSetup setup;
  std::atomic<bool> stop = false;
  std::vector<std::string> said;  // of the log
};

// Devices a, b, c … alike, one a stage; the network is cut behind the nodes named.
std::unique_ptr<LocalSwarm> local_swarm(const std::string& model_text, const std::vector<std::string>& cut_behind,
                                        const std::vector<std::string>& start_order = {});

// A chain of dense layers d1 … dN of 16 units with relu behind each.
std::string dense_chain(int layers);

// Noise that depends on the frame's number alone.
void fill_noise(std::int64_t seq, TensorView input);
// What one process answers to the first `frames` frames of noise, [frame][value].
std::vector<std::vector<float>> answers_of_one_process(const LocalSwarm& swarm, std::int64_t frames);

}  // namespace cleave
