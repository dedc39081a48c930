// cleave keys: the authority of a swarm, and a certificate for each device.
#include "engine/net/keys.h"

#include <algorithm>
#include <memory>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "engine/cli/command.h"
#include "engine/cli/table.h"
#include "ops/core/catalog.h"

namespace cleave {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::int64_t kDay_s = 86400;

struct Options {
  std::string action;
  std::vector<std::string> names;
  std::string folder = "keys";
  std::int64_t days = 365;
  bool replace = false;
  CLI::Option* days_given = nullptr;
};

std::string init(const Options& options) {
  make_authority(options.folder);
  return fmt::format(
      "made {0}/authority.key and authority.crt\n"
      "Keep authority.key here: who has it can let anything into the swarm.\n"
      "next: cleave keys add{1} NAME...\n",
      options.folder, options.folder == "keys" ? "" : " --keys " + shell_word(options.folder));
}

std::string add(const Options& options) {
  std::string text;
  for (const std::string& name : options.names) {
    add_device(options.folder, name, {.until_s = options.days * kDay_s}, options.replace);
    text += fmt::format("{1}: made {0}/{1}.key and {1}.crt, good for {2} days\n", options.folder, name, options.days);
  }
  return text + "Copy NAME.key, NAME.crt, authority.crt and revoked.pem to each device, and never authority.key.\n";
}

std::string revoke(const Options& options) {
  std::string text;
  for (const std::string& name : options.names) {
    const int count = revoke_device(options.folder, name);
    text += count == 0 ? fmt::format("{}: was revoked before\n", name)
                       : fmt::format("{}: {} certificate{} revoked\n", name, count, count == 1 ? "" : "s");
  }
  return text +
         fmt::format("Copy {}/revoked.pem to every device; it counts from the next connection on.\n", options.folder);
}

Table table_of(const std::vector<IssuedKey>& keys) {
  Table table{{"device", "state", "from", "until", "in use", "serial"}, {}};
  for (const IssuedKey& key : keys)
    table.rows.push_back({key.name, to_text(key.state), key.from, key.until, key.in_use ? "yes" : "no", key.serial});
  return table;
}

std::string listed(const Options& options, const CommonOptions& common) {
  const std::vector<IssuedKey> keys = list_keys(options.folder);
  if (common.format == "json") {
    Json list = Json::array();
    for (const IssuedKey& key : keys)
      list.push_back({{"device", key.name},
                      {"state", to_text(key.state)},
                      {"from", key.from},
                      {"until", key.until},
                      {"in_use", key.in_use},
                      {"serial", key.serial}});
    return list.dump(2) + "\n";
  }
  if (keys.empty() && common.format == "text") return "no device has keys yet; cleave keys add NAME makes them\n";
  return to_text(table_of(keys), common.format);
}

struct ActionDef {
  const char* name;
  bool takes_names;
  std::string (*run)(const Options& options);  // null: only the list
};
constexpr ActionDef kActions[] = {
    {"init", false, init}, {"add", true, add}, {"revoke", true, revoke}, {"list", false, nullptr}};

const ActionDef& action_of(const std::string& name) {
  std::vector<std::string> known;
  for (const ActionDef& action : kActions) {
    if (name == action.name) return action;
    known.emplace_back(action.name);
  }
  const std::string near = closest_name(name, known);
  throw UserError(
      fmt::format("cleave keys {}: {}", name,
                  near.empty() ? "write init, add, revoke or list" : fmt::format("did you mean '{}'?", near)));
}

void refuse_unfit(const Options& options, const ActionDef& action) {
  if (action.takes_names && options.names.empty())
    throw UserError(fmt::format("cleave keys {0}: which device? cleave keys {0} NAME", action.name));
  if (!action.takes_names && !options.names.empty())
    throw UserError(fmt::format("cleave keys {} takes no name; did you mean 'add'?", action.name));
  if (std::string(action.name) != "add" && (options.replace || options.days_given->count() > 0))
    throw UserError(
        fmt::format("cleave keys {} has no use for --days and --replace; did you mean 'add'?", action.name));
}

ExitCode keys_command(const Options& options, const CommonOptions& common) {
  const ActionDef& action = action_of(options.action);
  refuse_unfit(options, action);
  const std::string told = action.run == nullptr ? "" : action.run(options);
  print_result(action.run != nullptr && common.format == "text" ? told : listed(options, common));
  return ExitCode::done;
}

}  // namespace

std::function<ExitCode()> declare_keys(CLI::App& app, const CommonOptions& common) {
  const auto options = std::make_shared<Options>();
  app.add_option("ACTION", options->action,
                 "init: make the authority; add: keys for devices; revoke: let them in no more; list: who has keys")
      ->required()
      ->type_name("init|add|revoke|list");
  app.add_option("NAME", options->names, "devices, as the swarm names them")->type_name("NAME...");
  app.add_option("--keys", options->folder, "the folder with the keys")->capture_default_str()->type_name("DIR");
  options->days_given = app.add_option("--days", options->days, "how long the keys of a device are good")
                            ->check(CLI::Range(1, 3650))
                            ->capture_default_str()
                            ->type_name("N");
  app.add_flag("--replace", options->replace, "make new keys even where the old ones are still good (they stay so)");
  return [options, &common] { return keys_command(*options, common); };
}

}  // namespace cleave
