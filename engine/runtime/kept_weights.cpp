#include "engine/runtime/kept_weights.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include <fmt/format.h>

#include "engine/net/sha256.h"
#include "ops/core/error.h"
#include "ops/core/file.h"

namespace cleave {

namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kMostBytes = std::int64_t{4} << 30;

fs::path file_of(const std::string& folder, const std::string& hash) {
  return fs::path(folder) / (hash + ".safetensors");
}

// A hash is nothing but hexadecimal digits: it comes over the wire and becomes a file's name.
bool is_hash(const std::string& hash) {
  return hash.size() == 64 && hash.find_first_not_of("0123456789abcdef") == std::string::npos;
}

void drop_oldest(const std::string& folder) {
  std::vector<std::pair<fs::file_time_type, fs::path>> files;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder, error))
    if (is_hash(entry.path().stem().string()) && entry.path().extension() == ".safetensors")
      files.emplace_back(entry.last_write_time(error), entry.path());
  std::sort(files.begin(), files.end());
  for (std::size_t i = 0; i + kKeptWeights < files.size(); ++i) fs::remove(files[i].second, error);
}

}  // namespace

bool read_kept_weights(const std::string& folder, const std::string& hash, std::vector<std::byte>& weights) {
  std::error_code error;
  if (!is_hash(hash) || !fs::is_regular_file(file_of(folder, hash), error)) return false;
  try {
    const Bytes bytes = read_file(file_of(folder, hash).string(), kMostBytes);
    const std::span<const std::byte> view = std::as_bytes(std::span(bytes));
    if (hex_of(sha256(view)) != hash) return false;
    weights.assign(view.begin(), view.end());
    return true;
  } catch (const RunError&) {
    return false;
  }
}

void write_kept_weights(const std::string& folder, const std::string& hash, std::span<const std::byte> weights) {
  if (!is_hash(hash) || hex_of(sha256(weights)) != hash) return;
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw RunError(fmt::format("{}: cannot make the folder: {}", folder, error.message()));
  write_file_atomically(file_of(folder, hash).string(),
                        ByteSpan(reinterpret_cast<const std::uint8_t*>(weights.data()), weights.size()));
  drop_oldest(folder);
}

}  // namespace cleave
