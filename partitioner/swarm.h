// Swarm: the devices of a model or swarm file and the paths between them, with every figure filled in. A figure nobody
// gave or measured is an estimate, and is marked `~` wherever it is printed.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

#include "graphs/model_reader.h"
#include "ops/core/error.h"

namespace cleave {

inline constexpr int kMaxDevices = 64;
inline constexpr int kWorkerPort = 7300;  // of a device that states none

// A number, and whether it only stands in for one that was given or measured.
struct Figure {
  double value = 0;
  bool estimate = false;

  bool operator==(const Figure&) const = default;
};

struct Device {
  std::string name;
  std::string preset;  // "" = none
  std::string host;    // name or address it listens on; its own name if none is stated
  int port = kWorkerPort;
  std::int64_t memory_bytes = 0;   // of the machine
  std::int64_t reserve_bytes = 0;  // of these, left for the system
  Figure real_flops;               // sustained, 32-bit floating point, per second; a multiply-add counts as two
  Figure binary_ops;               // sustained products of binary weights and bits, per second
  Figure bytes_per_s;              // sustained, of main memory
  Figure idle_w, compute_w;        // awake and waiting; all cores busy
  Figure standby_w;                // out of the plan; if not given, the preset's, or idle_w where that is given
  double battery_j = std::numeric_limits<double>::infinity();  // a full one; infinity = mains
  SourcePos pos;
};

// A path between two devices, the same both ways.
struct Link {
  Figure bandwidth_bps;  // bits a second; 0 = there is no path
  Figure latency_s;      // one way
  bool half_duplex = false;

  bool exists() const { return bandwidth_bps.value > 0; }
  bool operator==(const Link&) const = default;
};

struct Swarm {
  std::vector<Device> devices;
  std::vector<std::vector<Link>> links;  // [device][device], symmetric; the diagonal is not used
  int source = -1;                       // the device that holds the data (data.at); -1 = wherever the first stage runs
};

// Returns the swarm a checked document states in `devices`, `links` and `data.at`; empty when it states none. Mistakes
// that need the figures (no path to a device, more than kMaxDevices, a battery on a device without power …) go to
// `found`.
Swarm read_swarm(const DocNode& doc, Diagnostics& found);

// Returns `count` copies of a preset, named a, b, … z, a2, b2 …, with the default links of `doc` if it has any, else
// estimates. Throws UserError for an unknown preset (with the nearest name) and for a count outside 1 … kMaxDevices.
Swarm swarm_of(int count, const std::string& preset, const DocNode& doc);

// Whether `text` is the name of a host or an IPv4 or IPv6 address, by its letters: nobody is asked.
bool is_host(std::string_view text);

// Returns the index of the device, -1 for an unknown name.
int find_device(const Swarm& swarm, const std::string& name);

// Returns "~8.2 GFLOP/s": a figure with its mark. `text` is the figure as the caller writes it.
inline std::string marked(const Figure& figure, const std::string& text) { return (figure.estimate ? "~" : "") + text; }

}  // namespace cleave
