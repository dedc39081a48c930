// Payloads: bytes that begin on a cache line, shared by those who still need them and used again afterwards.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

namespace cleave {

// `size` bytes, the first on a 64-byte boundary; not initialised.
class Buffer {
 public:
  explicit Buffer(std::int64_t size);
  std::span<std::byte> bytes() { return {data_.get(), static_cast<std::size_t>(size_)}; }
  std::span<const std::byte> bytes() const { return {data_.get(), static_cast<std::size_t>(size_)}; }
  std::int64_t size() const { return size_; }
  void resize(std::int64_t size);  // at most what it was made with

 private:
  friend class BufferPool;
  struct Free {
    void operator()(std::byte* data) const;
  };
  std::unique_ptr<std::byte[], Free> data_;
  std::int64_t size_, capacity_;
};
using Payload = std::shared_ptr<const Buffer>;

// Keeps up to `keep` buffers for the next who asks. Thread safe; may go before its buffers do.
class BufferPool {
 public:
  explicit BufferPool(std::size_t keep = 8);
  std::shared_ptr<Buffer> take(std::int64_t size);

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace cleave
