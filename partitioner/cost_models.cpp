// Cost models: how compute and transfers share a device's time, and what a transfer costs in joules.
#include <algorithm>
#include <array>

#include "partitioner/cost.h"

namespace cleave {

namespace {

// Computing and both directions of the link go on at the same time.
double overlapped(double compute_s, double receive_s, double send_s, bool half_duplex) {
  return std::max(compute_s, half_duplex ? receive_s + send_s : std::max(receive_s, send_s));
}

// One thing at a time.
double summed(double compute_s, double receive_s, double send_s, bool) { return compute_s + receive_s + send_s; }

// C(head) + C(T): a device computes and sends what it made; receiving is the sender's cost (Gacoin et al. 2019, II.A).
double gacoin(double compute_s, double, double send_s, bool) { return compute_s + send_s; }

constexpr std::array kModels = {
    CostModelDef{"overlapped", "computing, receiving and sending go on at once: the longest counts", overlapped, true,
                 false},
    CostModelDef{"summed", "a device does one thing at a time: the times add up", summed, false, false},
    CostModelDef{"gacoin", "computing and sending add up, and a transfer's joules belong to the frame", gacoin, false,
                 true},
};

}  // namespace

std::span<const CostModelDef> cost_model_catalog() { return kModels; }

}  // namespace cleave
