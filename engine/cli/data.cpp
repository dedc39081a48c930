// cleave data: which data sets there are on this machine.
#include <cstdlib>
#include <memory>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "engine/cli/command.h"
#include "engine/cli/table.h"
#include "engine/data/inventory.h"
#include "graphs/graph_text.h"
#include "ops/core/catalog.h"

namespace cleave {

namespace {

using Json = nlohmann::ordered_json;

struct Options {
  std::string action, name, path;
};

std::vector<std::string> search_path() { return data_search_path(std::getenv("CLEAVE_DATA")); }

std::string folder_of(const std::vector<std::string>& files) {
  return files.empty() ? "" : files.front().substr(0, files.front().rfind('/'));
}

std::string place_of(const DatasetStatus& set) {
  if (set.generated) return "generated, needs no files";
  return set.files.empty() ? "not found" : folder_of(set.files);
}

void list_sets(const CommonOptions& common) {
  const std::vector<DatasetStatus> all = list_datasets(search_path());
  Table table{{"data set", "where", "size", "what"}, {}};
  Json list = Json::array();
  for (const DatasetStatus& set : all) {
    const bool found = set.generated || !set.files.empty();
    table.rows.push_back({set.name, place_of(set), set.bytes == 0 ? "-" : bytes_in_short(set.bytes), set.doc});
    list.push_back({{"name", set.name},
                    {"doc", set.doc},
                    {"splits", set.splits},
                    {"generated", set.generated},
                    {"found", found},
                    {"files", set.files},
                    {"bytes", set.bytes},
                    {"missing", set.missing}});
  }
  if (common.format == "json") return print_result(list.dump(2) + "\n");
  std::string text = to_text(table, common.format);
  if (common.format == "text")
    text +=
        fmt::format("\nlooked for in {} ($CLEAVE_DATA, parted by ':', comes first)\n", fmt::join(search_path(), ", "));
  print_result(text);
}

// One set's verdict: "sound", "not found", or what is damaged.
struct Verdict {
  DatasetCheck check;
  std::string damage;
};

Verdict check_one(const std::string& name, const std::string& path) {
  DatasetRequest request;
  request.path = path;
  request.search = search_path();
  try {
    return {check_dataset(name, request), ""};
  } catch (const RunError& error) {
    return {{name, {}, {}}, error.what()};
  }
}

Json json_of(const Verdict& verdict) {
  Json splits = Json::array();
  for (const SplitCheck& split : verdict.check.splits)
    splits.push_back({{"split", split.split},
                      {"samples", split.count},
                      {"shape", split.shape},
                      {"per_class", split.per_class},
                      {"class_names", split.class_names}});
  Json files = Json::array();
  for (const FileCheck& file : verdict.check.files)
    files.push_back({{"path", file.path}, {"bytes", file.bytes}, {"crc32", fmt::format("{:08x}", file.crc32)}});
  return {{"name", verdict.check.name},
          {"sound", verdict.damage.empty()},
          {"damage", verdict.damage},
          {"splits", splits},
          {"files", files}};
}

Table split_table(const std::vector<Verdict>& verdicts) {
  Table table{{"data set", "split", "samples", "shape", "classes", "smallest class", "largest class"}, {}};
  for (const Verdict& verdict : verdicts)
    for (const SplitCheck& split : verdict.check.splits) {
      const auto [low, high] = std::minmax_element(split.per_class.begin(), split.per_class.end());
      const bool any = !split.per_class.empty();
      table.rows.push_back({verdict.check.name, split.split, fmt::format("{}", split.count), to_text(split.shape),
                            fmt::format("{}", split.per_class.size()), any ? fmt::format("{}", *low) : "-",
                            any ? fmt::format("{}", *high) : "-"});
    }
  return table;
}

std::string files_text(const std::vector<Verdict>& verdicts) {
  Table table{{"file", "size", "crc32"}, {}};
  for (const Verdict& verdict : verdicts)
    for (const FileCheck& file : verdict.check.files)
      table.rows.push_back({file.path, bytes_in_short(file.bytes), fmt::format("{:08x}", file.crc32)});
  return table.rows.empty() ? "" : "\n" + to_text(table, "text");
}

// The set named, or all that are found.
std::vector<std::string> sets_to_check(const Options& options) {
  if (!options.name.empty()) return {options.name};
  std::vector<std::string> names;
  for (const DatasetStatus& set : list_datasets(search_path()))
    if (set.generated || (!set.files.empty() && set.missing.empty())) names.push_back(set.name);
  return names;
}

ExitCode check_sets(const Options& options, const CommonOptions& common) {
  if (options.name.empty() && !options.path.empty())
    throw UserError("--path needs the name of a data set: cleave data check NAME --path FOLDER");
  std::vector<Verdict> verdicts;
  for (const std::string& name : sets_to_check(options)) verdicts.push_back(check_one(name, options.path));
  bool sound = true;
  for (const Verdict& verdict : verdicts) sound = sound && verdict.damage.empty();
  if (common.format == "json") {
    Json list = Json::array();
    for (const Verdict& verdict : verdicts) list.push_back(json_of(verdict));
    print_result(list.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
  } else {
    const Table table = split_table(verdicts);
    if (!table.rows.empty())
      print_result(to_text(table, common.format) + (common.format == "text" ? files_text(verdicts) : ""));
    for (const Verdict& verdict : verdicts)
      if (!verdict.damage.empty()) std::fputs(fmt::format("damaged: {}\n", verdict.damage).c_str(), stderr);
  }
  return sound ? ExitCode::done : ExitCode::check_failed;
}

ExitCode data_command(const Options& options, const CommonOptions& common) {
  if (options.action == "check") return check_sets(options, common);
  if (options.action != "list") {
    const std::string near = closest_name(options.action, {"list", "check"});
    throw UserError(fmt::format(
        "cleave data {}: {}", options.action,
        near.empty() ? "write `cleave data list` or `cleave data check`" : fmt::format("did you mean '{}'?", near)));
  }
  if (!options.name.empty()) throw UserError("cleave data list takes no name; did you mean 'check'?");
  if (!options.path.empty()) throw UserError("cleave data list takes no --path; did you mean 'check'?");
  list_sets(common);
  return ExitCode::done;
}

}  // namespace

std::function<ExitCode()> declare_data(CLI::App& app, const CommonOptions& common) {
  const auto options = std::make_shared<Options>();
  app.add_option("ACTION", options->action, "list: what is known and where it was found; check: read and count it")
      ->required()
      ->type_name("list|check");
  app.add_option("NAME", options->name, "the data set to check; else all that are found")->type_name("NAME");
  app.add_option("--path", options->path, "folder or file to check instead of the usual places")->type_name("PATH");
  return [options, &common] { return data_command(*options, common); };
}

}  // namespace cleave
