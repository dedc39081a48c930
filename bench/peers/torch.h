// PyTorch, in a process of its own: asked between the rounds of the others.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "bench/peer.h"
#include "bench/peers/peer_net.h"
#include "bench/peers/rounds.h"

namespace cleave {

// Returns cases of eager mode and TorchScript (frozen, and optimised for inference) on the net at `path` (see
// write_peer_net). Their outputs are compared with `right`, and the differences printed; one above `most` throws.
std::vector<PeerCase> torch_cases(const std::shared_ptr<Peer>& torch, const std::string& path, std::int64_t batch,
                                  int threads, const std::vector<float>& right, double most);

}  // namespace cleave
