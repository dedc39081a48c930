// cleave completion: what a shell completes, made from the command table and the language's table.
#include <memory>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "engine/cli/command.h"

namespace cleave {

namespace {

// The paths that --set may change, `training.batch=` and so on; keys below lists and names of the user's are left out.
void add_paths(const FieldTree& tree, const std::string& path, std::string& words) {
  for (const FieldTree& next : tree.children) {
    if (next.key == "*" || next.key == "include" || next.field->kind == Kind::records ||
        next.field->kind == Kind::layers)
      continue;
    const std::string name = path.empty() ? std::string(next.key) : fmt::format("{}.{}", path, next.key);
    if (next.children.empty() || next.field->words != nullptr) words += fmt::format("{}= ", name);
    add_paths(next, name, words);
  }
}

std::string options_of(const CLI::App& app) {
  std::string words;
  for (const CLI::Option* option : app.get_options([](const CLI::Option* o) { return !o->get_group().empty(); }))
    for (const std::string& name : option->get_lnames()) words += fmt::format("--{} ", name);
  return words;
}

std::string bash_script(CLI::App& root) {
  std::string commands = "help ", cases, paths;
  for (const CLI::App* command : root.get_subcommands({})) {
    commands += command->get_name() + " ";
    cases += fmt::format("    {}) words=\"{}\" ;;\n", command->get_name(), options_of(*command));
  }
  add_paths(language_tree(), "", paths);
  return fmt::format(R"(_cleave() {{
  local current=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD - 1]}} words=""
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ] || [ "${{COMP_WORDS[1]}}" = help ]; then
    mapfile -t COMPREPLY < <(compgen -W "{}" -- "$current")
    return
  fi
  if [ "$before" = --set ]; then
    mapfile -t COMPREPLY < <(compgen -W "{}" -- "$current")
    compopt -o nospace 2>/dev/null
    return
  fi
  case "${{COMP_WORDS[1]}}" in
{}  esac
  if [[ $current == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
  else
    mapfile -t COMPREPLY < <(compgen -f -- "$current")
    compopt -o filenames 2>/dev/null
  fi
}}
complete -F _cleave cleave
)",
                     commands, paths, cases);
}

}  // namespace

std::function<ExitCode()> declare_completion(CLI::App& app, const CommonOptions& /*common*/) {
  const auto shell = std::make_shared<std::string>("bash");
  app.add_option("SHELL", *shell, "the shell; zsh reads bash's form")
      ->check(CLI::IsMember({"bash", "zsh"}))
      ->capture_default_str()
      ->type_name("bash|zsh");
  return [shell, &app] {
    const std::string before = *shell == "zsh" ? "autoload -U +X bashcompinit && bashcompinit\n" : "";
    print_result(before + bash_script(*app.get_parent()));
    return ExitCode::done;
  };
}

}  // namespace cleave
