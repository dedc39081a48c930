// Files for tests: a folder that is removed again, gzip, and what an error says.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>
#include <unistd.h>
#include <zlib.h>

#include "ops/core/file.h"

namespace cleave {

// An empty folder of its own for each test; removed with all it holds.
class TestFolder {
 public:
  TestFolder() {
    const testing::TestInfo* test = testing::UnitTest::GetInstance()->current_test_info();
    root_ = std::filesystem::temp_directory_path() /
            ("cleave-" + std::to_string(::getpid()) + "-" + test->test_suite_name() + "." + test->name());
    std::filesystem::remove_all(root_);
    std::filesystem::create_directories(root_);
  }
  ~TestFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;

  std::string path(const std::string& name = "") const {
    return name.empty() ? root_.string() : (root_ / name).string();
  }
  // Writes a file, making its folders; returns its path.
  std::string write(const std::string& name, ByteSpan bytes) const {
    std::filesystem::create_directories((root_ / name).parent_path());
    write_file_atomically(path(name), bytes);
    return path(name);
  }

 private:
  std::filesystem::path root_;
};

inline Bytes to_bytes(std::string_view text) { return {text.begin(), text.end()}; }

inline Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// Returns the bytes as one gzip member.
inline Bytes gzipped(ByteSpan bytes) {
  z_stream stream{};
  deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY);
  Bytes packed(deflateBound(&stream, bytes.size()) + 32);
  stream.next_in = const_cast<Bytef*>(bytes.data());
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = packed.data();
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

// Returns what the Error thrown by `run` says; "nothing thrown" when there was none.
template <class Error, class Run>
std::string error_of(const Run& run) {
  try {
    run();
  } catch (const Error& error) {
    return error.what();
  }
  return "nothing thrown";
}

}  // namespace cleave
