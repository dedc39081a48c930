// What a TLS handshake needs, and what to say when it fails.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string>

#include "engine/net/keys_pem.h"
#include "engine/net/tls.h"

namespace cleave {

using SslPointer = std::unique_ptr<SSL, OpenSslFree<SSL_free>>;

// What a handshake is told and finds out.
struct HandshakeNotes {
  std::string expected_name;
  std::string own_name;   // in our certificate
  std::string peer_name;  // in the peer's; set by a good handshake only
  std::string why;        // it was refused by us
};

// Returns a TLS end with the keys of the files; it writes to `notes`, which must outlive it. Throws RunError (one line)
// when the files cannot be used.
SslPointer make_ssl(const TlsFiles& files, TlsRole role, HandshakeNotes& notes);

// Returns in one line why a handshake failed: what `notes` say, else what OpenSSL says of this thread's last call.
std::string handshake_fault(const HandshakeNotes& notes);

}  // namespace cleave
