#include "engine/net/keys.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <tuple>

#include <fmt/format.h>

#include "engine/net/keys_pem.h"
#include "ops/core/file.h"

namespace cleave {

namespace {

constexpr std::size_t kLongestName = 64;  // of a common name, RFC 5280 A.1

struct Paths {
  std::string folder;

  std::string at(const std::string& file) const { return folder + "/" + file; }
  std::string authority() const { return at("authority.crt"); }
  std::string authority_key() const { return at("authority.key"); }
  std::string revoked() const { return at("revoked.pem"); }
  std::string issued(const std::string& serial) const { return at("issued/" + serial + ".crt"); }
  std::string certificate(const std::string& name) const { return at(name + ".crt"); }
  std::string key(const std::string& name) const { return at(name + ".key"); }
};

// Two commands at once would lose a revocation.
class FolderLock {
 public:
  explicit FolderLock(const std::string& folder) : fd_(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {
    if (fd_ >= 0) ::flock(fd_, LOCK_EX);
  }
  ~FolderLock() {
    if (fd_ >= 0) ::close(fd_);
  }
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int fd_;
};

void make_folder(const std::string& path) {
  std::error_code error;
  std::filesystem::create_directories(path, error);
  if (error) throw RunError(fmt::format("{}: cannot make the folder: {}", path, error.message()));
}

// ---- names and certificates

void check_device_name(const std::string& name) {
  const auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  };
  if (name.empty() || name.size() > kLongestName || !std::all_of(name.begin(), name.end(), good))
    throw UserError(fmt::format("'{}' is no name of a device: 1 to {} letters, digits, '_' and '-'", printable(name),
                                kLongestName));
  if (name == "authority") throw UserError("'authority' is the name of those who sign; name the device otherwise");
}

Key new_key() {
  Key key(EVP_EC_gen("P-256"));
  must(key != nullptr, "make a key");
  return key;
}

bool is_expired(const X509* certificate) { return X509_cmp_current_time(X509_get0_notAfter(certificate)) < 0; }

void set_random_serial(X509* certificate) {
  const Number number(BN_new());  // 127 bits: positive, and at most the 20 bytes of RFC 5280, 4.1.2.2
  must(number != nullptr && BN_rand(number.get(), 127, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
           BN_to_ASN1_INTEGER(number.get(), X509_get_serialNumber(certificate)) != nullptr,
       "make a serial number");
}

void set_name(X509_NAME* to, const std::string& name) {
  const auto* const text = reinterpret_cast<const unsigned char*>(name.c_str());
  must(X509_NAME_add_entry_by_txt(to, "CN", MBSTRING_ASC, text, -1, -1, 0) == 1, "write a name");
}

void add_extension(X509* certificate, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const std::unique_ptr<X509_EXTENSION, OpenSslFree<X509_EXTENSION_free>> extension(
      X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str()));
  must(extension != nullptr && X509_add_ext(certificate, extension.get(), -1) == 1, "write a certificate");
}

// All but extensions and signature.
Certificate blank_certificate(EVP_PKEY* key, const std::string& name, const Validity& validity) {
  Certificate made(X509_new());
  must(made != nullptr && X509_set_version(made.get(), X509_VERSION_3) == 1, "make a certificate");
  set_random_serial(made.get());
  set_name(X509_get_subject_name(made.get()), name);
  must(X509_gmtime_adj(X509_getm_notBefore(made.get()), static_cast<long>(validity.from_s)) != nullptr &&
           X509_gmtime_adj(X509_getm_notAfter(made.get()), static_cast<long>(validity.until_s)) != nullptr &&
           X509_set_pubkey(made.get(), key) == 1,
       "make a certificate");
  return made;
}

Certificate sign_device(const std::string& name, EVP_PKEY* key, X509* authority, EVP_PKEY* authority_key,
                        const Validity& validity) {
  Certificate made = blank_certificate(key, name, validity);
  must(X509_set_issuer_name(made.get(), X509_get_subject_name(authority)) == 1, "make a certificate");
  add_extension(made.get(), authority, NID_basic_constraints, "critical,CA:FALSE");
  add_extension(made.get(), authority, NID_key_usage, "critical,digitalSignature");
  add_extension(made.get(), authority, NID_ext_key_usage, "serverAuth,clientAuth");
  add_extension(made.get(), authority, NID_subject_alt_name, "DNS:" + name);
  add_extension(made.get(), authority, NID_subject_key_identifier, "hash");
  add_extension(made.get(), authority, NID_authority_key_identifier, "keyid:always");
  must(X509_sign(made.get(), authority_key, EVP_sha256()) > 0, "sign a certificate");
  return made;
}

// ---- the authority

struct Authority {
  Certificate certificate;
  Key key;
};

void need_authority(const Paths& paths) {
  if (!is_folder(paths.folder) || !is_file(paths.authority()))
    throw UserError(fmt::format("{}: there are no keys; make them with `cleave keys init`", paths.folder));
}

Authority read_authority(const Paths& paths) {
  need_authority(paths);
  if (!is_file(paths.authority_key()))
    throw UserError(fmt::format("{}: is not here; keys are added and revoked where `cleave keys init` was run",
                                paths.authority_key()));
  Authority authority{read_certificate(paths.authority()), read_key(paths.authority_key())};
  if (X509_check_private_key(authority.certificate.get(), authority.key.get()) != 1) {
    ERR_clear_error();
    throw UserError(fmt::format("{}: is not the key of authority.crt; put the right one back", paths.authority_key()));
  }
  if (is_expired(authority.certificate.get()))
    throw UserError(fmt::format("{}: expired on {}; begin anew with `cleave keys init` in another folder",
                                paths.authority(), date_of(X509_get0_notAfter(authority.certificate.get()))));
  return authority;
}

bool is_revoked(X509_CRL* list, X509* certificate) {
  X509_REVOKED* entry = nullptr;
  return list != nullptr && X509_CRL_get0_by_cert(list, &entry, certificate) == 1;
}

RevokedList revoked_of(const Paths& paths) {
  return is_file(paths.revoked()) ? read_revoked(paths.revoked()) : RevokedList();
}

void sign_and_write(const Paths& paths, X509_CRL* list, const Authority& authority) {
  const Date since(X509_gmtime_adj(nullptr, Validity{}.from_s));
  must(X509_CRL_set_version(list, X509_CRL_VERSION_2) == 1 &&
           X509_CRL_set_issuer_name(list, X509_get_subject_name(authority.certificate.get())) == 1 &&
           X509_CRL_set1_lastUpdate(list, since.get()) == 1 &&
           X509_CRL_set1_nextUpdate(list, X509_get0_notAfter(authority.certificate.get())) == 1 &&
           X509_CRL_sort(list) == 1 && X509_CRL_sign(list, authority.key.get(), EVP_sha256()) > 0,
       "sign the list of revoked keys");
  write_revoked(paths.revoked(), list);
}

void add_revoked(X509_CRL* list, const X509* certificate) {
  std::unique_ptr<X509_REVOKED, OpenSslFree<X509_REVOKED_free>> entry(X509_REVOKED_new());
  const Date now(X509_gmtime_adj(nullptr, 0));
  auto* const serial = const_cast<ASN1_INTEGER*>(X509_get0_serialNumber(certificate));
  must(entry != nullptr && X509_REVOKED_set_serialNumber(entry.get(), serial) == 1 &&
           X509_REVOKED_set_revocationDate(entry.get(), now.get()) == 1 &&
           X509_CRL_add0_revoked(list, entry.get()) == 1,
       "revoke a certificate");
  static_cast<void>(entry.release());  // the list has it now
}

std::vector<Certificate> issued_by(const Paths& paths) {
  std::vector<std::string> files;
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(paths.at("issued"), none))
    if (entry.path().extension() == ".crt") files.push_back(entry.path().string());
  std::sort(files.begin(), files.end());
  std::vector<Certificate> all;
  for (const std::string& file : files) all.push_back(read_certificate(file));
  return all;
}

}  // namespace

