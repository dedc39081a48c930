// The keys of a swarm: a folder with an authority, which signs a certificate for each device. A device gets four of its
// files: authority.crt, NAME.crt, NAME.key and revoked.pem. authority.key stays where it was made.
//
//   authority.crt  authority.key   who signs; EC P-256 as all keys here
//   NAME.crt       NAME.key        a device's
//   revoked.pem                    certificates that count no more, signed by the authority
//   issued/SERIAL.crt              every certificate ever signed
//
// All functions throw UserError or RunError in one line that says what to do.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "engine/net/channel.h"

namespace cleave {

// Seconds from now. Certificates are valid from yesterday on: the clocks of small machines are late.
struct Validity {
  std::int64_t from_s = -86400;
  std::int64_t until_s = std::int64_t{365} * 86400;
};
inline constexpr Validity kAuthorityValidity = {-86400, std::int64_t{3652} * 86400};

// Makes the folder with an authority and an empty list of revoked keys. Refuses a folder that has one.
void make_authority(const std::string& folder, const Validity& validity = kAuthorityValidity);

// Makes NAME.key and NAME.crt. Refuses to replace a certificate that is still good, unless `replace`.
void add_device(const std::string& folder, const std::string& name, const Validity& validity = {},
                bool replace = false);

// Revokes every certificate that was signed for the name; returns how many that were not revoked before.
int revoke_device(const std::string& folder, const std::string& name);

enum class KeyState : std::uint8_t { good, expired, revoked };
const char* to_text(KeyState state);
struct IssuedKey {
  std::string name, serial;  // in hex
  std::string from, until;   // "2026-11-01"
  KeyState state = KeyState::good;
  bool in_use = false;  // it is the one in NAME.crt
};
// Returns all certificates that the authority has signed, by name, then by date.
std::vector<IssuedKey> list_keys(const std::string& folder);

// Returns a device's files after checking that they are there, belong together and are still good today.
TlsFiles tls_files(const std::string& folder, const std::string& name);

}  // namespace cleave
