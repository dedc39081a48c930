// cleave init: a model that runs, to start from.
#include <filesystem>
#include <memory>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <CLI/CLI.hpp>

#include "engine/cli/command.h"
#include "engine/cli/log.h"
#include "engine/cli/table.h"
#include "engine/cli/templates.h"
#include "ops/core/catalog.h"
#include "ops/core/file.h"

namespace cleave {

namespace {

struct Options {
  std::string file = "model.yaml";
  std::string name = "first-run";
  bool list = false;
  bool force = false;
};

const TemplateDef& find_template(const std::string& name) {
  const TemplateDef* def = find(template_catalog(), name);
  if (def != nullptr) return *def;
  const std::vector<std::string> known = names_of(template_catalog());
  const std::string near = closest_name(name, known);
  throw UserError(near.empty() ? fmt::format("there is no template '{}'; one of: {}", name, fmt::join(known, ", "))
                               : fmt::format("there is no template '{}'; did you mean '{}'?", name, near));
}

std::string list_text() {
  Table table{{"template", "what it is"}, {}};
  for (const TemplateDef& def : template_catalog()) table.rows.push_back({def.name, def.doc});
  return to_text(table, "text");
}

ExitCode init_command(const Options& options, const CommonOptions& common) {
  if (options.list) {
    print_result(list_text());
    return ExitCode::done;
  }
  const TemplateDef& def = find_template(options.name);
  const std::string text = def.text;
  if (options.file == "-") {
    print_result(text);
    return ExitCode::done;
  }
  const std::string path =
      common.out_dir.empty() ? options.file : (std::filesystem::path(common.out_dir) / options.file).string();
  std::error_code unknown;
  if (!options.force && std::filesystem::exists(path, unknown))
    throw UserError(fmt::format("{} is there already; --force replaces it", path));
  write_file_atomically(path, ByteSpan(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
  Log(common).info(
      fmt::format("wrote {} ({}); try: {}", path, def.doc, fmt::format(fmt::runtime(def.next), shell_word(path))));
  return ExitCode::done;
}

}  // namespace

std::function<ExitCode()> declare_init(CLI::App& app, const CommonOptions& common) {
  const auto options = std::make_shared<Options>();
  app.add_option("FILE", options->file, "file to write, - for stdout")->capture_default_str()->type_name("FILE");
  app.add_option("--template", options->name, "which model")->capture_default_str()->type_name("NAME");
  app.add_flag("--list", options->list, "list the templates, write nothing");
  app.add_flag("--force", options->force, "replace a file that is there");
  return [options, &common] { return init_command(*options, common); };
}

}  // namespace cleave