void make_authority(const std::string& folder, const Validity& validity) {
  const Paths paths{folder};
  make_folder(paths.at("issued"));
  const FolderLock lock(folder);
  for (const std::string& file : {paths.authority(), paths.authority_key()})
    if (std::filesystem::exists(file))
      throw UserError(
          fmt::format("{}: is there already; a swarm has one authority, another needs another folder", file));
  Authority authority{nullptr, new_key()};
  Number id(BN_new());  // so that people can tell two swarms apart
  must(id != nullptr && BN_rand(id.get(), 32, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1, "make a number");
  const std::string name = fmt::format("cleave authority {:08x}", BN_get_word(id.get()));
  authority.certificate = blank_certificate(authority.key.get(), name, validity);
  X509* const made = authority.certificate.get();
  must(X509_set_issuer_name(made, X509_get_subject_name(made)) == 1, "make a certificate");
  add_extension(made, made, NID_basic_constraints, "critical,CA:TRUE,pathlen:0");
  add_extension(made, made, NID_key_usage, "critical,keyCertSign,cRLSign");
  add_extension(made, made, NID_subject_key_identifier, "hash");
  must(X509_sign(made, authority.key.get(), EVP_sha256()) > 0, "sign a certificate");
  write_key(paths.authority_key(), authority.key.get());
  const RevokedList nobody(X509_CRL_new());
  sign_and_write(paths, nobody.get(), authority);
  write_certificate(paths.authority(), made);  // last: with it the folder counts as made
}

void add_device(const std::string& folder, const std::string& name, const Validity& validity, bool replace) {
  check_device_name(name);
  const Paths paths{folder};
  const FolderLock lock(folder);
  const Authority authority = read_authority(paths);
  if (!replace && is_file(paths.certificate(name))) {
    const Certificate old = read_certificate(paths.certificate(name));
    if (!is_expired(old.get()) && !is_revoked(revoked_of(paths).get(), old.get()))
      throw UserError(fmt::format("{}: is good until {}; to make new keys all the same, --replace them",
                                  paths.certificate(name), date_of(X509_get0_notAfter(old.get()))));
  }
  const Key key = new_key();
  const Certificate made = sign_device(name, key.get(), authority.certificate.get(), authority.key.get(), validity);
  write_certificate(paths.issued(serial_of(made.get())), made.get());  // first: so that it can be revoked in any case
  write_key(paths.key(name), key.get());
  write_certificate(paths.certificate(name), made.get());
}

int revoke_device(const std::string& folder, const std::string& name) {
  check_device_name(name);
  const Paths paths{folder};
  const FolderLock lock(folder);
  const Authority authority = read_authority(paths);
  RevokedList list = revoked_of(paths);
  if (list == nullptr) list.reset(X509_CRL_new());
  int known = 0, added = 0;
  for (const Certificate& certificate : issued_by(paths)) {
    if (common_name(certificate.get()) != name) continue;
    ++known;
    if (is_revoked(list.get(), certificate.get())) continue;
    add_revoked(list.get(), certificate.get());
    ++added;
  }
  if (known == 0) throw UserError(fmt::format("{}: no keys were ever made for '{}'", folder, name));
  sign_and_write(paths, list.get(), authority);
  return added;
}

const char* to_text(KeyState state) {
  switch (state) {
    case KeyState::good: return "good";
    case KeyState::expired: return "expired";
    case KeyState::revoked: return "revoked";
  }
  return "";
}

std::vector<IssuedKey> list_keys(const std::string& folder) {
  const Paths paths{folder};
  need_authority(paths);
  const RevokedList revoked = revoked_of(paths);
  std::vector<IssuedKey> keys;
  for (const Certificate& certificate : issued_by(paths)) {
    IssuedKey key{common_name(certificate.get()), serial_of(certificate.get()),
                  date_of(X509_get0_notBefore(certificate.get())), date_of(X509_get0_notAfter(certificate.get()))};
    if (is_expired(certificate.get())) key.state = KeyState::expired;
    if (is_revoked(revoked.get(), certificate.get())) key.state = KeyState::revoked;
    const std::string file = paths.certificate(key.name);
    key.in_use = is_file(file) && X509_cmp(read_certificate(file).get(), certificate.get()) == 0;
    keys.push_back(key);
  }
  std::sort(keys.begin(), keys.end(), [](const IssuedKey& a, const IssuedKey& b) {
    return std::tie(a.name, a.until, a.serial) < std::tie(b.name, b.until, b.serial);
  });
  return keys;
}

TlsFiles tls_files(const std::string& folder, const std::string& name) {
  check_device_name(name);
  const Paths paths{folder};
  TlsFiles files{paths.authority(), paths.certificate(name), paths.key(name), paths.revoked()};
  for (const std::string& file : {files.authority, files.certificate, files.key})
    if (!is_file(file))
      throw UserError(
          fmt::format("{}: there is no such file; run `cleave keys add {}` and copy authority.crt, {}.crt, "
                      "{}.key and revoked.pem here",
                      file, name, name, name));
  const Certificate authority = read_certificate(files.authority);
  const Certificate certificate = read_certificate(files.certificate);
  const Key key = read_key(files.key);
  const Key authority_key(X509_get_pubkey(authority.get()));
  const bool key_fits = X509_check_private_key(certificate.get(), key.get()) == 1;
  const bool signed_so = authority_key != nullptr && X509_verify(certificate.get(), authority_key.get()) == 1;
  ERR_clear_error();
  if (!key_fits)
    throw UserError(fmt::format("{}: is not the key of {}; copy both again", files.key, files.certificate));
  if (!signed_so)
    throw UserError(
        fmt::format("{}: was not signed by {}; copy both from one folder", files.certificate, files.authority));
  if (common_name(certificate.get()) != name)
    throw UserError(fmt::format("{}: is for '{}', not for '{}'; copy the right one here", files.certificate,
                                common_name(certificate.get()), name));
  for (const X509* dated : {authority.get(), certificate.get()}) {
    const std::string& file = dated == authority.get() ? files.authority : files.certificate;
    if (is_expired(dated))
      throw UserError(fmt::format("{}: expired on {}; run `cleave keys {}` again", file,
                                  date_of(X509_get0_notAfter(dated)),
                                  dated == authority.get() ? "init" : "add " + name));
    if (X509_cmp_current_time(X509_get0_notBefore(dated)) > 0)
      throw UserError(
          fmt::format("{}: is valid from {} on; set this machine's clock", file, date_of(X509_get0_notBefore(dated))));
  }
  if (is_file(files.revoked) && is_revoked(read_revoked(files.revoked).get(), certificate.get()))
    throw UserError(fmt::format("{}: was revoked; run `cleave keys add {}` for new keys", files.certificate, name));
  return files;
}

}  // namespace cleave
