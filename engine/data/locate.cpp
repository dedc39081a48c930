#include "engine/data/locate.h"

#include <algorithm>
#include <filesystem>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "ops/core/error.h"
#include "ops/core/file.h"

namespace cleave {

namespace {

using std::filesystem::path;

std::vector<std::string> candidate_folders(const DatasetRequest& request, const FilePlaces& places) {
  const std::vector<std::string> roots = request.path.empty() ? request.search : std::vector{request.path};
  std::vector<std::string> folders;
  for (const std::string& root : roots) {
    for (const std::string& own : places.folders) folders.push_back((path(root) / own).string());
    const std::string last = path(root).filename().string();
    const std::vector<std::string>& others = places.not_folders;
    const bool foreign = request.path.empty() && std::find(others.begin(), others.end(), last) != others.end();
    if (!foreign) folders.push_back(root);
  }
  return folders;
}

// Returns "" when none of the names is there.
std::string first_file(const std::string& folder, const std::vector<std::string>& names) {
  for (const std::string& name : names)
    if (is_file((path(folder) / name).string())) return (path(folder) / name).string();
  return "";
}

}  // namespace

std::vector<std::string> locate_files(const DatasetRequest& request, const FilePlaces& places) {
  const std::vector<std::string> folders = candidate_folders(request, places);
  std::string incomplete;
  for (const std::string& folder : folders) {
    std::vector<std::string> found;
    std::vector<std::string> missing;
    for (const std::vector<std::string>& names : places.files) {
      const std::string file = first_file(folder, names);
      if (file.empty()) missing.push_back(names.front());
      else found.push_back(file);
    }
    if (missing.empty()) return found;
    if (!found.empty()) incomplete += fmt::format("\n  {} has no {}", folder, fmt::join(missing, ", "));
  }
  std::vector<std::string> wanted;
  for (const std::vector<std::string>& names : places.files) wanted.push_back(names.front());
  throw UserError(fmt::format("data set {} not found: {} {}{}\n  looked in: {}\n  {}", places.set,
                              fmt::join(wanted, ", "), wanted.size() == 1 ? "is missing" : "are missing", incomplete,
                              folders.empty() ? "no folder at all" : fmt::format("{}", fmt::join(folders, ", ")),
                              places.advice));
}

}  // namespace cleave
