// Ends of TLS connections that break the rules, each in its own way.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "engine/net/tls.h"
#include "tests/engine/net/ends.h"

namespace cleave {

// Certificates and keys of two swarms; each kind is a name. See tls_peers.cpp.
class OddKeys {
 public:
  OddKeys();
  // The files of a device of the good swarm: "a", "b", "c", "expired", "early", "revoked", "other names", "nameless",
  // "self-signed", "grandchild" (signed by a device), "thief" (b's certificate without its key).
  TlsFiles good(const std::string& name) const;
  // The same swarm's authority, but a certificate "a" of the other swarm's.
  TlsFiles foreign_certificate() const;
  TlsFiles other_swarm(const std::string& name) const;
  std::string path(const std::string& file) const { return folder_.path(file); }

 private:
  TestFolder folder_;
};

// What one end does with its connection; returns what it was told, in the form of `told`.
using Side = std::function<std::string(std::unique_ptr<Channel>)>;

// "good", "closed", "timeout", or the error.
std::string told(const IoResult& result);
// With days as DAY and authorities' numbers as ID.
std::string without_numbers(const std::string& text);

// Ours: it sends a byte and waits for one.
Side ours(TlsRole role, const TlsFiles& files, const std::string& expected = "");
// Sends the bytes as they are and listens on until the other end hangs up: "closed", or what came first in hex.
Side plain(const std::string& bytes);
// Sends the bytes and hangs up.
Side hangs_up(const std::string& bytes);

struct OddTls {
  bool only_tls12 = false;
  bool without_certificate = false;
  bool stops_halfway = false;  // says no word after its first one
};
// OpenSSL as a stranger might use it. Returns "good" when the handshake is done.
Side stranger(TlsRole role, const TlsFiles& files, const OddTls& odd);

}  // namespace cleave
