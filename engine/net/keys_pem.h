// Keys and certificates as OpenSSL holds them, in PEM files, and what is said of them.
#pragma once

#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>
#include <string>

namespace cleave {

template <auto free_it>
struct OpenSslFree {
  template <class T>
  void operator()(T* object) const {
    free_it(object);
  }
};
using Key = std::unique_ptr<EVP_PKEY, OpenSslFree<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, OpenSslFree<X509_free>>;
using RevokedList = std::unique_ptr<X509_CRL, OpenSslFree<X509_CRL_free>>;
using Memory = std::unique_ptr<BIO, OpenSslFree<BIO_free>>;
using Number = std::unique_ptr<BIGNUM, OpenSslFree<BN_free>>;
using Date = std::unique_ptr<ASN1_TIME, OpenSslFree<ASN1_TIME_free>>;

// Throws RunError "cannot WHAT" with OpenSSL's reason unless `good`: want of memory or of random numbers, mostly.
void must(bool good, const char* what);

// Throw RunError when the file cannot be read or is none such.
Certificate read_certificate(const std::string& path);
Key read_key(const std::string& path);
RevokedList read_revoked(const std::string& path);

// Replace the file; a key is for nobody else to read, not even for a moment. Throw RunError when that fails.
void write_certificate(const std::string& path, X509* certificate);
void write_key(const std::string& path, EVP_PKEY* key);
void write_revoked(const std::string& path, X509_CRL* list);

// "2026-11-01"
std::string date_of(const ASN1_TIME* time);
std::string today();
// The name in a subject or an issuer, or a certificate's own; "" when there is none, more than one or a strange one.
std::string common_name(const X509_NAME* subject);
std::string common_name(const X509* certificate);
// In hex.
std::string serial_of(const X509* certificate);

}  // namespace cleave
