// What the updates of the ops share.
#include "ops/defs/update.h"

#include <algorithm>
#include <iterator>

namespace cleave {

std::int64_t slice_count(const ChangedChannels& changed, std::int64_t channels) {
  return changed.all ? channels : static_cast<std::int64_t>(changed.channels.size());
}

ChangedChannels united(const ChangedChannels& a, const ChangedChannels& b) {
  if (a.all || b.all) return {.all = true, .channels = {}};
  ChangedChannels both;
  std::set_union(a.channels.begin(), a.channels.end(), b.channels.begin(), b.channels.end(),
                 std::back_inserter(both.channels));
  return both;
}

ChangedChannels moved_filters(std::span<const WeightMove> moves, std::int64_t fan_in) {
  ChangedChannels moved;
  std::int64_t end = 0;  // of the last filter's part of the array
  std::int32_t array = -1;
  for (const WeightMove& move : moves) {
    const std::int64_t per_filter = move.array == 0 ? fan_in : 1;
    if (move.array == array && move.index < end) continue;
    array = move.array;
    end = (move.index / per_filter + 1) * per_filter;
    moved.channels.push_back(static_cast<std::int32_t>(move.index / per_filter));
  }
  std::sort(moved.channels.begin(), moved.channels.end());
  moved.channels.erase(std::unique(moved.channels.begin(), moved.channels.end()), moved.channels.end());
  return moved;
}

std::span<const WeightMove> moves_of(std::span<const WeightMove> moves, int array, std::int64_t filter,
                                     std::int64_t per_filter) {
  const auto before = [&](const WeightMove& move, std::int64_t index) {
    return move.array != array ? move.array < array : move.index < index;
  };
  const auto first = std::lower_bound(moves.begin(), moves.end(), filter * per_filter, before);
  return {first, std::lower_bound(first, moves.end(), (filter + 1) * per_filter, before)};
}

const float* channel_now(const UpdateInput& input, std::int64_t channel) {
  const std::int64_t size = input.old_values.channel_size();
  if (input.changed->all) return input.slices + channel * size;
  const std::vector<std::int32_t>& changed = input.changed->channels;
  const auto place = std::lower_bound(changed.begin(), changed.end(), channel);
  if (place == changed.end() || *place != channel) return input.old_values.channel(channel);
  return input.slices + (place - changed.begin()) * size;
}

}  // namespace cleave
