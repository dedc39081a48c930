// Any bytes as a model file: a model or a list of mistakes, never anything else. Made without includes: they are files.
#include <cstddef>
#include <cstdint>
#include <string>

#include "engine/cli/command.h"
#include "graphs/build.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(data), size);
  if (text.find("include") != std::string::npos) return 0;
  const cleave::Language language = cleave::cleave_language();
  cleave::expect_only_promised_errors([&] { cleave::load_model_text("fuzz.yaml", text, language, {}); });
  return 0;
}
