// What stands in for a peer whose library was not there: no cases, and a word why.
#include <fmt/format.h>

#include "bench/peers/peers.h"

namespace cleave {

namespace {

[[maybe_unused]] std::vector<PeerCase> none(const char* name, const char* packages) {
  fmt::print("left out: {} was not there when the benches were built (apt-get install {})\n", name, packages);
  return {};
}

}  // namespace

#ifndef CLEAVE_PEER_ONEDNN
void set_openmp_threads(int /*threads*/) {}
std::vector<PeerCase> onednn_cases(const PeerNet& /*net*/, const PeerInput& /*input*/, int /*threads*/) {
  return none("oneDNN", "libdnnl-dev");
}
std::vector<PeerCase> onednn_int8_cases(const PeerNet& /*net*/, int /*threads*/) { return {}; }
#endif

#ifndef CLEAVE_PEER_XNNPACK
std::vector<PeerCase> xnnpack_cases(const PeerNet& /*net*/, const PeerInput& /*input*/, int /*threads*/) {
  return none("XNNPACK", "libxnnpack-dev libpthreadpool-dev");
}
std::vector<PeerCase> xnnpack_int8_cases(const PeerNet& /*net*/, int /*threads*/) { return {}; }
#endif

}  // namespace cleave
