// cleave graph: the picture. SVG is drawn by Graphviz's `dot` where that is installed, else by our own layering.
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>

#include <fcntl.h>
#include <fmt/format.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>
#include <CLI/CLI.hpp>

#include "engine/cli/command.h"
#include "graphs/draw.h"
#include "graphs/graph_text.h"
#include "ops/core/file.h"

extern char** environ;  // NOLINT: POSIX

namespace cleave {

namespace {

// A folder that is removed again.
struct TemporaryFolder {
  std::filesystem::path path;
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "cleave-XXXXXX").string();
    if (mkdtemp(name.data()) != nullptr) path = name;
  }
  ~TemporaryFolder() {
    std::error_code ignored;
    if (!path.empty()) std::filesystem::remove_all(path, ignored);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
};

// Runs `dot` on a text; nothing when it is not installed or fails.
std::optional<std::string> svg_by_dot(const std::string& dot) {
  const TemporaryFolder folder;
  if (folder.path.empty()) return std::nullopt;
  const std::string in = folder.path / "graph.dot";
  const std::string out = folder.path / "graph.svg";
  const Bytes bytes(dot.begin(), dot.end());
  write_file_atomically(in, bytes);
  std::string program = "dot", format = "-Tsvg", to = "-o";
  char* argv[] = {
      program.data(), format.data(), const_cast<char*>(in.c_str()), to.data(), const_cast<char*>(out.c_str()), nullptr};
  pid_t child = 0;
  if (posix_spawnp(&child, "dot", nullptr, nullptr, argv, environ) != 0) return std::nullopt;
  int status = 0;
  if (waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0) return std::nullopt;
  constexpr std::int64_t kMaxSvgBytes = 64 << 20;
  const Bytes svg = read_file(out, kMaxSvgBytes);
  return std::string(svg.begin(), svg.end());
}

std::string draw(const Graph& graph, const std::string& format, const std::string& engine) {
  if (format == "dot") return to_dot(graph);
  if (format == "json") return graph_to_json(graph);
  if (format == "ascii") return to_ascii(graph);
  if (engine != "own")
    if (std::optional<std::string> svg = svg_by_dot(to_dot(graph))) return *svg;
  if (engine == "dot") throw RunError("`dot` is not there or failed; apt-get install graphviz, or --engine own");
  return to_svg(graph);
}

}  // namespace

std::function<ExitCode()> declare_graph(CLI::App& app, const CommonOptions& common) {
  struct Options {
    std::string file;
    std::string engine = "auto";
    bool fused = false;
  };
  const auto options = std::make_shared<Options>();
  app.add_option("MODEL", options->file, "model file")->required()->type_name("FILE");
  app.add_flag("--fused", options->fused, "as inference runs it, after the passes");
  app.add_option("--engine", options->engine, "what draws the svg; auto: dot where installed, else our own layering")
      ->check(CLI::IsMember({"auto", "dot", "own"}))
      ->capture_default_str()
      ->type_name("auto|dot|own");
  return [options, &common] {
    if (options->engine != "auto" && common.format != "svg")
      throw UserError(fmt::format("--engine {} is for --format svg", options->engine));
    Model model = load_model(options->file, common);
    if (model.graph.nodes.empty()) throw UserError(fmt::format("{} has devices but no network to draw", options->file));
    if (options->fused) fuse_for_inference(model.graph);
    print_result(draw(model.graph, common.format, options->engine));
    return ExitCode::done;
  };
}

}  // namespace cleave
