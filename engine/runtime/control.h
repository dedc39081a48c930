// Control: what a coordinator and a worker say to each other beside frames: messages of any length over a control edge.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/runtime/bridge.h"

namespace cleave {

enum class ControlKind : std::uint8_t {
  // to a worker
  assign = 1,  // JSON, see Assignment; whatever was assigned before is dropped
  model,       // the resolved model as YAML
  weights,     // of the shard, safetensors; sent when it is asked for them
  state,       // training, both ways: a module's number as u32, then its ModuleCheckpoint
  begin,       // everything was sent: begin
  committed,   // training: decimal text, number of the batch behind the last checkpoint
  release,     // the job is over
  // to the coordinator
  want,      // the weights: they are not kept here from an earlier run
  ready,     // the shard stands, its bridges wait
  failed,    // text for people; the job is over
  counts,    // JSON, now and then: what the stage did so far
  progress,  // training: JSON, a batch is done
  trace,     // training: JSON, steps
  score,     // training: JSON, a test batch is scored
  done,      // JSON like counts: everything is done and safe
  // after the link was down
  still,  // to a worker: an incarnation in decimal; has it still that work?
  lacks,  // its answer, with the same text: no, another coordinator was there, or this one was away too long
};
const char* to_text(ControlKind kind);

struct ControlMessage {
  ControlKind kind = ControlKind::assign;
  std::vector<std::byte> body;

  std::string_view text() const { return {reinterpret_cast<const char*>(body.data()), body.size()}; }
};
ControlMessage control_message(ControlKind kind, std::string_view text);

// The edge of a worker's control session; the same on every worker.
std::uint64_t control_edge();
// The session of a control edge: both ways, begun anew when the peer is a new process.
SessionOptions control_session(const std::string& device, const std::string& peer, std::uint64_t boot_id);

// Messages over a bridge, cut into pieces and put together again. One thread sends at a time, one receives.
class ControlLink {
 public:
  explicit ControlLink(Bridge& bridge) : bridge_(bridge) {}
  // Waits for room; false when the bridge has stopped or failed, or as soon as `give_up`, if any, says so.
  bool send(ControlKind kind, std::span<const std::byte> body, const std::function<bool()>& give_up = {});
  bool send(ControlKind kind, std::string_view text, const std::function<bool()>& give_up = {});
  // Returns the next whole message; nothing at the timeout, or when the bridge has stopped.
  std::optional<ControlMessage> receive(double timeout_s);

 private:
  bool send_piece(const WireFrame& piece, const std::function<bool()>& give_up);

  Bridge& bridge_;
  std::optional<ControlMessage> partial_;
};

// Returns an id made of two.
std::uint64_t mix_ids(std::uint64_t a, std::uint64_t b);
// A number no other process has: from the system's random source.
std::uint64_t random_id();

}  // namespace cleave
