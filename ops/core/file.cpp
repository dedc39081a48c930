#include "ops/core/file.h"

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ops/core/error.h"

namespace cleave {

namespace {

[[noreturn]] void fail(const std::string& path, const char* what) {
  throw RunError(fmt::format("{}: {}: {}", path, what, std::strerror(errno)));
}

// An open file that is closed at the end of its scope.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }
  // Returns what close() returned: on some file systems a full disk shows only here.
  int close() { return ::close(std::exchange(fd_, -1)); }

 private:
  int fd_;
};

// Non-blocking, so that a pipe in the place of a file is refused instead of waited for.
int open_for_reading(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0) fail(path, "cannot open");
  return fd;
}

std::int64_t regular_size(int fd, const std::string& path) {
  struct stat info {};
  if (::fstat(fd, &info) != 0) fail(path, "cannot open");
  if (S_ISDIR(info.st_mode)) throw RunError(fmt::format("{}: is a folder, a file is needed", path));
  if (!S_ISREG(info.st_mode)) throw RunError(fmt::format("{}: is not a regular file", path));
  return info.st_size;
}

void write_all(int fd, ByteSpan bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(fd, bytes.data(), bytes.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail(path, "cannot write");
    bytes = bytes.subspan(static_cast<std::size_t>(written));
  }
}

void write_synced(const std::string& temporary, const std::string& path, std::span<const ByteSpan> pieces) {
  Descriptor file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0666));
  if (file.get() < 0) fail(path, "cannot write");
  for (const ByteSpan piece : pieces) write_all(file.get(), piece, path);
  if (::fsync(file.get()) != 0) fail(path, "cannot write");
  if (file.close() != 0) fail(path, "cannot write");
}

// Makes the rename itself durable; file systems that cannot sync a folder need no more.
void sync_folder_of(const std::string& path) {
  const std::string folder = std::filesystem::path(path).parent_path().string();
  const Descriptor fd(::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_CLOEXEC | O_DIRECTORY));
  if (fd.get() >= 0) ::fsync(fd.get());
}

}  // namespace

bool is_file(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::is_regular_file(path, ignored);
}

bool is_folder(const std::string& path) {
  std::error_code ignored;
  return std::filesystem::is_directory(path, ignored);
}

std::int64_t file_bytes(const std::string& path) {
  std::error_code error;
  const std::uintmax_t size = std::filesystem::file_size(path, error);
  return error ? 0 : static_cast<std::int64_t>(size);
}

Bytes read_file(const std::string& path, std::int64_t max_bytes) {
  const OpenFile file(path);
  const std::int64_t size = file.size();
  if (size > max_bytes) throw RunError(fmt::format("{}: has {} bytes, at most {} are read", path, size, max_bytes));
  Bytes bytes(static_cast<std::size_t>(size));
  bytes.resize(file.read_at(0, bytes));
  return bytes;
}

void write_file_atomically(const std::string& path, std::span<const ByteSpan> pieces) {
  std::error_code ignored;
  const std::filesystem::file_status status = std::filesystem::status(path, ignored);
  if (std::filesystem::exists(status) && !std::filesystem::is_regular_file(status))
    throw RunError(fmt::format("{}: cannot write: is not a regular file", path));
  const std::string temporary = fmt::format("{}.tmp-{}", path, ::getpid());
  try {
    write_synced(temporary, path, pieces);
    if (std::rename(temporary.c_str(), path.c_str()) != 0) fail(path, "cannot write");
  } catch (const RunError&) {
    ::unlink(temporary.c_str());
    throw;
  }
  sync_folder_of(path);
}

void write_file_atomically(const std::string& path, ByteSpan bytes) {
  write_file_atomically(path, std::span<const ByteSpan>(&bytes, 1));
}

MappedFile::MappedFile(const std::string& path) {
  const Descriptor file(open_for_reading(path));
  const auto size = static_cast<std::size_t>(regular_size(file.get(), path));
  if (size == 0) return;  // mmap refuses to map nothing
  void* const start = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.get(), 0);
  if (start == MAP_FAILED) fail(path, "cannot map");
  bytes_ = {static_cast<const std::uint8_t*>(start), size};
}

MappedFile::~MappedFile() {
  if (!bytes_.empty()) ::munmap(const_cast<std::uint8_t*>(bytes_.data()), bytes_.size());
}

void MappedFile::forget(ByteSpan part) const {
  if (part.empty()) return;
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const auto offset = static_cast<std::size_t>(part.data() - bytes_.data());
  const std::size_t first = (offset + page - 1) / page * page;  // the mapping itself begins with a page
  const std::size_t end = (offset + part.size()) / page * page;
  if (first < end) ::madvise(const_cast<std::uint8_t*>(bytes_.data()) + first, end - first, MADV_DONTNEED);
}

OpenFile::OpenFile(const std::string& path) : path_(path) {
  Descriptor file(open_for_reading(path));
  size_ = regular_size(file.get(), path);
  fd_ = file.release();
}

OpenFile::~OpenFile() { ::close(fd_); }

std::size_t OpenFile::read_at(std::int64_t at, std::span<std::uint8_t> to) const {
  std::size_t done = 0;
  while (done < to.size()) {
    const ssize_t got = ::pread(fd_, to.data() + done, to.size() - done, at + static_cast<std::int64_t>(done));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) fail(path_, "cannot read");
    if (got == 0) break;
    done += static_cast<std::size_t>(got);
  }
  return done;
}

std::string printable(const std::string& text) {
  constexpr std::size_t kLongest = 128;
  std::string shown;
  for (const char c : text.substr(0, kLongest)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte >= 0x7F) shown += fmt::format("\\x{:02x}", byte);
    else shown += c;
  }
  return text.size() > kLongest ? shown + "…" : shown;
}

}  // namespace cleave
