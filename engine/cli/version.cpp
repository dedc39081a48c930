#include <fmt/format.h>
#include <oneapi/tbb/version.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "engine/cli/command.h"
#include "ops/kernels/isa.h"

namespace cleave {

std::function<ExitCode()> declare_version(CLI::App& /*app*/, const CommonOptions& common) {
  return [&common] {
    if (common.format == "json") {
      const nlohmann::ordered_json facts = {{"cleave", CLEAVE_VERSION},
                                            {"language", 1},
                                            {"compiler", __VERSION__},
                                            {"tbb", TBB_VERSION_STRING},
                                            {"kernels", to_text(chosen_isa())}};
      print_result(facts.dump(2) + "\n");
    } else {
      print_result(fmt::format("cleave {} (language 1; compiler {}; TBB {}; kernels for {})\n", CLEAVE_VERSION,
                               __VERSION__, TBB_VERSION_STRING, to_text(chosen_isa())));
    }
    return ExitCode::done;
  };
}

}  // namespace cleave
