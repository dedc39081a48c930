#include <CLI/CLI.hpp>

#include "engine/cli/command.h"
#include "graphs/json_schema.h"

namespace cleave {

std::function<ExitCode()> declare_schema(CLI::App& /*app*/, const CommonOptions& common) {
  return [&common] {
    const Language language = cleave_language();
    print_result(common.format == "md" ? language_reference(language) : json_schema(language));
    return ExitCode::done;
  };
}

}  // namespace cleave
