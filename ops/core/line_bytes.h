// LineBytes: bytes that begin at a cache line, for kernels that read whole lines.
#pragma once

#include <cstddef>
#include <new>
#include <vector>

namespace cleave {

inline constexpr std::size_t kCacheLine = 64;

// A standard allocator whose memory begins at a cache line. Throws std::bad_alloc.
template <class T>
struct LineAllocator {
  using value_type = T;

  LineAllocator() = default;
  template <class Other>
  explicit LineAllocator(const LineAllocator<Other>&) {}
  T* allocate(std::size_t count) {
    if (count > static_cast<std::size_t>(-1) / sizeof(T)) throw std::bad_alloc();
    return static_cast<T*>(::operator new (count * sizeof(T), std::align_val_t{kCacheLine}));
  }
  void deallocate(T* data, std::size_t) { ::operator delete (data, std::align_val_t{kCacheLine}); }
  bool operator==(const LineAllocator&) const { return true; }
};

using LineBytes = std::vector<std::byte, LineAllocator<std::byte>>;

}  // namespace cleave
