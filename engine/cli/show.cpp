#include <memory>

#include <CLI/CLI.hpp>

#include "engine/cli/planning.h"
#include "engine/runtime/evaluate.h"
#include "engine/runtime/shard.h"
#include "graphs/doc_text.h"
#include "graphs/graph_text.h"
#include "partitioner/plan_file.h"
#include "partitioner/table.h"

namespace cleave {

namespace {

// The plan of the model's own devices: the stated one, else the best.
std::string plan_stage(const std::string& file, const CommonOptions& common) {
  PlanningOptions options;
  options.file = file;
  const std::unique_ptr<PlanningJob> job = prepare_planning(options, common);
  const PlanTable table = planned(*job);
  refuse_no_plan(table, file);
  return common.format == "json" ? plan_json(job->setting(), table) : plan_to_yaml(job->setting(), table.plan());
}

// What each device of that plan runs, for inference.
std::string shards_stage(const std::string& file, const CommonOptions& common) {
  PlanningOptions options;
  options.file = file;
  const std::unique_ptr<PlanningJob> job = prepare_planning(options, common);
  const PlanTable table = planned(*job);
  refuse_no_plan(table, file);
  std::vector<std::string> devices;
  for (const Device& device : job->swarm.devices) devices.push_back(device.name);
  const Graph& graph = job->model.graph;
  const std::vector<NodeId> wanted = answering_nodes(graph);
  const Sharding sharding = make_shards(graph, {}, table.plan(), devices, wanted, false, job->request.batch);
  return common.format == "json" ? shards_to_json(sharding) : to_text(sharding);
}

}  // namespace

std::function<ExitCode()> declare_show(CLI::App& app, const CommonOptions& common) {
  struct Options {
    std::string file;
    std::string stage = "spec";
    bool origin = false;
    bool fused = false;
  };
  const auto options = std::make_shared<Options>();
  app.add_option("MODEL", options->file, "model or swarm file")->required()->type_name("FILE");
  app.add_option("--stage", options->stage,
                 "spec: the file as understood; graph: nodes, shapes, weights, work; plan: who runs what; "
                 "shards: what each device is given, and what travels between them")
      ->check(CLI::IsMember({"spec", "graph", "plan", "shards"}))
      ->capture_default_str()
      ->type_name("spec|graph|plan|shards");
  app.add_flag("--origin", options->origin, "after each value of the spec, where it came from");
  app.add_flag("--fused", options->fused, "the graph as inference runs it, after the passes");
  return [options, &common] {
    if (options->fused && options->stage != "graph") throw UserError("--fused is for --stage graph");
    if (options->origin && (options->stage != "spec" || common.format != "text"))
      throw UserError("--origin is for --stage spec as text");
    if (options->stage == "plan") {
      print_result(plan_stage(options->file, common));
      return ExitCode::done;
    }
    if (options->stage == "shards") {
      print_result(shards_stage(options->file, common));
      return ExitCode::done;
    }
    Model model = load_model(options->file, common);
    if (options->fused) fuse_for_inference(model.graph);
    const bool json = common.format == "json";
    if (options->stage == "graph") print_result(json ? graph_to_json(model.graph) : to_text(model.graph));
    else print_result(json ? doc_to_json(model.reading.doc) : doc_to_yaml(model.reading.doc, options->origin));
    return ExitCode::done;
  };
}

}  // namespace cleave
