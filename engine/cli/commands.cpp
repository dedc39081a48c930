// The command table, and the only place where errors end.
#include <csignal>
#include <cstdio>
#include <exception>
#include <sstream>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "engine/cli/command.h"
#include "engine/cli/log.h"
#include "ops/core/catalog.h"
#include "ops/kernels/isa.h"

namespace cleave {

std::function<ExitCode()> declare_init(CLI::App& app, const CommonOptions& common);
std::function<ExitCode()> declare_import(CLI::App& app, const CommonOptions& common);
std::function<ExitCode()> declare_export(CLI::App& app, const CommonOptions& common);
std::function<ExitCode()> declare_check(CLI::App& app, const CommonOptions& common);
std::function<ExitCode()> declare_show(CLI::App& app, const CommonOptions& common);
std::function<ExitCode()> declare_graph(CLI::App& app, const CommonOptions& common);
std::function<ExitCode()> declare_plan(CLI::App& app, const CommonOptions& common);
std::function<ExitCode()> declare_simulate(CLI::App& app, const CommonOptions& common);
std::function<ExitCode()> declare_train(CLI::App& app, const CommonOptions& common);
std::function<ExitCode()> declare_resume(CLI::App& app, const CommonOptions& common);
std::function<ExitCode()> declare_replay(CLI::App& app, const CommonOptions& common);
std::function<ExitCode()> declare_diag(CLI::App& app, const CommonOptions& common);
std::function<ExitCode()> declare_run(CLI::App& app, const CommonOptions& common);
std::function<ExitCode()> declare_eval(CLI::App& app, const CommonOptions& common);
std::function<ExitCode()> declare_exits(CLI::App& app, const CommonOptions& common);
std::function<ExitCode()> declare_prune(CLI::App& app, const CommonOptions& common);
std::function<ExitCode()> declare_quantize(CLI::App& app, const CommonOptions& common);
std::function<ExitCode()> declare_sparsity(CLI::App& app, const CommonOptions& common);
std::function<ExitCode()> declare_profile(CLI::App& app, const CommonOptions& common);
std::function<ExitCode()> declare_bench(CLI::App& app, const CommonOptions& common);
std::function<ExitCode()> declare_verify(CLI::App& app, const CommonOptions& common);
std::function<ExitCode()> declare_net(CLI::App& app, const CommonOptions& common);
std::function<ExitCode()> declare_worker(CLI::App& app, const CommonOptions& common);
std::function<ExitCode()> declare_devices(CLI::App& app, const CommonOptions& common);
std::function<ExitCode()> declare_deploy(CLI::App& app, const CommonOptions& common);
std::function<ExitCode()> declare_data(CLI::App& app, const CommonOptions& common);
std::function<ExitCode()> declare_keys(CLI::App& app, const CommonOptions& common);
std::function<ExitCode()> declare_schema(CLI::App& app, const CommonOptions& common);
std::function<ExitCode()> declare_completion(CLI::App& app, const CommonOptions& common);
std::function<ExitCode()> declare_version(CLI::App& app, const CommonOptions& common);

namespace {

constexpr CommandDef kCommands[] = {
    {"init", "Writes a model that runs, to start from.",
     "cleave init --template two-moons moons.yaml\ncleave init --list", nullptr, nullptr, "--set", declare_init},
    {"import",
     "Takes a network from an ONNX file: writes a model and its weights, or lists every op that it cannot take.",
     "cleave import mobilenet.onnx -o models\n"
     "cleave import net.onnx --shape input=1,3,224,224 -o models/net.yaml",
     nullptr, "3 the file is not valid, or an op in it cannot be taken", "--set|--seed|--threads", declare_import},
    {"export", "Writes a model with its weights for other programs: as ONNX, or the weights as safetensors.",
     "cleave export model.yaml --onnx model.onnx --weights last.safetensors\n"
     "cleave export model.yaml --safetensors weights.safetensors",
     nullptr, "3 model or weights not valid", "--out|--threads", declare_export},
    {"check", "Checks models: language, shapes and wiring, every mistake at once.",
     "cleave check model.yaml\ncleave check graphs/models/*.yaml", "text|json|sarif", "3 a model is not valid", "--out",
     declare_check},
    {"show", "Shows a model as it is understood: defaults, includes and merges applied, or its graph.",
     "cleave show model.yaml --origin\ncleave show model.yaml --stage graph", "text|json", "3 model not valid", "--out",
     declare_show},
    {"graph", "Draws the graph of a model.",
     "cleave graph model.yaml\ncleave graph model.yaml --format svg > model.svg", "ascii|dot|svg|json",
     "3 model not valid", "--out", declare_graph},
    {"plan", "Prints what every cut and split of a network over the devices would cost, and the best plan.",
     "cleave plan model.yaml --objective lifetime --why g2:2\ncleave plan model.yaml --devices 4 --preset "
     "raspberry-pi-5-8gb",
     "text|json|csv|md", "3 model or profile not valid, 4 no placement fits", nullptr, declare_plan},
    {"profile", "Measures what each node and each segment of a network takes on this machine, for the planner.",
     "cleave profile model.yaml\ncleave profile model.yaml --device raspberry-pi-3b --batch 8 --output pi.yaml",
     "text|json|csv|md", "3 model or weights not valid, 130 stopped by Ctrl-C with what was measured written", "--out",
     declare_profile, 1},
    {"bench", "Measures latency and rate of a network on this machine, and whether it has become slower.",
     "cleave bench model.yaml --nodes\ncleave bench model.yaml --compare before.json", "text|json|csv|md",
     "3 model or weights not valid, 6 slower beyond the spread, 130 stopped by Ctrl-C", "--out", declare_bench},
    {"simulate", "Runs a plan in simulation: queues, jitter, batteries, a device that fails.",
     "cleave simulate model.yaml --jitter 10% --gantt timeline.svg\ncleave simulate model.yaml --fail b@2s --frames "
     "200",
     "text|json|csv|md", "3 model or plan not valid, 4 no placement fits", "--out", declare_simulate},
    {"train", "Trains a model's modules by Metropolis-Hastings and scores them on the test set.",
     "cleave train model.yaml --set training.epochs=5\ncleave train model.yaml --dry-run", "text|json|csv|md",
     "3 model or weights not valid, 130 stopped by Ctrl-C with a checkpoint written", nullptr, declare_train},
    {"resume", "Goes on with a training run that was stopped or killed, as if it had not been.",
     "cleave resume runs/20261120T153800Z-fashion-hybrid\ncleave resume a_run --threads 1 --format json",
     "text|json|csv|md", "3 model not valid, 130 stopped by Ctrl-C with a checkpoint written", "--set|--out",
     declare_resume},
    {"replay", "Repeats a training run from its message log and compares: the same weights, bit for bit.",
     "cleave replay runs/20261121T100000Z-mine\ncleave replay RUN --threads 1 --format json", "text|json",
     "6 the weights are other ones, 130 stopped by Ctrl-C", "--set|--out", declare_replay},
    {"diag", "Says how far the chains of a training run can be trusted, which blocks are stuck, and what to do.",
     "cleave diag runs/20261120T153800Z-fashion-hybrid --plots\ncleave diag a_run --warm-up 30% --export draws",
     "text|json|csv|md", "3 model not valid, 6 something is wrong", "--set|--out|--seed|--threads", declare_diag},
    {"run", "Answers each sample of a data set, a file or a stream; predictions go to stdout as CSV or to a file.",
     "cleave run model.yaml --weights last.safetensors --output answers.csv\n"
     "cleave run model.yaml --input - --input-format raw < images.bin",
     nullptr, "3 model or weights not valid, 130 stopped by Ctrl-C with complete lines written", "--out", declare_run},
    {"eval", "Scores a model on labelled data: accuracy of every module, and what early exits save.",
     "cleave eval model.yaml --weights last.safetensors\ncleave eval model.yaml --exit max_probability=0.9",
     "text|json|csv|md", "3 model or weights not valid, 130 stopped by Ctrl-C", "--out", declare_eval},
    {"exits", "Chooses when samples may leave early: accuracy against compute saved, and a threshold for each module.",
     "cleave exits model.yaml --weights last.safetensors --loss 1%\n"
     "cleave exits model.yaml --draws a_run --rule entropy -o exits",
     "text|json|csv|md", "3 model or weights not valid, 130 stopped by Ctrl-C", nullptr, declare_exits},
    {"prune", "Prints accuracy against the share of weights left out, and writes the pruned network.",
     "cleave prune runs/20261120T153800Z-fashion-sparse --svg pruned.svg\n"
     "cleave prune a_run --level 90% --output pruned.safetensors",
     "text|json|csv|md", "3 model or weights not valid, 130 stopped by Ctrl-C", "--out", declare_prune},
    {"quantize", "Writes a network in int8, calibrated on training images, and prints accuracy before and after.",
     "cleave quantize model.yaml --weights last.safetensors --calibrate 1000\n"
     "cleave quantize a_run --percentile 99.9 --output small.yaml --format json",
     "text|json|csv|md", "3 model or weights not valid, 130 stopped by Ctrl-C", "--out", declare_quantize},
    {"sparsity", "Shows which weights of a run are on and off, and what the regret bound charges for them.",
     "cleave sparsity runs/20261120T153800Z-fashion-sparse\ncleave sparsity a_run --tau 0.01 --svg weights.svg",
     "text|json|csv|md", "3 model or weights not valid", "--out|--threads", declare_sparsity},
    {"verify", "Runs a plan on its workers and prints what was predicted of it beside what was measured.",
     "cleave verify model.yaml --local --emulate\ncleave verify model.yaml --keys keys --frames 1000",
     "text|json|csv|md",
     "3 model or weights not valid, 4 no placement fits, 5 a device not reachable, 6 answers or bytes differ", "--out",
     declare_verify, 1},
    {"net", "Measures latency and bandwidth of the link between each two devices of a swarm.",
     "cleave net swarm.yaml --keys keys --output links.yaml\ncleave net swarm.yaml --format json", "text|json|csv|md",
     "3 model not valid, 5 a device not reachable", "--out", declare_net},
    {"worker", "Waits on a device for a coordinator, and runs what it is given.",
     "cleave worker --listen tcp://0.0.0.0:7300 --name p8 --keys keys\ncleave worker --listen ipc:///tmp/p8.sock",
     nullptr, nullptr, "--set|--out", declare_worker},
    {"devices", "Lists a swarm's devices and the presets, and asks the devices which step of a connection fails.",
     "cleave devices presets\ncleave devices doctor swarm.yaml --keys keys", "text|json|csv|md",
     "3 model not valid, 5 a device not reachable, 6 a device has too little memory", "--out", declare_devices},
    {"deploy", "Writes the files with which systemd, Compose, k3s or Ansible keep a worker on every device.",
     "cleave deploy swarm.yaml --to systemd -o deploy\n"
     "cleave deploy swarm.yaml --to k3s --image registry.local/cleave:1 -o deploy",
     nullptr, "3 model not valid", nullptr, declare_deploy},
    {"data", "Lists the data sets cleave knows and where they were found, or reads and checks them.",
     "cleave data list\ncleave data check fashion_mnist", "text|json|csv|md", "6 a data set is damaged", "--set|--out",
     declare_data},
    {"keys", "Makes and revokes the keys by which the devices of a swarm know each other (TLS).",
     "cleave keys init --keys ~/swarm-keys\ncleave keys add a b c --keys ~/swarm-keys", "text|json|csv|md", nullptr,
     "--set|--out", declare_keys},
    {"schema", "Prints the JSON Schema of the model language, for editors.",
     "cleave schema > cleave.schema.json\ncleave schema --format md", "json|md", nullptr, "--set|--out",
     declare_schema},
    {"completion", "Prints a script that makes a shell complete commands, options and the paths of --set.",
     "cleave completion bash > ~/.local/share/bash-completion/completions/cleave\n"
     "cleave completion zsh >> ~/.zshrc",
     nullptr, nullptr, "--set|--out", declare_completion},
    {"version", "Prints the version and what it was built with.", "cleave version\ncleave version --format json",
     "text|json", nullptr, "--set|--out", declare_version},
};

constexpr const char* kExits =
    "Exit codes: 0 done, 1 failed while running, 2 wrong use, 3 model not valid, 4 no placement fits, 5 a device not\n"
    "reachable, 6 a check or comparison failed, 130 stopped by Ctrl-C with a checkpoint written.";

// "a|b" as a, b; null as nothing.
std::vector<std::string> words_of(const char* list) {
  std::vector<std::string> words;
  std::istringstream stream(list == nullptr ? "" : list);
  for (std::string word; std::getline(stream, word, '|');) words.push_back(word);
  return words;
}

void add_common(CLI::App& app, CommonOptions& common, const CommandDef& command) {
  const std::vector<std::string> formats = words_of(command.formats == nullptr ? "text" : command.formats);
  common.format = formats.front();
  common.threads = command.threads;
  app.add_option("--set", common.sets, "change a value of the model for this run: path=value")
      ->allow_extra_args(false)
      ->type_name("PATH=VALUE");
  app.add_option("-o,--out", common.out_dir, "folder for what the command writes")->type_name("DIR");
  app.add_option("--format", common.format, "form of the result")
      ->check(CLI::IsMember(formats))
      ->capture_default_str()
      ->type_name(command.formats == nullptr ? "text" : command.formats);
  app.add_option("--seed", common.seed, "seed of all random numbers, instead of the model's")
      ->check(CLI::Range(std::int64_t{0}, std::int64_t{9'000'000'000'000'000}))
      ->type_name("N");
  app.add_option("--threads", common.threads, "threads to use, 0 = all cores")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str()
      ->type_name("N");
  app.add_option("--color", common.color, "colour on a terminal (NO_COLOR is obeyed)")
      ->check(CLI::IsMember({"auto", "never", "always"}))
      ->capture_default_str()
      ->type_name("auto|never|always");
  app.add_option("--log-format", common.log_format, "form of the log on stderr")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str()
      ->type_name("text|json");
  app.add_flag("-q,--quiet", common.quiet, "no progress, only errors");
  app.add_flag("-v,--verbose", common.verbosity, "more on stderr; -vv: still more");
}

// Throws UserError for an option that was given and would say nothing.
void refuse_ignored(const CLI::App& app, const CommandDef& command) {
  for (const std::string& name : words_of(command.ignores))
    if (app.get_option(name)->count() > 0)
      throw UserError(fmt::format("`cleave {}` has no use for {}", command.name, name));
}

// Says defaults in words, and leaves out how CLI11 would describe the checks of a value: our type names do.
void tidy_help(CLI::App& app) {
  for (CLI::Option* option : app.get_options()) {
    const std::string value = option->get_default_str();
    if (!value.empty()) option->description(fmt::format("{} (default {})", option->get_description(), value));
    option->default_str("");
    if (option->get_type_name().find(':') != std::string::npos) option->get_validator(0)->description("");
  }
}

std::string footer_of(const CommandDef& command) {
  std::string examples = "  ";
  for (const char* c = command.examples; *c != '\0'; ++c)
    examples += *c == '\n' ? std::string("\n  ") : std::string(1, *c);
  const std::string own = command.exits == nullptr ? "" : fmt::format(", {}", command.exits);
  return fmt::format("\nExamples:\n{}\n\nExit codes: 0 done{}, 1 failed while running, 2 wrong use", examples, own);
}

// One of CLI11's apps for each row, and what to run for it.
struct Program {
  CLI::App app{"cleave: one YAML file -> a neural network on one machine or a swarm of small ones", "cleave"};
  CommonOptions common[std::size(kCommands)];
  std::function<ExitCode()> run[std::size(kCommands)];
  CLI::App* subs[std::size(kCommands)] = {};

  // Options are declared for the command `word` alone, which saves half of a short command's time; for all of them
  // where they are to be listed.
  explicit Program(std::string_view word) {
    app.require_subcommand(1);
    app.set_help_flag("-h,--help", "print this help");
    app.footer(fmt::format("\n`cleave help COMMAND` says more. {}", kExits));
    for (std::size_t i = 0; i < std::size(kCommands); ++i) {
      subs[i] = app.add_subcommand(kCommands[i].name, kCommands[i].doc);
      subs[i]->set_help_flag("-h,--help", "print this help");
      subs[i]->footer(footer_of(kCommands[i]));
      if (word != kCommands[i].name && word != "completion") continue;
      run[i] = kCommands[i].declare(*subs[i], common[i]);
      add_common(*subs[i], common[i], kCommands[i]);
      for (const std::string& name : words_of(kCommands[i].ignores)) subs[i]->get_option(name)->group("");
      tidy_help(*subs[i]);
    }
  }

  const CommandDef* chosen(std::size_t* index) const {
    for (std::size_t i = 0; i < std::size(kCommands); ++i)
      if (subs[i]->parsed()) {
        *index = i;
        return &kCommands[i];
      }
    return nullptr;
  }
};

[[noreturn]] void unknown_command(const std::string& name) {
  const std::vector<std::string> known = names_of(std::span<const CommandDef>(kCommands));
  const std::string near = closest_name(name, known);
  throw UserError(near.empty() ? fmt::format("unknown command '{}'; one of: {}", name, fmt::join(known, ", "))
                               : fmt::format("unknown command '{}'; did you mean '{}'?", name, near));
}

[[noreturn]] void unknown_option(const CLI::App& app, const std::string& name) {
  std::vector<std::string> known;
  for (const CLI::Option* option : app.get_options([](const CLI::Option* o) { return !o->get_group().empty(); }))
    for (const std::string& name_of_option : option->get_lnames()) known.push_back("--" + name_of_option);
  const std::string word = name.substr(0, name.find('='));
  const std::string near = closest_name(word, known);
  const std::string command = app.get_parent() == nullptr ? "cleave" : "cleave " + app.get_name();
  const std::string hint =
      near.empty() ? fmt::format("`{} --help` lists them", command) : fmt::format("did you mean '{}'?", near);
  throw UserError(fmt::format("unknown option '{}'; {}", word, hint));
}

// `cleave help train` is `cleave train --help`, `cleave --version` is `cleave version`.
std::vector<std::string> rewrite_help(std::vector<std::string> args) {
  if (args.empty()) return {"--help"};
  if (args.front() == "--version") args.front() = "version";
  if (args.front() != "help") return args;
  args.erase(args.begin());
  args.push_back("--help");
  return args;
}

// Sets `json_log` as soon as it is known, for errors that come later.
ExitCode parse_and_run(std::vector<std::string> args, bool& json_log) {
  args = rewrite_help(std::move(args));
  const bool option_first = args.front().starts_with("-");
  if (!option_first && find(std::span<const CommandDef>(kCommands), args.front()) == nullptr)
    unknown_command(args.front());
  Program program(args.front());
  std::size_t index = 0;
  try {
    std::vector<std::string> reversed(args.rbegin(), args.rend());
    program.app.parse(reversed);
  } catch (const CLI::Success& help) {
    std::ostringstream text;
    program.app.exit(help, text, text);
    print_result(text.str());
    return ExitCode::done;
  } catch (const CLI::ParseError& error) {
    const CLI::App* at = program.chosen(&index) == nullptr ? &program.app : program.subs[index];
    const std::vector<std::string> extras = at->remaining(true);
    for (const std::string& extra : extras)  // an unknown option is the likelier cause of whatever else is wrong
      if (extra.starts_with("-")) unknown_option(*at, extra);
    throw UserError(
        fmt::format("{}; `cleave {}--help` says more", error.what(), at == &program.app ? "" : at->get_name() + " "));
  }
  program.chosen(&index);
  program.common[index].arguments = args;
  json_log = program.common[index].log_format == "json";
  refuse_ignored(*program.subs[index], kCommands[index]);
  check_chosen_isa();
  return program.run[index]();
}

}  // namespace

std::span<const CommandDef> command_catalog() { return kCommands; }

int run_program(const std::vector<std::string>& args) {
  std::signal(SIGPIPE, SIG_IGN);  // a reader that went away is an error of print_result, not the end
  bool json_log = false;
  const auto fail = [&json_log](const std::string& what, ExitCode code) {
    std::fputs(fmt::format("{}\n", json_log ? json_log_line("error", what) : what).c_str(), stderr);
    return static_cast<int>(code);
  };
  try {
    return static_cast<int>(parse_and_run(args, json_log));
  } catch (const ModelError& error) {
    return fail(error.what(), error.code());
  } catch (const UserError& error) {
    return fail(fmt::format("cleave: error: {}", error.what()), error.code());
  } catch (const RunError& error) {
    return fail(fmt::format("cleave: {}", error.what()), error.code());
  } catch (const std::bad_alloc&) {
    return fail("cleave: out of memory; a smaller batch needs less", ExitCode::failed);
  } catch (const std::exception& error) {
    return fail(fmt::format("cleave: internal error: {}", error.what()), ExitCode::failed);
  }
}

}  // namespace cleave
