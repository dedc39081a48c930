#include "engine/cli/train_job.h"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "engine/cli/table.h"
#include "engine/cli/train_progress.h"
#include "engine/mcmc/block_batch.h"
#include "engine/mcmc/layer_plan.h"
#include "engine/mcmc/likelihoods.h"
#include "engine/train/hashed_bytes.h"
#include "engine/train/sgd.h"
#include "graphs/graph_text.h"
#include "graphs/weights_file.h"
#include "ops/core/file.h"

namespace cleave {

namespace {

constexpr double kColdPerImage = 100;  // λ per image from which on sampling is close to a search

// Throws UserError for what the trainer would refuse later, when data are read and folders made.
void refuse_untrainable(const Model& model) {
  const ModelSpec& spec = model.reading.spec;
  if (!spec.has_network) throw UserError(fmt::format("{} has no network: there is nothing to train", spec.file));
  refuse_not_run_yet(spec, "train");
  if (!spec.layers.empty())
    throw UserError(
        fmt::format("{}: the network is one list of `layers`; training needs `modules` with heads", spec.file));
  for (std::size_t m = 0; m < spec.modules.size(); ++m)
    if (!spec.modules[m].head) {
      const SourcePos& pos = spec.modules[m].pos;
      throw UserError(fmt::format("{}:{}:{}: module '{}' has no head: it cannot be trained without one", pos.file,
                                  pos.line, pos.col, spec.modules[m].name));
    }
  for (const Node& node : model.graph.nodes) {
    const bool statistics = std::any_of(node.weights.begin(), node.weights.end(),
                                        [](const WeightSlot& slot) { return slot.role == Role::statistic; });
    const bool dropout = node.op != nullptr && node.op->name == std::string_view("dropout");
    if (statistics || dropout)
      throw UserError(fmt::format("{}:{}:{}: layer '{}': {} cannot be trained with yet; remove it", node.pos.file,
                                  node.pos.line, node.pos.col, node.name, node.op->name));
  }
  const LikelihoodDef* loss = find(likelihood_catalog(), model.graph.loss.name);
  if (loss == nullptr)
    throw UserError(
        fmt::format("{}: the network states no loss; write loss: {{cross_entropy: {{reduce: sum}}}}", spec.file));
  if (!loss->runs())
    throw UserError(fmt::format("{}: the loss '{}' cannot be trained with yet", spec.file, loss->name));
  if (spec.training.algorithm == "sgd" && loss->gradient == nullptr) {
    const SourcePos& pos = find_path(model.reading.doc, "network.loss")->pos;
    throw UserError(fmt::format("{}:{}:{}: {}", pos.file, pos.line, pos.col, no_gradient_of(*loss)));
  }
}

BufferOptions buffer_of(const TrainSpec& training) {
  const BufferPolicy policy = training.buffer_policy == "latest"   ? BufferPolicy::latest
                              : training.buffer_policy == "replay" ? BufferPolicy::replay
                                                                   : BufferPolicy::fifo;
  return {policy, training.buffer_capacity, training.buffer_drops};
}

TrainOptions options_of(const Model& model, const CommonOptions& common) {
  const ModelSpec& spec = model.reading.spec;
  TrainOptions options;
  options.epochs = spec.training.epochs;
  options.batch = spec.training.batch;
  if (spec.training.steps > 0) options.steps = spec.training.steps;
  options.lambda = spec.training.lambda;
  options.reduce = model.graph.loss.reduce;
  options.pick_body = spec.training.pick_body;
  options.pick_head = spec.training.pick_head;
  options.mode = spec.training.mode == "async" ? TrainMode::async : TrainMode::lockstep;
  options.buffer = buffer_of(spec.training);
  options.stop_early = spec.training.stop_early;
  options.checkpoint_every_s = spec.training.checkpoint_every_s;
  options.algorithm = spec.training.algorithm;
  options.sgd = {spec.training.learning_rate, spec.training.momentum, spec.training.sgd_batch};
  options.start_temperature = spec.training.temperature_start;
  options.end_temperature = spec.training.temperature_end;
  options.warm_up = spec.training.warm_up;
  options.keep_draws = spec.training.keep_draws;
  options.keep_every = spec.training.keep_every;
  options.threads = thread_count(common);
  options.seed = spec.seed;
  options.trace_every = spec.output.trace_every;
  options.lanes = options.algorithm == "sgd" ? sgd_lanes(options.sgd.batch) : lanes_for(model.graph);
  return options;
}

void read_data(TrainJob& job) {
  const ModelSpec& spec = job.spec();
  job.train_set = load_samples(job.model, spec.data.train, "data.train");
  if (job.train_set.labels.empty())
    throw UserError(fmt::format("data.train: the data set {} has no labels to learn from", job.train_set.name));
  job.train = {&job.train_set, &spec.input, {}};
  job.validation = {&job.train_set, &spec.input, {}};
  if (spec.data.validation_share > 0)
    job.train.picks = hold_out(job.train_set.count, spec.data.validation_share, spec.seed, job.validation.picks);
  else job.train.picks = all_of(job.train_set.count);
  job.test = {&job.test_set, &spec.input, {}};
  if (spec.data.test.dataset.empty()) return;
  job.test_set = load_samples(job.model, spec.data.test, "data.test");
  if (job.test_set.labels.empty())
    throw UserError(fmt::format("data.test: the data set {} has no labels to score by", job.test_set.name));
  job.test.picks = all_of(job.test_set.count);
}

// What the training set is, so that a run goes on with no other.
std::string data_words(const TrainJob& job) {
  const Dataset& set = job.train_set;
  const auto hash = [](const auto& values) { return hash_of(std::as_bytes(std::span(values))); };
  const std::uint64_t parts[] = {hash(set.bytes), hash(set.values), hash(set.labels), hash(job.train.picks)};
  return fmt::format("{}, {} images, {:016x}", set.name, job.train.picks.size(), hash(parts));
}

// Throws UserError when the file asks for more images in a batch than there are; a default is made to fit.
void check_batch(const TrainJob& job) {
  const DocNode* batch = find_path(job.model.reading.doc, "training.batch");
  const auto images = static_cast<std::int64_t>(job.train.picks.size());
  if (batch == nullptr || batch->origin == "default" || batch->origin.starts_with("preset ")) return;
  if (job.options.batch <= images) return;
  throw UserError(fmt::format("{}:{}:{}: a batch of {} images, {} has {} to train on: write at most that many",
                              batch->pos.file, batch->pos.line, batch->pos.col, job.options.batch, job.train_set.name,
                              images));
}

void finish_job(TrainJob& job, const CommonOptions& common) {
  job.options = options_of(job.model, common);
  check_trainable(job.graph(), job.weights, job.options);
  read_data(job);
  check_batch(job);
  job.options.batch = images_per_batch(job);  // an epoch is cut into equal batches; a default λ of a mean depends on it
  if (job.options.algorithm == "sgd" && job.spec().training.steps == 0)
    job.options.steps = (job.options.batch + job.options.sgd.batch - 1) / job.options.sgd.batch;
  const auto steps = static_cast<double>(job.options.epochs * batches_per_epoch(job) * job.options.steps);
  job.options.annealed_steps = static_cast<std::int64_t>(job.spec().training.temperature_over * steps);
  job.options.data = data_words(job);
  if (job.options.mode == TrainMode::async) job.options.epoch_batches = batches_per_epoch(job);
}

std::int64_t dataset_bytes(const Dataset& set) {
  return static_cast<std::int64_t>(set.bytes.size() + 4 * (set.values.size() + set.labels.size()));
}

std::int64_t image_count(const Samples& samples) { return static_cast<std::int64_t>(samples.picks.size()); }

// Floats a module keeps for one image: each output and the new one of a proposal; what it reads and sends, twice.
std::int64_t floats_per_image(const Graph& graph, ModuleId id) {
  std::int64_t floats = 2 * element_count(graph.node(graph.module(id).input).type.shape);
  for (const Node& node : graph.nodes)
    if (node.module == id && node.op != nullptr) floats += 2 * element_count(node.type.shape);
  return floats;
}

struct ModuleSize {
  std::string name;
  std::int64_t layers = 0, weights = 0;
};

std::vector<ModuleSize> module_sizes(const Graph& graph) {
  std::vector<ModuleSize> sizes;
  for (const Module& module : graph.modules) sizes.push_back({module.name});
  for (const Node& node : graph.nodes) {
    if (node.module == ModuleId::none || node.weights.empty()) continue;
    ++sizes[index_of(node.module)].layers;
    sizes[index_of(node.module)].weights += weight_count(node);
  }
  return sizes;
}

}  // namespace

void prepare_training(const std::string& model_file, const std::string& weights_file, const CommonOptions& common,
                      TrainJob& job) {
  job.model = load_model(model_file, common);
  refuse_untrainable(job.model);
  job.weights_from = weights_file;
  if (weights_file.empty() && !job.spec().weights_file.empty())
    job.weights_from = beside_model(job.spec(), job.spec().weights_file);
  job.weights = job.weights_from.empty() ? initial_weights(job.graph(), job.spec().seed)
                                         : read_weights(job.weights_from, job.graph());
  finish_job(job, common);
}

void prepare_resumed_training(Model model, const CommonOptions& common, TrainJob& job) {
  job.model = std::move(model);
  refuse_untrainable(job.model);
  job.weights = initial_weights(job.graph(), job.spec().seed);  // of the right sizes
  finish_job(job, common);
}

Model model_of_run(const RunFolder& folder, const RunRecord& record) {
  constexpr std::int64_t kLargestModel = std::int64_t{64} << 20;
  const Bytes text = read_file(folder.model_file(), kLargestModel);
  return load_model_text(record.model_file, std::string(text.begin(), text.end()));
}

std::int64_t batches_per_epoch(const TrainJob& job) {
  return (image_count(job.train) + job.options.batch - 1) / job.options.batch;
}

std::int64_t images_per_batch(const TrainJob& job) {
  const std::int64_t batches = batches_per_epoch(job);
  return (image_count(job.train) + batches - 1) / batches;
}

double lambda_of(const TrainJob& job) {
  return job.options.lambda > 0 ? job.options.lambda : default_lambda(job.options.reduce, job.options.batch);
}

double lambda_per_image(const TrainJob& job) {
  return job.options.reduce == "mean" ? lambda_of(job) / static_cast<double>(images_per_batch(job)) : lambda_of(job);
}

double other_lambda(const TrainJob& job) {
  const double images = static_cast<double>(images_per_batch(job));
  return job.options.reduce == "mean" ? lambda_of(job) / images : lambda_of(job) * images;
}

std::string lambda_line(const TrainJob& job) {
  const bool mean = job.options.reduce == "mean";
  const double per_image = lambda_per_image(job);
  const char* kind = per_image >= kColdPerImage ? "cold: nearly a search for the best weights"
                     : per_image > 10           ? "cool: between a search and a posterior"
                                                : "warm: a posterior over weights";
  return fmt::format("λ {:.6g} with reduce: {} is {:.4g} an image ({}); with reduce: {} write {:.6g}", lambda_of(job),
                     job.options.reduce, per_image, kind, mean ? "sum" : "mean", other_lambda(job));
}

std::int64_t memory_estimate(const TrainJob& job) {
  const std::int64_t data = dataset_bytes(job.train_set) + dataset_bytes(job.test_set);
  const std::int64_t lanes = job.options.lanes;
  const std::int64_t images = (images_per_batch(job) + lanes - 1) / lanes * lanes;
  std::int64_t bytes = 4 * 2 * weight_count(job.graph());
  bytes += 4 * 2 * job.options.keep_draws * weight_count(job.graph());  // kept, and in a checkpoint on its way
  bytes += 4 * images * 3 * element_count(job.spec().input.shape);
  for (std::size_t m = 0; m < job.graph().modules.size(); ++m)
    bytes += 4 * images * floats_per_image(job.graph(), static_cast<ModuleId>(m));
  if (job.options.mode == TrainMode::async)
    for (std::size_t m = 1; m < job.graph().modules.size(); ++m)
      bytes += 4 * images * job.options.buffer.capacity *
               element_count(job.graph().node(job.graph().modules[m].input).type.shape);
  return data + job.spec().training.chains * bytes;
}

std::int64_t disk_estimate(const TrainJob& job) {
  constexpr std::int64_t kRowBytes = 96;
  const auto modules = static_cast<std::int64_t>(job.graph().modules.size());
  const double steps = static_cast<double>(job.options.epochs * batches_per_epoch(job)) *
                       static_cast<double>(job.options.steps * modules);
  const double rows = steps / static_cast<double>(job.options.trace_every);
  const std::int64_t checkpoints = job.spec().training.checkpoint_keep + 1;  // old and new for a while
  const std::int64_t files = 2 + checkpoints + job.options.keep_draws * (checkpoints + 1) + 1;  // of weights
  const std::int64_t chain = files * 4 * weight_count(job.graph()) + static_cast<std::int64_t>(kRowBytes * rows);
  return job.spec().training.chains * chain + (1 << 20);
}

std::string mode_line(const TrainJob& job) {
  const TrainSpec& training = job.spec().training;
  const std::string saved = fmt::format("a checkpoint every {}, {} kept",
                                        duration_in_short(training.checkpoint_every_s), training.checkpoint_keep);
  if (job.options.mode == TrainMode::lockstep)
    return "lockstep: every module does all its steps on every batch; " + saved;
  return fmt::format("async: buffers {} of {}, {} when full, {}; {}", training.buffer_policy, training.buffer_capacity,
                     training.buffer_drops ? "dropping the oldest" : "their senders wait",
                     training.stop_early ? "leaving a batch for a newer one" : "all steps on what is taken", saved);
}

std::string describe(const TrainJob& job) {
  Table table{{"module", "layers", "weights", "steps a batch", "steps"}, {}};
  const std::int64_t batches = batches_per_epoch(job) * job.options.epochs;
  for (const ModuleSize& size : module_sizes(job.graph()))
    table.rows.push_back({size.name, with_blanks(size.layers), with_blanks(size.weights),
                          with_blanks(job.options.steps), with_blanks(job.options.steps * batches)});
  std::string text = fmt::format("{}: would train {} epoch{} of {} batch{} of {} images ({} {})\n", job.spec().name,
                                 job.options.epochs, job.options.epochs == 1 ? "" : "s", batches_per_epoch(job),
                                 batches_per_epoch(job) == 1 ? "" : "es", with_blanks(images_per_batch(job)),
                                 with_blanks(image_count(job.train)), job.train_set.name);
  if (!job.validation.picks.empty())
    text += fmt::format("held out for validation: {} images\n", with_blanks(image_count(job.validation)));
  if (!job.test.picks.empty()) text += fmt::format("scored on: {} images\n", with_blanks(image_count(job.test)));
  text += fmt::format("start weights: {}\n",
                      job.weights_from.empty() ? fmt::format("random, seed {}", job.spec().seed) : job.weights_from);
  text += algorithm_line(job) + "\n";
  text += mode_line(job) + "\n";
  text += fmt::format("threads {}, memory about {}, disk about {}\n\n", job.options.threads,
                      bytes_in_short(memory_estimate(job)), bytes_in_short(disk_estimate(job)));
  return text + to_text(table, "text") + "\n(a dry run: nothing was trained or written)\n";
}

std::string describe_json(const TrainJob& job) {
  using Json = nlohmann::ordered_json;
  Json modules = Json::array();
  for (const ModuleSize& size : module_sizes(job.graph()))
    modules.push_back({{"name", size.name}, {"layers", size.layers}, {"weights", size.weights}});
  const Json json = {{"model", job.spec().name},
                     {"dry_run", true},
                     {"seed", job.options.seed},
                     {"start_weights", job.weights_from.empty() ? Json() : Json(job.weights_from)},
                     {"epochs", job.options.epochs},
                     {"batches_per_epoch", batches_per_epoch(job)},
                     {"images_per_batch", images_per_batch(job)},
                     {"steps_per_batch", job.options.steps},
                     {"mode", job.spec().training.mode},
                     {"buffer",
                      {{"policy", job.spec().training.buffer_policy},
                       {"capacity", job.spec().training.buffer_capacity},
                       {"drops_oldest", job.spec().training.buffer_drops}}},
                     {"stop_early", job.spec().training.stop_early},
                     {"checkpoint_every_s", job.options.checkpoint_every_s},
                     {"checkpoints_kept", job.spec().training.checkpoint_keep},
                     {"train_images", image_count(job.train)},
                     {"validation_images", image_count(job.validation)},
                     {"test_images", image_count(job.test)},
                     {"algorithm", job.options.algorithm},
                     {"reduce", job.options.reduce},
                     {"lambda", lambda_of(job)},
                     {"lambda_per_image", lambda_per_image(job)},
                     {"lambda_of_other_reduce", other_lambda(job)},
                     {"threads", job.options.threads},
                     {"memory_bytes", memory_estimate(job)},
                     {"disk_bytes", disk_estimate(job)},
                     {"modules", modules}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace cleave
