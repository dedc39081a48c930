#include "tests/engine/net/tls_peers.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <chrono>
#include <cstdio>
#include <regex>

#include <fmt/format.h>

namespace cleave {

namespace {

constexpr double kPatience_s = 20;  // on a loaded machine; what ends sooner is seen to

template <auto free_it>
struct Free {
  template <class T>
  void operator()(T* object) const {
    free_it(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Free<X509_free>>;
using Context = std::unique_ptr<SSL_CTX, Free<SSL_CTX_free>>;
using Ssl = std::unique_ptr<SSL, Free<SSL_free>>;
using File = std::unique_ptr<std::FILE, Free<std::fclose>>;

template <class T>
T* must(T* made) {
  EXPECT_NE(made, nullptr) << ERR_reason_error_string(ERR_peek_last_error());
  return made;
}

Certificate read_certificate(const std::string& path) {
  return Certificate(must(PEM_read_X509(File(must(std::fopen(path.c_str(), "r"))).get(), nullptr, nullptr, nullptr)));
}
Key read_key(const std::string& path) {
  return Key(must(PEM_read_PrivateKey(File(must(std::fopen(path.c_str(), "r"))).get(), nullptr, nullptr, nullptr)));
}
void write_pair(const std::string& path, X509* certificate, EVP_PKEY* key) {
  PEM_write_X509(File(std::fopen((path + ".crt").c_str(), "w")).get(), certificate);
  PEM_write_PrivateKey(File(std::fopen((path + ".key").c_str(), "w")).get(), key, nullptr, nullptr, 0, nullptr,
                       nullptr);
}

void add_extension(X509* certificate, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, Free<X509_EXTENSION_free>> made(
      must(X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str())));
  X509_add_ext(certificate, made.get(), -1);
}

// A certificate as cleave makes them but for the names. `issuer` null: signed by itself.
void make_pair(const std::string& path, const std::string& name, const std::string& other_name, X509* issuer,
               EVP_PKEY* issuer_key) {
  const Key key(must(EVP_EC_gen("P-256")));
  const Certificate made(must(X509_new()));
  X509_set_version(made.get(), X509_VERSION_3);
  ASN1_INTEGER_set_int64(X509_get_serialNumber(made.get()), 77);
  if (!name.empty())
    X509_NAME_add_entry_by_txt(X509_get_subject_name(made.get()), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
  X509_gmtime_adj(X509_getm_notBefore(made.get()), -60);
  X509_gmtime_adj(X509_getm_notAfter(made.get()), 86400);
  X509_set_pubkey(made.get(), key.get());
  X509* const from = issuer == nullptr ? made.get() : issuer;
  X509_set_issuer_name(made.get(), X509_get_subject_name(from));
  add_extension(made.get(), from, NID_basic_constraints, "critical,CA:FALSE");
  add_extension(made.get(), from, NID_key_usage, "critical,digitalSignature");
  add_extension(made.get(), from, NID_subject_alt_name, (name.empty() ? "critical,DNS:" : "DNS:") + other_name);
  add_extension(made.get(), from, NID_subject_key_identifier, "hash");
  if (issuer != nullptr) add_extension(made.get(), from, NID_authority_key_identifier, "keyid:always");
  X509_sign(made.get(), issuer == nullptr ? key.get() : issuer_key, EVP_sha256());
  write_pair(path, made.get(), key.get());
}

// A key that says it belongs to the certificate and does not: its public half is the certificate's.
void make_thief(const std::string& from, const std::string& path) {
  const Certificate certificate = read_certificate(from + ".crt");
  const Key right = read_key(from + ".key"), wrong(must(EVP_EC_gen("P-256")));
  BIGNUM* secret = nullptr;
  EVP_PKEY_get_bn_param(wrong.get(), "priv", &secret);
  unsigned char point[80];
  std::size_t size = 0;
  EVP_PKEY_get_octet_string_param(right.get(), "encoded-pub-key", point, sizeof point, &size);
  OSSL_PARAM_BLD* const builder = OSSL_PARAM_BLD_new();
  OSSL_PARAM_BLD_push_utf8_string(builder, "group", "prime256v1", 0);
  OSSL_PARAM_BLD_push_octet_string(builder, "pub", point, size);
  OSSL_PARAM_BLD_push_BN(builder, "priv", secret);
  OSSL_PARAM* const parts = OSSL_PARAM_BLD_to_param(builder);
  EVP_PKEY* mixed = nullptr;
  EVP_PKEY_CTX* const context = EVP_PKEY_CTX_new_from_name(nullptr, "EC", nullptr);
  EVP_PKEY_fromdata_init(context);
  EVP_PKEY_fromdata(context, &mixed, EVP_PKEY_KEYPAIR, parts);
  const Key made(must(mixed));
  EVP_PKEY_CTX_free(context), OSSL_PARAM_free(parts), OSSL_PARAM_BLD_free(builder), BN_free(secret);
  write_pair(path, certificate.get(), made.get());
}

void flush(SSL* ssl, Channel& channel) {
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(SSL_get_wbio(ssl), &bytes);
  if (size > 0) write_bytes(channel, std::as_bytes(std::span(bytes, static_cast<std::size_t>(size))));
  static_cast<void>(BIO_reset(SSL_get_wbio(ssl)));
}

}  // namespace

OddKeys::OddKeys() {
  const std::string ours = path("good"), others = path("other");
  make_authority(ours), make_authority(others);
  for (const char* name : {"a", "b", "c", "revoked"}) add_device(ours, name);
  for (const char* name : {"a", "b"}) add_device(others, name);
  add_device(ours, "expired", {-7200, -3600});
  add_device(ours, "early", {86400, 2 * 86400});
  revoke_device(ours, "revoked");
  const Certificate authority = read_certificate(ours + "/authority.crt"), device = read_certificate(ours + "/a.crt");
  const Key authority_key = read_key(ours + "/authority.key"), device_key = read_key(ours + "/a.key");
  make_pair(ours + "/other names", "a", "c", authority.get(), authority_key.get());
  make_pair(ours + "/nameless", "", "a", authority.get(), authority_key.get());
  make_pair(ours + "/self-signed", "a", "a", nullptr, nullptr);
  make_pair(ours + "/grandchild", "c", "c", device.get(), device_key.get());
  make_thief(ours + "/b", ours + "/thief");
}

TlsFiles OddKeys::good(const std::string& name) const {
  const std::string file = path("good/" + name);
  return {path("good/authority.crt"), file + ".crt", file + ".key", path("good/revoked.pem")};
}

TlsFiles OddKeys::foreign_certificate() const {
  return {path("good/authority.crt"), path("other/a.crt"), path("other/a.key"), ""};
}

TlsFiles OddKeys::other_swarm(const std::string& name) const {
  return {path("other/authority.crt"), path("other/" + name + ".crt"), path("other/" + name + ".key"), ""};
}

std::string told(const IoResult& result) {
  if (result.status == IoStatus::ok) return "good";
  if (result.status == IoStatus::closed) return "closed";
  if (result.status == IoStatus::timeout) return "timeout";
  return result.error;
}

std::string without_numbers(const std::string& text) {
  const std::string days = std::regex_replace(text, std::regex("[0-9]{4}-[0-9]{2}-[0-9]{2}"), "DAY");
  return std::regex_replace(days, std::regex("authority [0-9a-f]{8}"), "authority ID");
}

Side ours(TlsRole role, const TlsFiles& files, const std::string& expected) {
  return [=](std::unique_ptr<Channel> inner) {
    const std::unique_ptr<Channel> channel = tls_channel(std::move(inner), role, {files, expected});
    std::byte byte{};
    const IoResult sent = write_bytes(*channel, std::span(&byte, 1), kPatience_s);
    return told(sent.ok() ? channel->read(std::span(&byte, 1), kPatience_s) : sent);
  };
}

Side plain(const std::string& bytes) {
  return [=](std::unique_ptr<Channel> channel) {
    write_bytes(*channel, std::as_bytes(std::span(bytes)));
    std::byte answer[3];
    const IoResult heard = channel->read(answer, kPatience_s);
    if (!heard.ok()) return told(heard);
    std::string hex;
    for (const std::byte byte : std::span(answer).first(static_cast<std::size_t>(heard.bytes)))
      hex += fmt::format("{:02x}", static_cast<unsigned>(byte));
    std::byte rest[4096];
    while (channel->read(rest, kPatience_s).ok()) continue;
    return hex;
  };
}

Side hangs_up(const std::string& bytes) {
  return [=](std::unique_ptr<Channel> channel) {
    write_bytes(*channel, std::as_bytes(std::span(bytes)));
    return std::string("hung up");
  };
}

Side stranger(TlsRole role, const TlsFiles& files, const OddTls& odd) {
  return [=](std::unique_ptr<Channel> channel) -> std::string {
    const Context context(must(SSL_CTX_new(TLS_method())));
    if (odd.only_tls12) SSL_CTX_set_max_proto_version(context.get(), TLS1_2_VERSION);
    if (!odd.without_certificate) {
      SSL_CTX_use_certificate_file(context.get(), files.certificate.c_str(), SSL_FILETYPE_PEM);
      SSL_CTX_use_PrivateKey_file(context.get(), files.key.c_str(), SSL_FILETYPE_PEM);
    }
    const Ssl ssl(must(SSL_new(context.get())));
    SSL_set_bio(ssl.get(), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    if (role == TlsRole::client) SSL_set_connect_state(ssl.get());
    else SSL_set_accept_state(ssl.get());
    std::byte bytes[4096];
    for (;;) {
      const int result = SSL_do_handshake(ssl.get());
      flush(ssl.get(), *channel);
      if (result != 1 && SSL_get_error(ssl.get(), result) != SSL_ERROR_WANT_READ) return "gave up";
      char byte = 0;
      if (result == 1 && SSL_read(ssl.get(), &byte, 1) == 1) return "good";
      do {
        const IoResult got = channel->read(bytes, kPatience_s);
        if (!got.ok()) return told(got);
        BIO_write(SSL_get_rbio(ssl.get()), bytes, static_cast<int>(got.bytes));
      } while (odd.stops_halfway);
    }
  };
}

}  // namespace cleave
