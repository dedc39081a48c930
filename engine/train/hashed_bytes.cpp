#include "engine/train/hashed_bytes.h"

#include <fmt/format.h>
#define XXH_INLINE_ALL
#include <xxhash.h>

namespace cleave {

void put_text(std::vector<std::byte>& to, const std::string& text) {
  put(to, static_cast<std::uint32_t>(text.size()));
  put(to, text.data(), text.size());
}

std::string ByteReader::get_text(std::size_t longest) {
  const std::uint32_t length = get<std::uint32_t>();
  if (length > longest) throw RunError(fmt::format("{} holds a text of {} bytes", what, length));
  std::string text(length, '\0');
  get(text.data(), length);
  return text;
}

std::uint64_t hash_of(std::span<const std::byte> bytes) { return XXH64(bytes.data(), bytes.size(), 0); }

std::vector<std::byte> begin_hashed(std::string_view magic, std::uint32_t version) {
  std::vector<std::byte> bytes;
  put(bytes, magic.data(), magic.size());
  put(bytes, version);
  return bytes;
}

void end_hashed(std::vector<std::byte>& bytes) { put(bytes, hash_of(bytes)); }

ByteReader open_hashed(std::span<const std::byte> bytes, std::string_view magic, const char* what) {
  ByteReader reader{bytes, what};
  std::string letters(magic.size(), '\0');
  reader.get(letters.data(), letters.size());
  if (letters != magic) throw RunError(fmt::format("{} does not begin as one", what));
  if (reader.left.size() < sizeof(std::uint64_t)) throw RunError(fmt::format("{} is cut short", what));
  const std::size_t body = bytes.size() - sizeof(std::uint64_t);
  std::uint64_t hash = 0;
  std::memcpy(&hash, bytes.data() + body, sizeof(hash));
  if (hash != hash_of(bytes.first(body)))
    throw RunError(fmt::format("{} is damaged: its bytes do not have the hash it states", what));
  reader.left = reader.left.first(reader.left.size() - sizeof(hash));
  return reader;
}

std::string other_version(const char* what, std::uint32_t found, std::uint32_t known) {
  return fmt::format("{} is of version {}, this program reads version {}: use the one that wrote it", what, found,
                     known);
}

}  // namespace cleave
