#include "engine/train/run_folder.h"

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <system_error>
#include <thread>

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <nlohmann/json.hpp>

#include "graphs/doc_text.h"
#include "graphs/graph_text.h"
#include "ops/core/error.h"
#include "ops/core/file.h"
#include "ops/kernels/isa.h"

namespace cleave {

namespace fs = std::filesystem;

namespace {

using Json = nlohmann::ordered_json;

constexpr std::int64_t kLargestRecord = std::int64_t{64} << 20;

std::string file_name_of(std::string name) {
  for (char& c : name)
    if (std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '.' && c != '_' && c != '-') c = '_';
  if (name.empty() || name.front() == '.') name.insert(0, 1, '_');
  return name.substr(0, 100);
}

Json host_facts() {
  struct utsname system {};
  uname(&system);
  const auto pages = static_cast<std::int64_t>(sysconf(_SC_PHYS_PAGES));
  return {{"cores", std::thread::hardware_concurrency()},
          {"memory_bytes", pages * static_cast<std::int64_t>(sysconf(_SC_PAGESIZE))},
          {"system", fmt::format("{} {}", system.sysname, system.release)},
          {"machine", system.machine},
          {"kernels", to_text(chosen_isa())}};
}

// Makes `path`; false when something that is not an empty folder stands there.
bool make_folder(const fs::path& path) {
  std::error_code error;
  if (fs::create_directory(path, error)) return true;
  std::error_code unknown;
  if (fs::is_directory(path, unknown)) return fs::is_empty(path, unknown) && !unknown;
  if (!fs::exists(path, unknown) && error)
    throw RunError(fmt::format("{}: cannot make the run folder: {}", path.string(), error.message()));
  return false;
}

void check_room(const fs::path& path, std::int64_t needed_bytes) {
  std::error_code unknown;
  const fs::space_info room = fs::space(path, unknown);
  if (unknown || room.available >= static_cast<std::uintmax_t>(needed_bytes)) return;
  throw RunError(fmt::format("{}: the disk is too full: the run needs about {}, {} are free", path.string(),
                             bytes_in_short(needed_bytes), bytes_in_short(static_cast<std::int64_t>(room.available))));
}

void write_text(const fs::path& file, const std::string& text) {
  write_file_atomically(file.string(), ByteSpan(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()));
}

}  // namespace

std::string run_folder_name(std::time_t now, const std::string& name) {
  return fmt::format("{:%Y%m%dT%H%M%SZ}-{}", fmt::gmtime(now), file_name_of(name));
}

std::string utc_text(std::time_t now) { return fmt::format("{:%Y-%m-%dT%H:%M:%SZ}", fmt::gmtime(now)); }

RunFolder make_run_folder(const fs::path& wanted, std::int64_t needed_bytes) {
  const fs::path base = wanted.has_filename() ? wanted : wanted.parent_path();
  std::error_code error;
  if (base.has_parent_path()) fs::create_directories(base.parent_path(), error);
  if (error)
    throw RunError(fmt::format("{}: cannot make the folder: {}", base.parent_path().string(), error.message()));
  RunFolder folder{base};
  for (int number = 2; !make_folder(folder.path); ++number) folder.path = fmt::format("{}-{}", base.string(), number);
  check_room(folder.path, needed_bytes);
  for (const char* part : {"trace", "weights"})
    if (!fs::create_directory(folder.path / part, error))
      throw RunError(fmt::format("{}: cannot make the folder: {}", (folder.path / part).string(), error.message()));
  return folder;
}

RunFolder chain_folder(const RunFolder& run, std::int64_t chain) {
  return chain == 1 ? run : RunFolder{run.path / "chains" / fmt::format("{}", chain)};
}

std::vector<RunFolder> chain_folders(const RunFolder& run) {
  std::vector<RunFolder> folders = {run};
  std::error_code unknown;
  for (std::int64_t chain = 2; fs::is_directory(chain_folder(run, chain).path, unknown); ++chain)
    folders.push_back(chain_folder(run, chain));
  return folders;
}

RunFolder make_chain_folder(const RunFolder& run, std::int64_t chain) {
  const RunFolder folder = chain_folder(run, chain);
  std::error_code error;
  for (const char* part : {"trace", "weights"}) {
    fs::create_directories(folder.path / part, error);
    if (error)
      throw RunError(fmt::format("{}: cannot make the folder: {}", (folder.path / part).string(), error.message()));
  }
  return folder;
}

std::vector<fs::path> trace_files(const RunFolder& folder, const Graph& graph) {
  std::vector<fs::path> files;
  for (const Module& module : graph.modules) {
    std::string name = file_name_of(module.name);
    if (name.ends_with(".batches")) name += '_';  // else it could be that of another module's batches
    const fs::path first = folder.path / "trace" / (name + ".csv");
    fs::path file = first;
    for (int number = 2; std::find(files.begin(), files.end(), file) != files.end(); ++number)
      file = fmt::format("{}-{}.csv", first.string().substr(0, first.string().size() - 4), number);
    files.push_back(file);
  }
  return files;
}

fs::path batches_file(const fs::path& trace_file) { return fs::path(trace_file).replace_extension(".batches.csv"); }

void write_run_record(const RunFolder& folder, const RunRecord& record) {
  const auto text_or_null = [](const std::string& text) { return text.empty() ? Json() : Json(text); };
  const Json json = {{"cleave", CLEAVE_VERSION},
                     {"language", 1},
                     {"status", record.status},
                     {"started", record.started},
                     {"ended", text_or_null(record.ended)},
                     {"resumed", record.resumed},
                     {"start_weights", text_or_null(record.start_weights)},
                     {"start_hash", record.start_hash},
                     {"arguments", record.arguments},
                     {"model_file", record.model_file},
                     {"model_words", record.model_words},
                     {"seed", record.seed},
                     {"threads", record.threads},
                     {"host", host_facts()},
                     {"results", record.results.empty() ? Json() : Json::parse(record.results)},
                     {"model", Json::parse(doc_to_json(*record.model))}};
  write_text(folder.path / "run.json", json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
}

RunRecord read_run_record(const RunFolder& folder) {
  const std::string file = (folder.path / "run.json").string();
  if (!is_file(file)) throw UserError(fmt::format("{} is no run folder: it holds no run.json", folder.path.string()));
  const Bytes bytes = read_file(file, kLargestRecord);
  const Json json = Json::parse(bytes.begin(), bytes.end(), nullptr, false);
  RunRecord record;
  try {
    if (json.at("language").get<int>() > 1)
      throw UserError(fmt::format("{}: written by cleave {}, which is newer than this one ({}): use that", file,
                                  json.at("cleave").get<std::string>(), CLEAVE_VERSION));
    record.status = json.at("status").get<std::string>();
    record.started = json.at("started").get<std::string>();
    record.resumed = json.at("resumed").get<std::vector<std::string>>();
    record.arguments = json.at("arguments").get<std::vector<std::string>>();
    if (json.at("start_weights").is_string()) record.start_weights = json.at("start_weights").get<std::string>();
    record.start_hash = json.at("start_hash").get<std::string>();
    record.model_file = json.at("model_file").get<std::string>();
    record.model_words = json.at("model_words").get<std::string>();
    record.seed = json.at("seed").get<std::uint64_t>();
    record.threads = json.at("threads").get<int>();
  } catch (const Json::exception&) {
    throw RunError(fmt::format("{}: is damaged, or no run's that can be gone on with", file));
  }
  return record;
}

void write_run_model(const RunFolder& folder, const DocNode& model) {
  write_text(folder.model_file(), doc_to_yaml(model, false));
}

RunLock::RunLock(const RunFolder& folder) : fd_(::open(folder.path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
  if (fd_ < 0) throw RunError(fmt::format("{}: cannot open the run folder", folder.path.string()));
  if (::flock(fd_, LOCK_EX | LOCK_NB) == 0 || errno != EWOULDBLOCK) return;  // some file systems have no locks
  ::close(fd_);
  throw RunError(fmt::format("{}: another cleave is at work on this run", folder.path.string()));
}

RunLock::~RunLock() { ::close(fd_); }

}  // namespace cleave
