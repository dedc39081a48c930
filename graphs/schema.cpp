#include "graphs/schema.h"

#include <array>

namespace cleave {

namespace {

constexpr double kInf = std::numeric_limits<double>::infinity();
constexpr double kTiny = 1e-300;  // "more than nothing"

constexpr FieldDef record(const char* name, const char* doc, const char* fallback = nullptr) {
  return {name, Kind::record, doc, fallback};
}
constexpr FieldDef word(const char* name, const char* words, const char* doc, const char* fallback = nullptr) {
  FieldDef field{name, Kind::word, doc, fallback};
  field.words = words;
  return field;
}
constexpr FieldDef text(const char* name, const char* doc, const char* fallback = nullptr) {
  return {name, Kind::text, doc, fallback};
}
constexpr FieldDef integer(const char* name, double min, double max, const char* doc, const char* fallback = nullptr) {
  return {name, Kind::integer, doc, fallback, false, min, max};
}
constexpr FieldDef real(const char* name, double min, double max, const char* doc, const char* fallback = nullptr) {
  return {name, Kind::real, doc, fallback, false, min, max};
}
constexpr FieldDef quantity(const char* name, Unit unit, const char* doc, const char* fallback = nullptr,
                            double max = kInf) {
  return {name, Kind::quantity, doc, fallback, false, 0, max, unit};
}
constexpr FieldDef law(const char* name, const char* catalog, const char* doc) {
  FieldDef field{name, Kind::law, doc};
  field.catalog = catalog;
  return field;
}
constexpr FieldDef positive(FieldDef field) {
  field.min = kTiny;
  return field;
}
constexpr FieldDef required(FieldDef field) {
  field.required = true;
  return field;
}
constexpr FieldDef or_words(FieldDef field, const char* words) {
  field.words = words;
  return field;
}

// Joins arrays of rows at compile time; the settings rows stand at several places.
template <std::size_t... N>
constexpr auto join(const std::array<FieldDef, N>&... parts) {
  std::array<FieldDef, (N + ...)> all{};
  std::size_t next = 0;
  const auto append = [&](const auto& part) {
    for (const FieldDef& field : part) all[next++] = field;
  };
  (append(parts), ...);
  return all;
}

constexpr std::array kTop = {
    required(integer("version", 1, 1, "version of the language: 1")),
    text("name", "what the model is called; the file's name without .yaml if not given"),
    text("description", "one line for people"),
    integer("seed", 0, 9e15, "every random number follows from it", "1"),
    FieldDef{"include", Kind::texts, "files merged into this one, relative to it"},
    record("data", "the data sets"),
    record("data.train", "what is learnt from"),
    required(law("data.train.dataset", "datasets", "the data set")),
    word("data.train.split", "train|test", "which part of it", "train"),
    integer("data.train.limit", 1, 1e9, "use only the first so many"),
    text("data.train.path", "folder or file; else $CLEAVE_DATA, then the system's folders"),
    record("data.test", "what accuracy is measured on"),
    required(law("data.test.dataset", "datasets", "the data set")),
    word("data.test.split", "train|test", "which part of it", "test"),
    integer("data.test.limit", 1, 1e9, "use only the first so many"),
    text("data.test.path", "folder or file; else $CLEAVE_DATA, then the system's folders"),
    record("data.validation", "images held out of train, for choosing settings"),
    quantity("data.validation.share", Unit::share, "how many of them", "10%", 0.9),
    text("data.at", "the device that holds the data"),
};

constexpr std::array kNetwork = {
    record("network", "what is computed and learnt"),
    required(record("network.input", "the shape of one sample and how its raw values are mapped")),
    FieldDef{"network.input.image", Kind::integers, "[channels, height, width]", nullptr, false, 1, 65536},
    integer("network.input.vector", 1, 16777216, "number of values"),
    FieldDef{"network.input.scale", Kind::reals, "[low, high]: raw values mapped linearly onto this range"},
    record("network.input.normalize", "per channel: (value in [0, 1] - mean) / std"),
    required(FieldDef{"network.input.normalize.mean", Kind::reals, "one number a channel"}),
    required(FieldDef{"network.input.normalize.std", Kind::reals, "one number a channel", nullptr, false, kTiny, kInf}),
    real("network.input.threshold", 0, 1, "1 where the value in [0, 1] is at least this, else 0"),
    law("network.loss", "losses", "what training lowers, and how it is reduced over a batch"),
    text("network.weights.load", "safetensors file to start from, relative to this one"),
    FieldDef{"network.layers", Kind::layers, "a network in one piece"},
    FieldDef{"network.modules", Kind::records, "a network as modules, each trained by its own head"},
    required(text("network.modules.name", "what the module is called")),
    FieldDef{"network.modules.body", Kind::layers, "its output goes on to the next module"},
    FieldDef{"network.modules.head", Kind::layers, "local classifier: the loss, and an early exit"},
    record("network.modules.send", "how the body's output travels between devices"),
    word("network.modules.send.dtype", "f32|f16|i8|bit", "element kind on the wire", "f32"),
};

constexpr std::array kSwarm = {
    FieldDef{"devices", Kind::table, "the machines, by name"},
    record("devices.*", "one machine"),
    law("devices.*.preset", "presets", "figures to start from; what is given beside it wins"),
    text("devices.*.host", "name or address; its own name if not given"),
    integer("devices.*.port", 1, 65535, "TCP port its worker listens on", "7300"),
    word("devices.*.arch", "arm64|armv7|x86_64|riscv64", "instruction set"),
    integer("devices.*.cores", 1, 1024, "processor cores"),
    positive(quantity("devices.*.memory", Unit::bytes, "main memory")),
    quantity("devices.*.reserve", Unit::bytes, "memory left for the system"),
    record("devices.*.compute", "sustained speed"),
    positive(quantity("devices.*.compute.real", Unit::flops, "of 32-bit floating point")),
    positive(quantity("devices.*.compute.binary", Unit::ops, "of binary products")),
    positive(quantity("devices.*.compute.int8", Unit::ops, "of 8-bit products")),
    record("devices.*.power", "electrical power"),
    positive(quantity("devices.*.power.idle", Unit::watts, "awake and waiting")),
    positive(quantity("devices.*.power.compute", Unit::watts, "all cores busy")),
    quantity("devices.*.power.standby", Unit::watts, "switched off between turns"),
    word("devices.*.power.source", "model|rapl|ina3221|pmic|nvml|meter", "where measured power comes from", "model"),
    positive(quantity("devices.*.battery", Unit::joules, "what a full battery holds; none = mains")),
    record("links", "the paths between the devices"),
    record("links.default", "every pair that has no row of its own"),
    positive(quantity("links.default.bandwidth", Unit::bits_per_s, "what one transfer gets")),
    quantity("links.default.latency", Unit::seconds, "one way"),
    word("links.default.duplex", "full|half", "half: sending and receiving share the bandwidth", "full"),
    FieldDef{"links.overrides", Kind::records, "pairs that differ"},
    required(FieldDef{"links.overrides.between", Kind::texts, "the two devices"}),
    positive(quantity("links.overrides.bandwidth", Unit::bits_per_s, "what one transfer gets")),
    quantity("links.overrides.latency", Unit::seconds, "one way"),
    word("links.overrides.duplex", "full|half", "half: sending and receiving share the bandwidth"),
};

constexpr std::array kPlacement = {
    record("placement", "who runs what", "{}"),
    word("placement.mode", "auto|manual", "auto: the planner decides; manual: `map` says", "auto"),
    word("placement.objective", "throughput|latency|energy|lifetime|balance", "what the planner improves",
         "throughput"),
    record("placement.cuts", "where a cut may go"),
    FieldDef{"placement.cuts.after", Kind::texts,
             "only behind these layers or modules; if not given, wherever no layer is cut"},
    record("placement.split", "rewrites into parallel parts the planner may try"),
    FieldDef{"placement.split.branches", Kind::integers, "independent branches (changes the function)", nullptr, false,
             1, 64},
    FieldDef{"placement.split.filters", Kind::integers, "shares of a layer's filters (exact)", nullptr, false, 1, 64},
    FieldDef{"placement.split.tiles", Kind::integers, "bands of image rows (exact)", nullptr, false, 1, 64},
    FieldDef{"placement.pin", Kind::table, "layer or module -> device it must run on"},
    text("placement.pin.*", "the device"),
    record("placement.limits", "what a plan must keep to"),
    positive(quantity("placement.limits.latency", Unit::seconds, "one frame, end to end")),
    positive(quantity("placement.limits.memory", Unit::share, "of each device's memory", nullptr, 1)),
    record("placement.costs", "where times come from"),
    text("placement.costs.from", "a profile written by `cleave profile`"),
    word("placement.costs.else", "estimate|refuse", "what stands in where nothing was measured", "estimate"),
    FieldDef{"placement.accuracy", Kind::table, "cut -> ways -> accuracy a branch split was measured to reach"},
    FieldDef{"placement.accuracy.*", Kind::table, "ways -> accuracy"},
    real("placement.accuracy.*.*", 0, 1, "measured accuracy"),
    FieldDef{"placement.map", Kind::table,
             "module, layer or node -> device, for mode: manual; others run where the one above does"},
    text("placement.map.*", "the device; a+b for a head split in two ways (see split)"),
};

constexpr std::array kTraining = {
    record("training", "how it is learnt", "{}"),
    word("training.preset", "recommended|as_published", "fills what is not given", "recommended"),
    word("training.algorithm", "metropolis_hastings|sgd", "what changes the weights", "metropolis_hastings"),
    word("training.mode", "async|lockstep", "lockstep: every module does exactly `max` steps on every batch",
         "lockstep"),
    integer("training.batch", 1, 1048576, "samples a loss is computed on", "8192"),
    integer("training.epochs", 1, 1e6, "passes over the training data", "9"),
    real("training.lambda", kTiny, 1e30, "multiplies the reduced loss; the default depends on `reduce`"),
    record("training.iterations", "steps a module does on each batch", "{}"),
    or_words(
        integer("training.iterations.max", 1, 1e9, "at most so many; auto: 12000, with sgd each image once", "auto"),
        "auto"),
    word("training.iterations.stop_early", "on_new_input|never", "stop when newer input has arrived", "never"),
    record("training.pick", "how often each part is changed; the two add up to 1", "{}"),
    real("training.pick.body", 0, 1, "probability of the body", "0.7"),
    real("training.pick.head", 0, 1, "probability of the head", "0.3"),
    record("training.temperature", "annealing: lambda is divided by a temperature"),
    required(real("training.temperature.start", kTiny, 1e30, "at the first step")),
    required(real("training.temperature.end", kTiny, 1e30, "from `over` on")),
    quantity("training.temperature.over", Unit::share, "of the run", "100%", 1),
    integer("training.warm_up", 0, 1e12,
            "steps of each module that are not counted; the only time a proposal's scale adapts"),
    record("training.sgd", "gradient steps, for algorithm: sgd"),
    positive(real("training.sgd.learning_rate", 0, 1e6, "multiplies the slope of the mean loss", "0.05")),
    real("training.sgd.momentum", 0, 0.9999, "share of the last change that is kept", "0.9"),
    integer("training.sgd.batch", 16, 65536, "samples of one step, a multiple of 16: a part of training.batch", "128"),
    record("training.buffer", "what waits between two modules"),
    word("training.buffer.policy", "fifo|latest|replay", "which input is taken next", "fifo"),
    integer("training.buffer.capacity", 1, 1e6, "batches it holds", "4"),
    word("training.buffer.when_full", "block|drop_oldest", "what a sender does then", "block"),
    integer("training.chains", 1, 1024, "independent Markov chains", "1"),
    record("training.keep", "draws kept for averaging"),
    integer("training.keep.draws", 1, 1e6, "how many", "10"),
    integer("training.keep.every", 1, 1e12, "steps between two of them", "1000"),
    record("training.checkpoint", "what is saved while training"),
    quantity("training.checkpoint.every", Unit::seconds, "time between two checkpoints", "5min"),
    integer("training.checkpoint.keep", 1, 1000, "how many stay", "2"),
};

constexpr std::array kRest = {
    record("inference", "how it is run", "{}"),
    integer("inference.batch", 1, 1048576, "samples in a frame", "1"),
    integer("inference.in_flight", 1, 4096, "frames on their way at once", "4"),
    or_words(positive(quantity("inference.rate", Unit::per_s, "frames a second", "max")), "max"),
    record("inference.early_exit", "answer from the first module that is sure enough"),
    required(record("inference.early_exit.rule", "when it is")),
    real("inference.early_exit.rule.max_probability", 0, 1, "leave when the best class has at least this probability"),
    real("inference.early_exit.rule.entropy", 0, 100, "leave when the entropy is at most this, in nats"),
    FieldDef{"inference.early_exit.thresholds", Kind::table, "of some modules, by name, instead of the rule's"},
    or_words(real("inference.early_exit.thresholds.*", 0, 100, "as the rule's number; never: none leaves there"),
             "never"),
    word("inference.predict", "last|mean_of_draws", "from the last weights, or averaged over the draws kept", "last"),
    record("limits", "what running the network in one process may take, as on a microcontroller"),
    positive(
        quantity("limits.memory", Unit::bytes, "of the activations of one sample; of the weights, too, by itself")),
    positive(quantity("limits.weights", Unit::bytes, "of the weights, where they have a memory of their own")),
    record("output", "what a run leaves behind", "{}"),
    text("output.dir", "folder of the run folders", "runs"),
    record("output.trace", "what is recorded while training", "{}"),
    integer("output.trace.every", 1, 1e12, "steps between two rows", "10"),
    word("output.trace.format", "csv", "file format", "csv"),
    record("output.power", "electrical power while running"),
    quantity("output.power.period", Unit::seconds, "time between two readings", "1s"),
};

constexpr auto kTable = join(kTop, kNetwork, kSwarm, kPlacement, kTraining, kRest);

// What may stand on the network, a module, a body or head (written as a map), or a layer.
constexpr std::array kSettings = {
    or_words(record("weights", "which numbers the weights may be"), "real|ternary"),
    FieldDef{"weights.binary", Kind::integers, "[-1, 1] or [0, 1]", nullptr, false, -1, 1},
    record("weights.quantized", "2^bits levels, evenly from -r to r; r = 4·sqrt(2/fan in), with a scale 4·sqrt(2)"),
    required(integer("weights.quantized.bits", 2, 16, "of one weight")),
    word("weights.scale", "per_filter", "a real scale for each filter (XNOR-Net++)"),
    law("prior", "priors", "what is believed of a weight beforehand"),
    law("proposal", "proposals", "how a change is suggested"),
    law("select", "selectors", "which weights a change takes"),
};

constexpr std::array kLayerKeys = {
    text("name", "what the layer is called"),
    FieldDef{"from", Kind::texts, "the layer or layers it reads; the one above it if not given"},
};

constexpr std::array kPartKeys = {
    required(FieldDef{"layers", Kind::layers, "the layers"}),
};

constexpr std::array kResidual = {
    required(FieldDef{"body", Kind::layers, "what is added to the shortcut"}),
    FieldDef{"shortcut", Kind::layers, "the other way; the input itself if not given"},
};
constexpr std::array kParallel = {
    required(FieldDef{"branches", Kind::records, "lists of layers that all read the same input"}),
    word("join", "concat|add", "how their outputs become one", "concat"),
};
constexpr std::array kRepeat = {
    required(integer("times", 1, 1000, "how often")),
    required(FieldDef{"body", Kind::layers, "what is repeated, each time with weights of its own"}),
};
constexpr std::array kBlocks = {
    BlockDef{"residual", "adds a body's output to its input, or to a shortcut's output", kResidual},
    BlockDef{"parallel", "several branches of one input, joined", kParallel},
    BlockDef{"repeat", "a list of layers several times over", kRepeat},
};

void insert(FieldTree& root, const FieldDef& field) {
  FieldTree* at = &root;
  std::string_view rest = field.name;
  while (true) {
    const std::size_t dot = rest.find('.');
    const std::string_view key = rest.substr(0, dot);
    FieldTree* next = nullptr;
    for (FieldTree& child : at->children)
      if (child.key == key) next = &child;
    if (next == nullptr) {
      at->children.push_back({nullptr, key, {}});
      next = &at->children.back();
    }
    at = next;
    if (dot == std::string_view::npos) break;
    rest = rest.substr(dot + 1);
  }
  at->field = &field;
}

}  // namespace

std::span<const LawDef> Language::laws(std::string_view catalog) const {
  if (catalog == "priors") return priors;
  if (catalog == "proposals") return proposals;
  if (catalog == "selectors") return selectors;
  if (catalog == "losses") return losses;
  if (catalog == "datasets") return datasets;
  if (catalog == "presets") return presets;
  return {};
}

std::span<const BlockDef> block_catalog() { return kBlocks; }

FieldTree* FieldTree::find(std::string_view wanted) {
  for (FieldTree& next : children)
    if (next.key == wanted) return &next;
  return nullptr;
}

const FieldTree* FieldTree::child(std::string_view wanted) const {
  const FieldTree* any = nullptr;
  for (const FieldTree& next : children) {
    if (next.key == wanted) return &next;
    if (next.key == "*") any = &next;
  }
  return any;
}

FieldTree field_tree(std::span<const FieldDef> rows) {
  FieldTree root;
  for (const FieldDef& field : rows) insert(root, field);
  return root;
}

FieldTree language_tree() {
  FieldTree root = field_tree(kTable);
  FieldTree& network = *root.find("network");
  for (const FieldDef& field : kSettings) insert(network, field);
  for (const FieldDef& field : kSettings) insert(*network.find("modules"), field);
  return root;
}

FieldTree layer_tree() {
  FieldTree root = field_tree(kLayerKeys);
  for (const FieldDef& field : kSettings) insert(root, field);
  return root;
}

FieldTree part_tree() {
  FieldTree root = field_tree(kPartKeys);
  for (const FieldDef& field : kSettings) insert(root, field);
  return root;
}

bool is_free_key(std::string_view key) { return key.starts_with("x-"); }

}  // namespace cleave
