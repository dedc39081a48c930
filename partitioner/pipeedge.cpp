#include "partitioner/pipeedge.h"

#include <algorithm>
#include <array>
#include <cmath>

#include <fmt/format.h>

#include "ops/core/catalog.h"
#include "ops/core/error.h"
#include "partitioner/pipeedge_reader.h"

namespace cleave {

namespace {

constexpr double kMega = 1024 * 1024;  // of PipeEdge's MB and Mbps

std::size_t at(int index) { return static_cast<std::size_t>(index); }

std::vector<double> prefix_sums(const std::vector<double>& values, double factor) {
  std::vector<double> sums{0};
  for (const double value : values) sums.push_back(sums.back() + value * factor);
  return sums;
}

// "strictly below" of PipeEdge as "at most".
double largest_below(double bytes) { return std::nextafter(bytes, 0.0); }

void fill_memory(Problem& problem, const PipeEdgeData& data, const PipeEdgeOptions& options) {
  const double bytes = static_cast<double>(data.bytes_of_parameter * data.batch);
  const double in = 1 + static_cast<double>(options.buffers_in), out = 1 + static_cast<double>(options.buffers_out);
  problem.held_bytes = prefix_sums(data.mem_mb, kMega);
  problem.sent_bytes = {data.parameters_in * bytes};
  for (const double parameters : data.parameters_out) problem.sent_bytes.push_back(parameters * bytes);
  for (const double sent : problem.sent_bytes) {
    problem.in_bytes.push_back(sent * in);
    problem.out_bytes.push_back(sent * out);
  }
  problem.in_bytes.front() = problem.sent_bytes.front();  // the input waits in no buffer
}

Problem problem_of(const PipeEdgeData& data, const PipeEdgeOptions& options) {
  Problem problem;
  problem.positions = static_cast<int>(data.mem_mb.size()) + 1;
  problem.model = find(cost_model_catalog(), "overlapped");
  int device = 0;
  for (const PipeEdgeType& type : data.types) {
    DeviceKind& kind = problem.kinds.emplace_back();
    for (std::size_t host = 0; host < type.hosts.size(); ++host) kind.devices.push_back(device++);
    kind.memory_bytes = largest_below(type.mem_mb * kMega);
    problem.done_s.push_back(prefix_sums(type.time_s, 1));
    std::vector<LinkCost>& links = problem.links.emplace_back();
    for (const PipeEdgeType& other : data.types)
      links.push_back({0, 8 / (std::min(type.bw_mbps, other.bw_mbps) * kMega), false});
  }
  problem.measured_s.resize(data.types.size());
  problem.entry_s.assign(data.types.size(), 0);
  fill_memory(problem, data, options);
  return problem;
}

// A name as YAML reads it back as a text.
std::string yaml_name(const std::string& name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const auto plain = [&](char c) { return letter(c) || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_'; };
  std::string lower = name;
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  constexpr std::array kWords = {"true", "false", "yes", "no", "on", "off", "null", "y", "n"};
  const bool word = std::find(kWords.begin(), kWords.end(), lower) != kWords.end();
  if (!word && letter(name.front()) && std::all_of(name.begin(), name.end(), plain)) return name;
  std::string quoted = "\"";
  for (const char c : name) {
    if (c == '"' || c == '\\') quoted += '\\';
    if (c == '\n') quoted += "\\n";
    else if (c == '\r') quoted += "\\r";
    else quoted += c;
  }
  return quoted + '"';
}

[[noreturn]] void refuse(const PipeEdge& pipeedge) {
  const Problem& problem = pipeedge.problem;
  std::string why = "the hosts are too few or too small together";
  for (int layer = 1; layer < problem.positions; ++layer) {
    double missing = kInfinity;
    int nearest = 0;
    for (int k = 0; k < static_cast<int>(problem.kinds.size()); ++k) {
      const Stage stage{k, layer - 1, layer};
      const double lacks = memory_bytes(problem, stage) - problem.kinds[at(k)].memory_bytes;
      if (lacks < missing) nearest = k;
      missing = std::min(missing, lacks);
    }
    if (missing <= 0) continue;
    why = fmt::format("no host can hold layer {}: {} lacks {:.0f} bytes for it", layer, pipeedge.types[at(nearest)],
                      std::max(1.0, std::ceil(missing)));
    break;
  }
  throw UserError(fmt::format("{} fits on no hosts: {}", pipeedge.model, why), ExitCode::no_placement);
}

}  // namespace

PipeEdge read_pipeedge(const PipeEdgeFiles& files, const PipeEdgeOptions& options) {
  if (options.batch < 0 || options.buffers_in < 0 || options.buffers_out < 0)
    throw UserError("a batch size and numbers of buffers are not below 0");
  const PipeEdgeData data = read_pipeedge_data(files, options);
  PipeEdge pipeedge{data.model, data.dtype, data.batch, {}, {}, problem_of(data, options)};
  for (const PipeEdgeType& type : data.types) {
    pipeedge.types.push_back(type.name);
    pipeedge.hosts.insert(pipeedge.hosts.end(), type.hosts.begin(), type.hosts.end());
  }
  return pipeedge;
}

std::string pipeedge_plan_text(const PipeEdge& pipeedge, const Solution& solution) {
  if (solution.stages.empty()) refuse(pipeedge);
  std::vector<std::size_t> used(pipeedge.types.size());
  std::string text;
  for (const Stage& stage : solution.stages) {
    const int device = pipeedge.problem.kinds[at(stage.kind)].devices[used[at(stage.kind)]++];
    text += fmt::format("- {}: [{}, {}]\n", yaml_name(pipeedge.hosts[at(device)]), stage.from + 1, stage.to);
  }
  const Score score = evaluate(pipeedge.problem, solution.stages);
  text += fmt::format("# {}, batches of {}, {}: {} of {} hosts\n", pipeedge.model, pipeedge.batch, pipeedge.dtype,
                      solution.stages.size(), pipeedge.hosts.size());
  text += fmt::format("# period {:.12g} s a batch ({:.6g} samples/s), latency {:.6g} s, optimal: {}\n", score.period_s,
                      static_cast<double>(pipeedge.batch) / score.period_s, score.latency_s,
                      solution.optimal ? "yes" : fmt::format("no (gap {:.2g} %)", 100 * gap_of(solution)));
  return text;
}

}  // namespace cleave
