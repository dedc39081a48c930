// Weights that an ONNX file names in other files: only those within its own folder are read, whatever links say.
#include <charconv>
#include <filesystem>

#include <fmt/format.h>

#include "graphs/onnx_tensor.h"
#include "ops/core/error.h"

namespace cleave {

namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse(const std::string& path, const std::string& name, const std::string& why) {
  throw UserError(fmt::format("{}: the tensor '{}' {}", path, printable(name), why), ExitCode::invalid_model);
}

// Returns the file's real path. Throws where it is not in `folder`.
std::string path_within(const ExternalBytes& where, const std::string& path, const std::string& folder) {
  if (folder.empty()) refuse(path, where.name, "is stored in another file, and there is none here");
  const fs::path named(where.file);
  std::error_code failed;
  const fs::path root = fs::canonical(folder, failed);
  if (where.file.empty() || where.file.find('\0') != std::string::npos || failed)
    refuse(path, where.name, "is stored in another file without a sound name");
  const fs::path file = fs::weakly_canonical(root / named, failed);
  const fs::path relative = file.lexically_relative(root);
  if (failed || named.is_absolute() || relative.empty() || *relative.begin() == "..")
    refuse(path, where.name,
           fmt::format("is stored in '{}', outside the folder of the ONNX file: put it beside that file",
                       printable(where.file)));
  return file.string();
}

}  // namespace

void set_external(ExternalBytes& where, const std::string& key, const std::string& value, const std::string& path) {
  if (key == "location") where.file = value;
  if (key != "offset" && key != "length") return;
  std::int64_t& number = key == "offset" ? where.from : where.count;
  const char* end = value.data() + value.size();
  const auto [last, error] = std::from_chars(value.data(), end, number);
  if (error != std::errc() || last != end || number < 0)
    refuse(path, where.name, fmt::format("has the {} '{}'", key, printable(value)));
}

OnnxTensor read_external(TensorBytes tensor, const ExternalBytes& where, const std::string& path,
                         const std::string& folder) {
  const MappedFile file(path_within(where, path, folder));
  const auto size = static_cast<std::int64_t>(file.bytes().size());
  const std::int64_t count = where.count >= 0 ? where.count : size - where.from;
  if (where.from > size || count > size - where.from)
    refuse(path, where.name,
           fmt::format("stands at bytes {} to {} of '{}', which has {}", where.from, where.from + count,
                       printable(where.file), size));
  tensor.raw = file.bytes().subspan(static_cast<std::size_t>(where.from), static_cast<std::size_t>(count));
  return decode_tensor(tensor, path);
}

}  // namespace cleave
