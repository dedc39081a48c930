#include "engine/net/buffer.h"

#include <algorithm>
#include <cassert>
#include <new>
#include <utility>

namespace cleave {

namespace {
constexpr std::align_val_t kLine{64};
}

void Buffer::Free::operator()(std::byte* data) const { ::operator delete[](data, kLine); }

Buffer::Buffer(std::int64_t size)
    : data_(new (kLine) std::byte[static_cast<std::size_t>(size)]), size_(size), capacity_(size) {}

void Buffer::resize(std::int64_t size) {
  assert(size >= 0 && size <= capacity_);
  size_ = size;
}

struct BufferPool::State {
  std::mutex mutex;
  std::size_t keep = 0;
  std::vector<std::unique_ptr<Buffer>> free;  // at most `keep`

  // Returns the smallest that is large enough. If none is, one makes way: the pool follows the sizes asked for.
  std::unique_ptr<Buffer> find(std::int64_t size) {
    const std::lock_guard lock(mutex);
    std::unique_ptr<Buffer>* best = nullptr;
    for (std::unique_ptr<Buffer>& buffer : free) {
      if (buffer->capacity_ >= size && (best == nullptr || buffer->capacity_ < (*best)->capacity_)) best = &buffer;
    }
    std::unique_ptr<Buffer> found = best == nullptr ? nullptr : std::move(*best);
    if (best == nullptr && free.size() == keep && !free.empty()) best = &free.front();
    if (best != nullptr) free.erase(free.begin() + (best - free.data()));
    return found;
  }

  void put(std::unique_ptr<Buffer> buffer) {
    const std::lock_guard lock(mutex);
    if (free.size() < keep) free.push_back(std::move(buffer));
  }
};

BufferPool::BufferPool(std::size_t keep) : state_(std::make_shared<State>()) {
  state_->keep = keep;
  state_->free.reserve(keep);
}

std::shared_ptr<Buffer> BufferPool::take(std::int64_t size) {
  std::unique_ptr<Buffer> buffer = state_->find(size);
  if (buffer == nullptr) buffer = std::make_unique<Buffer>(size);
  buffer->resize(size);
  return {buffer.release(), [pool = std::weak_ptr(state_)](Buffer* returned) {
            std::unique_ptr<Buffer> owned(returned);
            if (const std::shared_ptr<State> state = pool.lock()) state->put(std::move(owned));
          }};
}

}  // namespace cleave
