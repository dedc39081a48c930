#include "engine/net/keys_pem.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>

#include <fmt/format.h>

#include "ops/core/error.h"
#include "ops/core/file.h"

namespace cleave {

namespace {

constexpr std::int64_t kMostPemBytes = std::int64_t{1} << 20;

Memory memory_of(const Bytes& bytes) {
  Memory memory(
      BIO_new_mem_buf(bytes.empty() ? "" : static_cast<const void*>(bytes.data()), static_cast<int>(bytes.size())));
  must(memory != nullptr, "read keys");
  return memory;
}

template <class Write>
Bytes pem_of(Write write) {
  const Memory memory(BIO_new(BIO_s_mem()));
  must(memory != nullptr && write(memory.get()) == 1, "write keys");
  char* text = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &text);
  return Bytes(text, text + size);
}

// As write_file_atomically, but for nobody else to read, not even for a moment.
void write_secret(const std::string& path, const Bytes& bytes) {
  const std::string temporary = fmt::format("{}.tmp-{}", path, ::getpid());
  ::unlink(temporary.c_str());
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  const bool written =
      fd >= 0 && ::write(fd, bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()) && ::fsync(fd) == 0;
  const int error = errno;
  if (fd >= 0) ::close(fd);
  if (written && ::rename(temporary.c_str(), path.c_str()) == 0) return;
  const int last = written ? errno : error;
  ::unlink(temporary.c_str());
  throw RunError(fmt::format("{}: cannot write: {}", path, std::strerror(last)));
}

}  // namespace

void must(bool good, const char* what) {
  if (good) return;
  const char* const reason = ERR_reason_error_string(ERR_peek_last_error());
  ERR_clear_error();
  throw RunError(fmt::format("cannot {}: {}", what, reason == nullptr ? "no reason known" : reason));
}

Certificate read_certificate(const std::string& path) {
  const Bytes bytes = read_file(path, kMostPemBytes);
  Certificate certificate(PEM_read_bio_X509(memory_of(bytes).get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  if (certificate == nullptr) throw RunError(fmt::format("{}: is no certificate", path));
  return certificate;
}

Key read_key(const std::string& path) {
  const Bytes bytes = read_file(path, kMostPemBytes);
  const auto no_password = [](char*, int, int, void*) { return -1; };  // else OpenSSL asks on the terminal
  Key key(PEM_read_bio_PrivateKey(memory_of(bytes).get(), nullptr, no_password, nullptr));
  ERR_clear_error();
  if (key == nullptr) throw RunError(fmt::format("{}: is no private key", path));
  return key;
}

RevokedList read_revoked(const std::string& path) {
  const Bytes bytes = read_file(path, kMostPemBytes);
  RevokedList list(PEM_read_bio_X509_CRL(memory_of(bytes).get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  if (list == nullptr) throw RunError(fmt::format("{}: is no list of revoked keys", path));
  return list;
}

void write_key(const std::string& path, EVP_PKEY* key) {
  Bytes pem = pem_of([&](BIO* to) { return PEM_write_bio_PrivateKey(to, key, nullptr, nullptr, 0, nullptr, nullptr); });
  write_secret(path, pem);
  OPENSSL_cleanse(pem.data(), pem.size());
}

void write_certificate(const std::string& path, X509* certificate) {
  write_file_atomically(path, pem_of([&](BIO* to) { return PEM_write_bio_X509(to, certificate); }));
}

void write_revoked(const std::string& path, X509_CRL* list) {
  write_file_atomically(path, pem_of([&](BIO* to) { return PEM_write_bio_X509_CRL(to, list); }));
}

std::string date_of(const ASN1_TIME* time) {
  std::tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return "a day unknown";
  return fmt::format("{:04}-{:02}-{:02}", parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday);
}

std::string common_name(const X509_NAME* subject) {
  const int first = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (first < 0 || X509_NAME_get_index_by_NID(subject, NID_commonName, first) >= 0) return "";
  const ASN1_STRING* const text = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, first));
  const std::string name(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                         static_cast<std::size_t>(ASN1_STRING_length(text)));
  for (const char c : name)  // strangers' names end up in logs
    if (c < ' ' || c > '~') return "";
  return name.size() > 64 ? "" : name;
}

std::string common_name(const X509* certificate) { return common_name(X509_get_subject_name(certificate)); }

std::string today() { return date_of(Date(X509_gmtime_adj(nullptr, 0)).get()); }

std::string serial_of(const X509* certificate) {
  const Number number(ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nullptr));
  const std::unique_ptr<char, void (*)(char*)> hex(BN_bn2hex(number.get()), [](char* text) { OPENSSL_free(text); });
  must(hex != nullptr, "read a serial number");
  return hex.get();
}

}  // namespace cleave
