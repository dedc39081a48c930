// cleave quantize: a trained network in int8, and what that costs in accuracy.
#include <filesystem>
#include <memory>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "engine/cli/quantization.h"
#include "engine/cli/stop.h"
#include "engine/cli/table.h"
#include "graphs/graph_text.h"
#include "graphs/weights_file.h"
#include "ops/core/file.h"

namespace cleave {

namespace {

using Json = nlohmann::ordered_json;

struct Options {
  std::string model, weights, output;
  std::int64_t limit = 0;
  double percentile = 100;
  QuantizeOptions quantize;
};

// A network's answers to the test data.
struct Score {
  std::string name;
  double accuracy = 0, cross_entropy = 0;
  std::int64_t weight_bytes = 0;  // of the file
};

Samples some_of_train(const ModelSpec& spec, const Dataset& set, std::int64_t count) {
  Samples samples{&set, &spec.input, all_of(set.count)};
  std::vector<std::int64_t> held_out;
  if (spec.data.validation_share > 0)
    samples.picks = hold_out(set.count, spec.data.validation_share, spec.seed, held_out);
  samples.picks.resize(std::min(samples.picks.size(), static_cast<std::size_t>(count)));
  return samples;
}

Score score_of(const std::string& name, const Model& model, const Weights& weights, const Samples& test, int threads) {
  EvaluateOptions options;
  options.flow.in_flight = 2 * std::min(threads, 16);
  options.flow.batch = evaluation_batch(model.graph, options.flow.in_flight);
  options.flow.threads = threads;
  options.flow.stop = &watch_signals();
  const EvaluateReport report = evaluate_samples(model.graph, weights, test, options);
  if (options.flow.stop->load()) throw Interrupted("stopped: nothing was written");
  const Bytes file = weights_to_bytes(model.graph, weights, {}, name);
  return {name, report.accuracy, report.heads.back().cross_entropy, static_cast<std::int64_t>(file.size())};
}

std::string json_text(const std::vector<Score>& scores, const std::vector<QuantizedLayer>& layers,
                      const Samples& images, const Samples& test) {
  Json json = {{"calibration_images", images.picks.size()}, {"test_images", test.picks.size()}};
  for (const Score& score : scores)
    json[score.name] = {
        {"accuracy", score.accuracy}, {"cross_entropy", score.cross_entropy}, {"weights_bytes", score.weight_bytes}};
  json["layers"] = Json::array();
  for (const QuantizedLayer& layer : layers)
    json["layers"].push_back(
        {{"nodes", layer.nodes}, {"largest_input", layer.largest}, {"input_scale", std::stod(layer.input_scale)}});
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string scores_text(const std::vector<Score>& scores, const std::string& format) {
  Table table{{"weights", "test %", "cross-entropy", "file"}, {}};
  for (const Score& score : scores)
    table.rows.push_back({score.name, percent(score.accuracy), fmt::format("{:.4f}", score.cross_entropy),
                          bytes_in_short(score.weight_bytes)});
  table.rows.push_back({"difference", fmt::format("{:+.2f}", 100 * (scores[1].accuracy - scores[0].accuracy)),
                        fmt::format("{:+.4f}", scores[1].cross_entropy - scores[0].cross_entropy), ""});
  return to_text(table, format);
}

// Where the quantized model and its weights go.
struct Outputs {
  std::string model, weights;
};

Outputs outputs_of(const Options& options) {
  namespace fs = std::filesystem;
  fs::path model = options.output;
  if (options.output.empty()) model = fs::path(options.model).stem().string() + "-int8.yaml";
  if (model.extension() != ".yaml" && model.extension() != ".yml")
    throw UserError(fmt::format("--output {}: name a .yaml file; its weights go beside it", printable(options.output)));
  std::error_code error;
  if (fs::equivalent(model, options.model, error))
    throw UserError(fmt::format("--output {} is the model itself: name another file", printable(options.output)));
  return {model.string(), fs::path(model).replace_extension(".safetensors").string()};
}

ExitCode quantize_command(const Options& options, const CommonOptions& common) {
  Log log(common);
  const Outputs outputs = outputs_of(options);
  QuantizeOptions quantize = options.quantize;
  quantize.share = options.percentile / 100;
  quantize.threads = thread_count(common);
  const Trained trained = load_trained(options.model, options.weights, common, log);
  const ModelSpec& spec = trained.model.reading.spec;
  const Dataset train = load_samples(trained.model, spec.data.train, "data.train");
  const Dataset test_set = load_samples(trained.model, spec.data.test, "data.test", options.limit);
  const Samples test{&test_set, &spec.input, all_of(test_set.count)};
  if (test_set.labels.empty()) throw UserError(fmt::format("data.test: {} has no labels", test_set.name));
  const Samples images = some_of_train(spec, train, quantize.images);
  const std::vector<QuantizedLayer> layers = calibrate(trained, images, quantize);
  const std::string yaml = quantized_yaml(trained.model, layers, outputs.model, outputs.weights);
  const Model int8 = load_model_text(outputs.model, yaml);
  Weights weights = trained.weights;
  round_weights(int8.graph, weights);
  const std::vector<Score> scores = {score_of("float", trained.model, trained.weights, test, quantize.threads),
                                     score_of("int8", int8, weights, test, quantize.threads)};
  write_weights(outputs.weights, int8.graph, weights,
                {{"model", spec.name}, {"hash", weights_hash(int8.graph, weights)}, {"cleave", CLEAVE_VERSION}});
  write_file_atomically(outputs.model, ByteSpan(reinterpret_cast<const std::uint8_t*>(yaml.data()), yaml.size()));
  log.info(fmt::format("{}, {}: {} layer{} in int8, by {} images", outputs.model, outputs.weights, layers.size(),
                       layers.size() == 1 ? "" : "s", images.picks.size()));
  print_result(common.format == "json" ? json_text(scores, layers, images, test) : scores_text(scores, common.format));
  return ExitCode::done;
}

}  // namespace

std::function<ExitCode()> declare_quantize(CLI::App& app, const CommonOptions& common) {
  const auto options = std::make_shared<Options>();
  app.add_option("MODEL", options->model, "model file or run folder")->required()->type_name("FILE|DIR");
  app.add_option("--weights", options->weights, "safetensors file; else the run's last weights, or the model's")
      ->type_name("FILE");
  app.add_option("--calibrate", options->quantize.images, "training images to take the layers' ranges from")
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{1} << 30))
      ->capture_default_str()
      ->type_name("N");
  app.add_option("--percentile", options->percentile,
                 "per cent of a layer's inputs that must not be cut off; 100: the largest sets the scale")
      ->check(CLI::Range(50.0, 100.0))
      ->capture_default_str()
      ->type_name("P");
  app.add_option("--except", options->quantize.except, "layers that stay as they are, by name")
      ->delimiter(',')
      ->type_name("NAME,…");
  app.add_option("--limit", options->limit, "score the first so many test samples, 0 = all")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{1} << 40))
      ->capture_default_str()
      ->type_name("N");
  app.add_option("--output", options->output, "the model in int8, MODEL-int8.yaml if not given; weights go beside it")
      ->type_name("FILE");
  return [options, &common] { return quantize_command(*options, common); };
}

}  // namespace cleave
