#include "ops/core/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "ops/core/error.h"
#include "tests/support/files.h"

namespace cleave {
namespace {

TEST(ReadFile, RefusesMoreThanAllowed) {
  const TestFolder folder;
  const std::string path = folder.write("a", to_bytes("12345"));
  EXPECT_EQ(read_file(path, 5), to_bytes("12345"));
  EXPECT_EQ(error_of<RunError>([&] { read_file(path, 4); }), path + ": has 5 bytes, at most 4 are read");
}

TEST(ReadFile, SaysWhyItCannot) {
  const TestFolder folder;
  EXPECT_EQ(error_of<RunError>([&] { read_file(folder.path("no"), 4); }),
            folder.path("no") + ": cannot open: No such file or directory");
  EXPECT_EQ(error_of<RunError>([&] { read_file(folder.path(), 4); }),
            folder.path() + ": is a folder, a file is needed");
}

TEST(ReadFile, DoesNotWaitForAPipe) {
  const TestFolder folder;
  ASSERT_EQ(::mkfifo(folder.path("pipe").c_str(), 0600), 0);
  EXPECT_EQ(error_of<RunError>([&] { read_file(folder.path("pipe"), 4); }),
            folder.path("pipe") + ": is not a regular file");
}

TEST(MappedFile, ShowsTheBytes) {
  const TestFolder folder;
  const MappedFile file(folder.write("a", to_bytes("hello")));
  EXPECT_EQ(Bytes(file.bytes().begin(), file.bytes().end()), to_bytes("hello"));
}

TEST(MappedFile, ForgottenPagesAreReadAgain) {
  const TestFolder folder;
  Bytes bytes(100'000);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::uint8_t>(i % 251);
  const MappedFile file(folder.write("a", bytes));
  file.forget(file.bytes().subspan(1, 50'000));
  file.forget(file.bytes());
  file.forget({});
  EXPECT_EQ(Bytes(file.bytes().begin(), file.bytes().end()), bytes);
}

TEST(OpenFile, ReadsFromAnyPlaceToTheEnd) {
  const TestFolder folder;
  const OpenFile file(folder.write("a", to_bytes("hello")));
  Bytes piece(3);
  EXPECT_EQ(file.size(), 5);
  EXPECT_EQ(file.read_at(1, piece), 3U);
  EXPECT_EQ(piece, to_bytes("ell"));
  EXPECT_EQ(file.read_at(4, piece), 1U);
  EXPECT_EQ(file.read_at(5, piece), 0U);
}

TEST(MappedFile, EmptyFilesAreEmptyNotErrors) {
  const TestFolder folder;
  EXPECT_TRUE(MappedFile(folder.write("empty", {})).bytes().empty());
}

TEST(WriteFile, ReplacesTheFileAndLeavesNothingBeside) {
  const TestFolder folder;
  const std::string path = folder.write("a", to_bytes("old and longer"));
  const Bytes parts[] = {to_bytes("ne"), {}, to_bytes("w")};
  const std::vector<ByteSpan> pieces(std::begin(parts), std::end(parts));
  write_file_atomically(path, pieces);
  EXPECT_EQ(read_file(path, 100), to_bytes("new"));
  const std::filesystem::directory_iterator files(folder.path());
  EXPECT_EQ(std::distance(begin(files), end(files)), 1);
}

TEST(WriteFile, FailureKeepsTheOldFileAndNamesPathAndReason) {
  const TestFolder folder;
  const std::string path = folder.write("a", to_bytes("old"));
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const rlimit tiny{1024, before.rlim_max};
  ::signal(SIGXFSZ, SIG_IGN);
  setrlimit(RLIMIT_FSIZE, &tiny);
  const std::string message = error_of<RunError>([&] { write_file_atomically(path, Bytes(4096)); });
  setrlimit(RLIMIT_FSIZE, &before);
  ::signal(SIGXFSZ, SIG_DFL);
  EXPECT_EQ(message, path + ": cannot write: File too large");
  EXPECT_EQ(read_file(path, 100), to_bytes("old"));
}

TEST(WriteFile, RefusesFoldersAndMissingFolders) {
  const TestFolder folder;
  EXPECT_EQ(error_of<RunError>([&] { write_file_atomically(folder.path(), Bytes(1)); }),
            folder.path() + ": cannot write: is not a regular file");
  EXPECT_EQ(error_of<RunError>([&] { write_file_atomically(folder.path("no/a"), Bytes(1)); }),
            folder.path("no/a") + ": cannot write: No such file or directory");
}

TEST(Printable, EscapesWhatATerminalWouldObey) {
  EXPECT_EQ(printable("a\x1b[2J"), "a\\x1b[2J");
  EXPECT_EQ(printable(std::string(1000, 'x')), std::string(128, 'x') + "…");
}

}  // namespace
}  // namespace cleave
