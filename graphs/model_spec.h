// ModelSpec: one model file as read, checked against the language and with its defaults in place. Plain data; what the
// later stages need. `read_model` is in graphs/model_reader.h.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "graphs/run_spec.h"
#include "ops/core/error.h"
#include "ops/core/op.h"
#include "ops/core/params.h"

namespace cleave {

// `select` is one law, or one per op.
struct SelectSpec {
  Law law;
  std::map<std::string, Law> by_op;
};

// What may stand on the network, a module, a part or a layer; the nearest statement wins, key by key.
struct SettingsSpec {
  std::optional<WeightType> weights;
  std::optional<Law> prior;
  std::optional<Law> proposal;
  std::optional<SelectSpec> select;
  SourcePos prior_pos, proposal_pos;  // where they stand
};

struct LayerSpec;

// A list of layers with the settings that stand on it: a body, a head, a branch.
struct PartSpec {
  std::vector<LayerSpec> layers;
  SettingsSpec settings;
};

// A name another layer is referred to by, and where.
struct NameRef {
  std::string name;
  SourcePos pos;
};

struct LayerSpec {
  std::string op;    // a row of the op catalog, or residual | parallel | repeat
  std::string name;  // empty = not named
  std::vector<NameRef> from;
  Params params;
  SettingsSpec settings;
  std::vector<PartSpec> parts;  // residual: body and shortcut (may be empty); parallel: branches; repeat: body
  SourcePos pos, name_pos;
  bool broken = false;  // has a mistake that was already reported
};

struct ModuleSpec {
  std::string name;
  PartSpec body;
  std::optional<PartSpec> head;
  SettingsSpec settings;
  DType send = DType::f32;
  SourcePos pos;
};

struct InputSpec {
  Shape shape;                      // [N] or [C, H, W]; empty where it has a mistake
  SourcePos pos;                    // of the shape's key
  std::optional<double> low, high;  // scale: raw values mapped linearly onto [low, high]
  std::vector<double> mean, std;    // normalize, per channel (after mapping onto [0, 1])
  std::optional<double> threshold;  // 1 where the value in [0, 1] is at least this, else 0
};

struct DataSetSpec {
  std::string dataset;  // a row of the data catalog; empty = not given
  std::string split;
  std::int64_t limit = 0;  // 0 = all
  std::string path;        // empty = the usual places
  SourcePos pos;
};

struct DataSpec {
  DataSetSpec train, test;
  double validation_share = 0;  // held out of train
  std::string at;               // device
};

// A key that this version reads and checks but a running command cannot obey yet; the command refuses with one line.
struct NotRunYet {
  std::string path;  // "placement.mode"
  SourcePos pos;
  std::string commands;  // the commands it stands in the way of: "train", "run eval", …
  std::string why;       // "" = in time it will be obeyed
};

struct ModelSpec {
  std::string file;
  std::string name, description;
  std::uint64_t seed = 1;
  bool has_network = false;  // false: a swarm file
  InputSpec input;
  std::string weights_file;  // network.weights.load, relative to the model file; empty = none
  std::string loss, reduce;
  SettingsSpec settings;          // of the whole network
  std::vector<LayerSpec> layers;  // one of `layers` and `modules` is empty
  std::vector<ModuleSpec> modules;
  DataSpec data;
  TrainSpec training;
  InferenceSpec inference;
  LimitsSpec limits;
  OutputSpec output;
  std::vector<std::string> devices;
  std::vector<NotRunYet> not_run_yet;
};

}  // namespace cleave
