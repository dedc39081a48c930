// What `cleave profile` prints and writes of a measurement.
#pragma once

#include <string>

#include "engine/runtime/measure.h"

namespace cleave {

// A measurement with what it is of.
struct ProfileReport {
  const Graph* graph = nullptr;
  Profile profile;  // the nodes and segments of `measurement`, for whom, where
  Measurement measurement;
  std::int64_t repeats = 0;
  int threads = 1;
  std::string file;  // where the profile was written
};

// Returns the layers as inference computes them and the segments, in a --format.
std::string to_text(const ProfileReport& report, const std::string& format);

// Returns the text of the file: the report's profile, then `others`.
std::string profile_file(const ProfileReport& report, const std::vector<Profile>& others);
// True for a text that `profile_file` made.
bool is_profile_file(const std::string& text);

}  // namespace cleave
