// Bytes with a hash behind them: how checkpoints are written and read.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "ops/core/error.h"

namespace cleave {

static_assert(std::endian::native == std::endian::little, "bytes are written as they lie in memory");

// Appends values as they lie in memory.
template <class T>
void put(std::vector<std::byte>& to, const T* values, std::size_t count) {
  static_assert(std::is_trivially_copyable_v<T>);
  const std::size_t at = to.size();
  to.resize(at + count * sizeof(T));
  if (count > 0) std::memcpy(to.data() + at, values, count * sizeof(T));
}
template <class T>
void put(std::vector<std::byte>& to, T value) {
  put(to, &value, 1);
}
// A length (u32), then the bytes.
void put_text(std::vector<std::byte>& to, const std::string& text);

// Reads from the front. Throws RunError when there is not enough left, beginning with `what`.
struct ByteReader {
  std::span<const std::byte> left;
  const char* what;

  template <class T>
  void get(T* values, std::size_t count) {
    if (left.size() / sizeof(T) < count) throw RunError(std::string(what) + " is cut short");
    if (count > 0) std::memcpy(values, left.data(), count * sizeof(T));
    left = left.subspan(count * sizeof(T));
  }
  template <class T>
  T get() {
    T value{};
    get(&value, 1);
    return value;
  }
  std::string get_text(std::size_t longest);
};

// xxh64 (Collet), seed 0.
std::uint64_t hash_of(std::span<const std::byte> bytes);

// Begins bytes that open_hashed reads: 8 letters and a version (u32).
std::vector<std::byte> begin_hashed(std::string_view magic, std::uint32_t version);
// Ends them: the hash of all before.
void end_hashed(std::vector<std::byte>& bytes);
// Returns what is between, from the version on. Throws RunError, beginning with `what`, when the letters or the hash is
// another.
ByteReader open_hashed(std::span<const std::byte> bytes, std::string_view magic, const char* what);
// What is wrong with bytes of another version.
std::string other_version(const char* what, std::uint32_t found, std::uint32_t known);

}  // namespace cleave
