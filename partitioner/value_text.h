// Values of our YAML files, written so that they are read back as they were.
#pragma once

#include <cstdint>
#include <string>

namespace cleave {

// "54.1ms", "120us", "0.1s": the shortest that is read as exactly that.
std::string seconds_text(double seconds);
// "2.5%"
std::string share_text(double share);
// "12MiB", "8KiB", "1000B"
std::string size_text(std::int64_t bytes);
// In quotes where it needs them.
std::string yaml_text(const std::string& text);

}  // namespace cleave
