// The file, little endian:
//   "CLVTRAIN" | u32 version | u32 modules | u64 seed | i64 number, epoch, batch | f64 seconds
//   | u32 length, structure | u32 length, data | by module: u64 offset, length, xxh64 | the modules, see
//   module_checkpoint.cpp | u64 xxh64 of all before
// The last hash says whether the file is whole; those of the modules let each be taken out, or sent, by itself.
#include "engine/train/run_checkpoint.h"

#include <algorithm>
#include <charconv>

#include <fmt/format.h>

#include "engine/train/hashed_bytes.h"
#include "ops/core/file.h"

namespace cleave {

namespace fs = std::filesystem;

namespace {

constexpr std::string_view kMagic = "CLVTRAIN";
constexpr std::uint32_t kVersion = 1;
constexpr const char* kWhat = "the checkpoint";
constexpr std::int64_t kLargestFile = std::int64_t{16} << 30;

struct Section {
  std::uint64_t offset = 0, length = 0, hash = 0;
};

// The number in "000062.ckpt"; -1 for other names.
std::int64_t number_of(const fs::path& file) {
  const std::string stem = file.stem().string();
  std::int64_t number = -1;
  const auto [end, error] = std::from_chars(stem.data(), stem.data() + stem.size(), number);
  const bool whole = error == std::errc() && end == stem.data() + stem.size();
  return file.extension() == ".ckpt" && whole && number >= 0 ? number : -1;
}

// All checkpoints of a folder, the newest first.
std::vector<fs::path> checkpoints_in(const fs::path& folder) {
  std::vector<fs::path> files;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error))
    if (number_of(entry.path()) >= 0) files.push_back(entry.path());
  std::sort(files.begin(), files.end(), [](const fs::path& a, const fs::path& b) {
    return std::pair(number_of(a), a) > std::pair(number_of(b), b);
  });
  return files;
}

// Removes all but the newest `keep`, and what a killed program left half written.
void prune(const fs::path& folder, std::int64_t keep) {
  std::error_code ignored;
  const std::vector<fs::path> files = checkpoints_in(folder);
  for (std::size_t i = static_cast<std::size_t>(std::max<std::int64_t>(1, keep)); i < files.size(); ++i)
    fs::remove(files[i], ignored);
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored))
    if (entry.path().filename().string().find(".ckpt.tmp-") != std::string::npos) fs::remove(entry.path(), ignored);
}

ModuleCheckpoint parse_section(std::span<const std::byte> bytes, const Section& section, const Graph& graph,
                               ModuleId module) {
  if (section.offset > bytes.size() || section.length > bytes.size() - section.offset)
    throw RunError(fmt::format("{} is damaged: a module lies outside of it", kWhat));
  const std::span<const std::byte> part = bytes.subspan(section.offset, section.length);
  if (hash_of(part) != section.hash)
    throw RunError(fmt::format("{} is damaged: module '{}' has another hash", kWhat, graph.module(module).name));
  return parse_module_checkpoint(part, graph, module);
}

}  // namespace

RunCheckpoint begin_checkpoint(const Graph& graph, const TrainOptions& options) {
  RunCheckpoint checkpoint;
  checkpoint.structure = structure_hash(graph);
  checkpoint.seed = options.seed;
  checkpoint.data = options.data;
  checkpoint.modules.resize(graph.modules.size());
  return checkpoint;
}

std::vector<std::byte> to_bytes(const RunCheckpoint& checkpoint) {
  std::vector<std::vector<std::byte>> parts;
  for (const ModuleCheckpoint& module : checkpoint.modules) parts.push_back(to_bytes(module));
  std::vector<std::byte> bytes = begin_hashed(kMagic, kVersion);
  put(bytes, static_cast<std::uint32_t>(parts.size()));
  put(bytes, checkpoint.seed);
  for (const std::int64_t number : {checkpoint.place.number, checkpoint.place.epoch, checkpoint.place.batch})
    put(bytes, number);
  put(bytes, checkpoint.seconds);
  put_text(bytes, checkpoint.structure);
  put_text(bytes, checkpoint.data.substr(0, kLongestData));
  std::uint64_t offset = bytes.size() + parts.size() * sizeof(Section);
  for (const std::vector<std::byte>& part : parts) {
    put(bytes, Section{offset, part.size(), hash_of(part)});
    offset += part.size();
  }
  for (const std::vector<std::byte>& part : parts) put(bytes, part.data(), part.size());
  end_hashed(bytes);
  return bytes;
}

RunCheckpoint parse_run_checkpoint(std::span<const std::byte> bytes, const Graph& graph) {
  ByteReader reader = open_hashed(bytes, kMagic, kWhat);
  const std::uint32_t version = reader.get<std::uint32_t>();
  if (version != kVersion) throw UserError(other_version(kWhat, version, kVersion));
  RunCheckpoint checkpoint;
  const std::uint32_t modules = reader.get<std::uint32_t>();
  checkpoint.seed = reader.get<std::uint64_t>();
  std::int64_t place[3] = {};
  reader.get(place, 3);
  checkpoint.place = {place[0], place[1], place[2]};
  checkpoint.seconds = reader.get<double>();
  checkpoint.structure = reader.get_text(64);
  checkpoint.data = reader.get_text(kLongestData);
  if (checkpoint.structure != structure_hash(graph) || modules != graph.modules.size())
    throw UserError(fmt::format("{} is of another model: its structure is {}, that of '{}' is {}", kWhat,
                                printable(checkpoint.structure), graph.name, structure_hash(graph)));
  if (*std::min_element(place, place + 3) < 0) throw RunError(fmt::format("{} holds a negative number", kWhat));
  std::vector<Section> sections(modules);
  reader.get(sections.data(), sections.size());
  for (std::size_t m = 0; m < sections.size(); ++m)
    checkpoint.modules.push_back(parse_section(bytes, sections[m], graph, static_cast<ModuleId>(m)));
  return checkpoint;
}

fs::path write_run_checkpoint(const fs::path& folder, const RunCheckpoint& checkpoint, std::int64_t keep) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw RunError(fmt::format("{}: cannot make the folder: {}", folder.string(), error.message()));
  const fs::path file = folder / fmt::format("{:06}.ckpt", checkpoint.place.number);
  const std::vector<std::byte> bytes = to_bytes(checkpoint);
  write_file_atomically(file.string(), ByteSpan(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()));
  prune(folder, keep);
  return file;
}

FoundCheckpoint read_newest_checkpoint(const fs::path& folder, const Graph& graph) {
  FoundCheckpoint found;
  std::vector<fs::path> bad;
  for (const fs::path& file : checkpoints_in(folder)) {
    try {
      const Bytes bytes = read_file(file.string(), kLargestFile);
      found.checkpoint = parse_run_checkpoint(std::as_bytes(std::span(bytes)), graph);
      found.file = file;
      break;
    } catch (const RunError& error) {
      found.bad.push_back(fmt::format("{}: {}", file.string(), error.what()));
      bad.push_back(file);
    } catch (const UserError& error) {
      throw UserError(fmt::format("{}: {}", file.string(), error.what()));
    }
  }
  if (found.file.empty() && bad.empty())
    throw RunError(fmt::format("{}: there is no checkpoint to go on from", folder.string()));
  if (found.file.empty())
    throw RunError(fmt::format("no checkpoint can be gone on from: {}", fmt::join(found.bad, "; ")));
  std::error_code ignored;  // else they would count as the newest for ever
  for (const fs::path& file : bad) fs::rename(file, file.string() + ".bad", ignored);
  return found;
}

}  // namespace cleave
