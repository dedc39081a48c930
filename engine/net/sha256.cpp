#include "engine/net/sha256.h"

#include <openssl/evp.h>

#include "ops/core/error.h"

namespace cleave {

std::array<std::uint8_t, 32> sha256(std::span<const std::byte> bytes) {
  std::array<std::uint8_t, 32> hash{};
  unsigned size = 0;
  const int done = EVP_Digest(bytes.data(), bytes.size(), hash.data(), &size, EVP_sha256(), nullptr);
  if (done != 1 || size != hash.size()) throw RunError("OpenSSL has no SHA-256; install a build of it that does");
  return hash;
}

std::string hex_of(const std::array<std::uint8_t, 32>& hash) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (const std::uint8_t byte : hash) {
    text += kDigits[byte >> 4];
    text += kDigits[byte & 15];
  }
  return text;
}

}  // namespace cleave
