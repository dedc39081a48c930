#include "engine/net/tls_context.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#if defined(__aarch64__)
#include <asm/hwcap.h>
#include <sys/auxv.h>
#endif

#include <filesystem>

#include <fmt/format.h>

#include "engine/net/keys_pem.h"
#include "ops/core/file.h"

namespace cleave {

namespace {

struct ContextFree {
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
};

// Without these instructions (Raspberry Pi 3 and 4) AES is several times slower than ChaCha20.
bool has_fast_aes() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("aes") != 0;
#elif defined(__aarch64__)
  return (::getauxval(AT_HWCAP) & HWCAP_AES) != 0;
#else
  return false;
#endif
}

// "device b", for what is said of a certificate.
std::string owner(const X509* certificate) {
  const std::string name = common_name(certificate);
  return name.empty() ? "the other end" : "device " + name;
}

// `certificate` is the one at fault, `shown` the peer's own.
std::string why_not_trusted(int error, const X509* certificate, const X509* shown) {
  const std::string who = owner(shown);
  const std::string name = common_name(shown);
  switch (error) {
    case X509_V_ERR_CERT_HAS_EXPIRED:
      if (certificate != shown)
        return fmt::format("the swarm's authority expired on {} (today is {}); make new keys with `cleave keys init`",
                           date_of(X509_get0_notAfter(certificate)), today());
      return fmt::format("{}: its certificate expired on {} (today is {}); run `cleave keys add {}` again", who,
                         date_of(X509_get0_notAfter(certificate)), today(), name);
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return fmt::format("{}: its certificate is valid from {} on, and this machine's clock says {}; set the clocks",
                         who, date_of(X509_get0_notBefore(certificate)), today());
    case X509_V_ERR_CERT_REVOKED:
      return fmt::format("this swarm's keys were revoked for {0}; if it shall be let in, run `cleave keys add {0}`",
                         name);
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
      return fmt::format(
          "{}: its certificate is signed by itself, not by this swarm's authority; run `cleave keys add`", who);
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_CERT_SIGNATURE_FAILURE: {
      const std::string issuer = common_name(X509_get_issuer_name(shown));
      return fmt::format("{}: its certificate was signed by another authority ({}); both ends need keys of one swarm",
                         who, issuer.empty() ? "without a name" : issuer);
    }
    case X509_V_ERR_UNABLE_TO_GET_CRL:
    case X509_V_ERR_CRL_HAS_EXPIRED:
    case X509_V_ERR_CRL_SIGNATURE_FAILURE:
      return fmt::format("the list of revoked keys is of no use ({}); copy revoked.pem of this swarm here again",
                         X509_verify_cert_error_string(error));
    default:
      return fmt::format("{}: its certificate is not one of this swarm's: {}", who,
                         X509_verify_cert_error_string(error));
  }
}

// Whether the names beside the subject's, if there are any, say the same.
bool other_names_agree(const X509* certificate, const std::string& name) {
  const std::unique_ptr<GENERAL_NAMES, void (*)(GENERAL_NAMES*)> names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)),
      GENERAL_NAMES_free);
  bool any = false;
  for (int i = 0; names != nullptr && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* const other = sk_GENERAL_NAME_value(names.get(), i);
    if (other->type != GEN_DNS) continue;
    any = true;
    const auto* const text = reinterpret_cast<const char*>(ASN1_STRING_get0_data(other->d.dNSName));
    if (std::string(text, static_cast<std::size_t>(ASN1_STRING_length(other->d.dNSName))) == name) return true;
  }
  return !any;
}

// Returns what is wrong with the name of a certificate that is to be trusted; "" = nothing.
std::string fault_of_name(const X509* certificate, const std::string& expected) {
  const std::string name = common_name(certificate);
  if (name.empty()) return "the other end's certificate names no device; run `cleave keys add` for it";
  if (!other_names_agree(certificate, name))
    return fmt::format("device {0}: its certificate bears other names, too; run `cleave keys add {0}` again", name);
  if (!expected.empty() && name != expected)
    return fmt::format("expected device {}, but the certificate there is of {}; check the addresses, or its keys",
                       expected, name);
  return "";
}

// OpenSSL asks for each certificate from the authority down to the peer's.
int check_certificate(int trusted, X509_STORE_CTX* store) {
  const auto* const ssl = static_cast<SSL*>(X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx()));
  auto& notes = *static_cast<HandshakeNotes*>(SSL_get_app_data(ssl));
  const X509* const certificate = X509_STORE_CTX_get_current_cert(store);
  if (trusted == 0) {
    if (notes.why.empty())
      notes.why = why_not_trusted(X509_STORE_CTX_get_error(store), certificate, X509_STORE_CTX_get0_cert(store));
    return 0;
  }
  if (X509_STORE_CTX_get_error_depth(store) > 0) return 1;
  notes.why = fault_of_name(certificate, notes.expected_name);
  if (!notes.why.empty()) {
    X509_STORE_CTX_set_error(store, X509_V_ERR_HOSTNAME_MISMATCH);
    return 0;
  }
  notes.peer_name = common_name(certificate);
  return 1;
}

[[noreturn]] void refuse_file(const std::string& path, const char* what) {
  const unsigned long error = ERR_peek_last_error();
  const char* const reason = ERR_reason_error_string(error);
  const bool is_missing = !is_file(path);
  ERR_clear_error();
  throw RunError(fmt::format("{}: {} ({})", path, what,
                             is_missing          ? "there is no such file"
                             : reason == nullptr ? "cannot be read"
                                                 : reason));
}

void load_revoked(SSL_CTX* context, const std::string& path) {
  if (path.empty() || !std::filesystem::exists(path)) return;
  X509_STORE* const store = SSL_CTX_get_cert_store(context);
  if (X509_STORE_load_file(store, path.c_str()) != 1) refuse_file(path, "is no list of revoked keys");
  X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK);
}

void load_files(SSL_CTX* context, const TlsFiles& files) {
  if (SSL_CTX_load_verify_file(context, files.authority.c_str()) != 1)
    refuse_file(files.authority, "is no authority's certificate");
  if (SSL_CTX_use_certificate_file(context, files.certificate.c_str(), SSL_FILETYPE_PEM) != 1)
    refuse_file(files.certificate, "is no certificate");
  if (SSL_CTX_use_PrivateKey_file(context, files.key.c_str(), SSL_FILETYPE_PEM) != 1)
    refuse_file(files.key, "is no private key of the certificate beside it");
  load_revoked(context, files.revoked);
}

// What the other end says by an alert; `name` is the one in our certificate. Numbers: RFC 8446, 6.
std::string text_of_alert(int alert, const std::string& name) {
  switch (alert) {
    case SSL_AD_CERTIFICATE_REVOKED:
      return fmt::format(
          "the other end refuses us: the keys of {0} were revoked; run `cleave keys add {0}` for new ones", name);
    case SSL_AD_CERTIFICATE_EXPIRED:
      return fmt::format(
          "the other end refuses us: to it, the certificate of {0} has expired; run `cleave keys add {0}` "
          "again, or set its clock",
          name);
    case SSL_AD_UNKNOWN_CA:
      return fmt::format(
          "the other end refuses us: it does not know the authority that signed the certificate of {}; "
          "both ends need keys of one swarm",
          name);
    case SSL_AD_BAD_CERTIFICATE:
      return fmt::format("the other end refuses us: it expects another device than {}, or its clock is behind", name);
    case SSL_AD_CERTIFICATE_REQUIRED: return "the other end refuses us: it wants a certificate; give this end --keys";
    case SSL_AD_DECRYPT_ERROR:
      return fmt::format("the other end refuses us: the key used is not that of the certificate of {}", name);
    case SSL_AD_PROTOCOL_VERSION: return "the other end refuses us: it does not speak TLS 1.3";
    default: return fmt::format("the other end refuses us: TLS alert '{}'", SSL_alert_desc_string_long(alert));
  }
}

}  // namespace

SslPointer make_ssl(const TlsFiles& files, TlsRole role, HandshakeNotes& notes) {
  ERR_clear_error();
  const std::unique_ptr<SSL_CTX, ContextFree> context(SSL_CTX_new(TLS_method()));
  if (context == nullptr) throw std::bad_alloc();
  SSL_CTX* const c = context.get();
  SSL_CTX_set_min_proto_version(c, TLS1_3_VERSION);
  SSL_CTX_set_max_proto_version(c, TLS1_3_VERSION);
  SSL_CTX_set_ciphersuites(c, has_fast_aes() ? "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256"
                                             : "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256");
  SSL_CTX_set1_groups_list(c, "X25519:P-256");
  // ChaCha20 where either end is the slower with AES.
  SSL_CTX_set_options(c, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA | SSL_OP_NO_TICKET);
  SSL_CTX_set_num_tickets(c, 0);
  SSL_CTX_set_mode(c, SSL_MODE_NO_AUTO_CHAIN);  // the peer has the authority's certificate or does not trust it
  SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_max_cert_list(c, 16 * 1024);
  SSL_CTX_set_verify(c, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, check_certificate);
  SSL_CTX_set_verify_depth(c, 1);
  X509_STORE_set_flags(SSL_CTX_get_cert_store(c), X509_V_FLAG_X509_STRICT);
  SSL_CTX_set_default_passwd_cb(c, [](char*, int, int, void*) { return -1; });  // else OpenSSL asks on the terminal
  load_files(c, files);
  notes.own_name = common_name(SSL_CTX_get0_certificate(c));
  SslPointer ssl(SSL_new(c));
  if (ssl == nullptr) throw std::bad_alloc();
  SSL_set_app_data(ssl.get(), &notes);
  if (role == TlsRole::client) SSL_set_connect_state(ssl.get());
  else SSL_set_accept_state(ssl.get());
  return ssl;
}

std::string handshake_fault(const HandshakeNotes& notes) {
  const unsigned long error = ERR_peek_error();
  const int reason = ERR_GET_REASON(error);
  ERR_clear_error();
  if (!notes.why.empty()) return notes.why;
  if (reason >= SSL_AD_REASON_OFFSET && reason < SSL_AD_REASON_OFFSET + 256)
    return text_of_alert(reason - SSL_AD_REASON_OFFSET, notes.own_name);
  switch (reason) {
    case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE: return "the other end shows no certificate; give it --keys";
    case SSL_R_UNSUPPORTED_PROTOCOL:
    case SSL_R_WRONG_SSL_VERSION:
    case SSL_R_VERSION_TOO_LOW:
    case SSL_R_NO_PROTOCOLS_AVAILABLE: return "the other end does not speak TLS 1.3; this swarm takes nothing older";
    case SSL_R_BAD_SIGNATURE: return "the other end does not hold the key of the certificate that it shows";
    default: {
      const char* const text = ERR_reason_error_string(error);
      return fmt::format("the other end broke the rules of TLS: {}", text == nullptr ? "no reason known" : text);
    }
  }
}

}  // namespace cleave
