#include "engine/net/keys.h"

#include <sys/stat.h>

#include <filesystem>

#include <gtest/gtest.h>

#include "tests/support/files.h"

namespace cleave {
namespace {

constexpr Validity kPast = {-7200, -3600}, kFuture = {3600, 7200};

class Keys : public testing::Test {
 protected:
  std::string fault_of_files(const std::string& name) {
    return error_of<UserError>([&] { tls_files(at(), name); });
  }
  // "a good in use", by name and date.
  std::vector<std::string> listed() {
    std::vector<std::string> lines;
    for (const IssuedKey& key : list_keys(at()))
      lines.push_back(key.name + " " + to_text(key.state) + (key.in_use ? " in use" : ""));
    std::sort(lines.begin(), lines.end());
    return lines;
  }
  std::string at(const std::string& file = "") const { return folder_.path("keys" + (file.empty() ? "" : "/" + file)); }
  void copy(const std::string& from, const std::string& to) {
    std::filesystem::copy_file(at(from), at(to), std::filesystem::copy_options::overwrite_existing);
  }

  const TestFolder folder_;
};

using Lines = std::vector<std::string>;

TEST_F(Keys, OfADeviceAreItsFiles) {
  make_authority(at());
  add_device(at(), "a");
  EXPECT_EQ(tls_files(at(), "a").certificate, at("a.crt"));
  EXPECT_EQ(listed(), Lines{"a good in use"});
}

TEST_F(Keys, SecretsAreForTheirOwnerOnly) {
  make_authority(at());
  add_device(at(), "a");
  for (const char* secret : {"authority.key", "a.key"}) {
    struct stat info {};
    ASSERT_EQ(::stat(at(secret).c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0600U) << secret;
  }
}

TEST_F(Keys, AreNotOverwritten) {
  make_authority(at());
  EXPECT_EQ(error_of<UserError>([&] { make_authority(at()); }),
            at("authority.crt") + ": is there already; a swarm has one authority, another needs another folder");
  add_device(at(), "a");
  const std::string until = list_keys(at()).front().until;
  EXPECT_EQ(error_of<UserError>([&] { add_device(at(), "a"); }),
            at("a.crt") + ": is good until " + until + "; to make new keys all the same, --replace them");
  add_device(at(), "a", {}, true);
  EXPECT_EQ(listed(), (Lines{"a good", "a good in use"}));
}

TEST_F(Keys, ThatAreOfNoUseAreReplaced) {
  make_authority(at());
  add_device(at(), "a", kPast);
  add_device(at(), "a");
  revoke_device(at(), "a");
  add_device(at(), "a");
  EXPECT_EQ(listed(), (Lines{"a good in use", "a revoked", "a revoked"}));
}

TEST_F(Keys, RevokingCountsForAllOfADeviceAndNobodyElse) {
  make_authority(at());
  for (const char* name : {"a", "b"}) add_device(at(), name);
  add_device(at(), "a", {}, true);
  EXPECT_EQ(revoke_device(at(), "a"), 2);
  EXPECT_EQ(revoke_device(at(), "a"), 0);
  EXPECT_EQ(listed(), (Lines{"a revoked", "a revoked in use", "b good in use"}));
  EXPECT_EQ(error_of<UserError>([&] { revoke_device(at(), "c"); }), at() + ": no keys were ever made for 'c'");
}

TEST_F(Keys, HaveSerialNumbersThatNobodyGuesses) {
  make_authority(at());
  for (const char* name : {"a", "b"}) add_device(at(), name);
  const std::vector<IssuedKey> keys = list_keys(at());
  EXPECT_EQ(keys[0].serial.size(), 32U);
  EXPECT_NE(keys[0].serial.substr(0, 8), keys[1].serial.substr(0, 8));
}

TEST_F(Keys, NamesAreThoseOfDevices) {
  make_authority(at());
  for (const std::string& name : {std::string(), std::string("a b"), std::string("../x"), std::string("a/b"),
                                  std::string(65, 'x'), std::string("a\0b", 3), std::string("ä")})
    EXPECT_NE(error_of<UserError>([&] { add_device(at(), name); }).find("is no name of a device"), std::string::npos);
  EXPECT_EQ(error_of<UserError>([&] { add_device(at(), "authority"); }),
            "'authority' is the name of those who sign; name the device otherwise");
  add_device(at(), std::string(64, 'x'));
}

TEST_F(Keys, WithoutAnAuthorityThereAreNone) {
  const std::string none = at() + ": there are no keys; make them with `cleave keys init`";
  EXPECT_EQ(error_of<UserError>([&] { list_keys(at()); }), none);
  EXPECT_EQ(error_of<UserError>([&] { add_device(at(), "a"); }), none);
  make_authority(at());
  std::filesystem::remove(at("authority.key"));
  EXPECT_EQ(error_of<UserError>([&] { add_device(at(), "a"); }),
            at("authority.key") + ": is not here; keys are added and revoked where `cleave keys init` was run");
}

TEST_F(Keys, AnAuthorityThatExpiredSignsNothing) {
  make_authority(at(), kPast);
  EXPECT_NE(error_of<UserError>([&] { add_device(at(), "a"); }).find("begin anew with `cleave keys init`"),
            std::string::npos);
}

TEST_F(Keys, FilesMustBeThere) {
  make_authority(at());
  EXPECT_EQ(fault_of_files("a"), at("a.crt") +
                                     ": there is no such file; run `cleave keys add a` and copy authority.crt, a.crt, "
                                     "a.key and revoked.pem here");
}

TEST_F(Keys, FilesMustBelongTogether) {
  make_authority(at());
  for (const char* name : {"a", "b"}) add_device(at(), name);
  copy("b.key", "a.key");
  EXPECT_EQ(fault_of_files("a"), at("a.key") + ": is not the key of " + at("a.crt") + "; copy both again");
  copy("b.crt", "a.crt");
  EXPECT_EQ(fault_of_files("a"), at("a.crt") + ": is for 'b', not for 'a'; copy the right one here");
  make_authority(at("other"));
  copy("other/authority.crt", "authority.crt");
  EXPECT_EQ(fault_of_files("b"),
            at("b.crt") + ": was not signed by " + at("authority.crt") + "; copy both from one folder");
}

TEST_F(Keys, FilesMustBeGoodToday) {
  make_authority(at());
  add_device(at(), "old", kPast);
  add_device(at(), "new", kFuture);
  add_device(at(), "out");
  revoke_device(at(), "out");
  EXPECT_NE(fault_of_files("old").find("; run `cleave keys add old` again"), std::string::npos);
  EXPECT_NE(fault_of_files("new").find("; set this machine's clock"), std::string::npos);
  EXPECT_EQ(fault_of_files("out"), at("out.crt") + ": was revoked; run `cleave keys add out` for new keys");
}

TEST_F(Keys, FilesMustBeWhatTheySay) {
  make_authority(at());
  add_device(at(), "a");
  for (const char* file : {"a.key", "a.crt", "authority.crt"}) {
    const Bytes good = read_file(at(file), 100'000);
    for (const std::string& bad :
         {std::string(), std::string("-----BEGIN CERTIFICATE-----\nAAAA\n"), std::string(9, '\0')}) {
      write_file_atomically(at(file), to_bytes(bad));
      EXPECT_NE(error_of<RunError>([&] { tls_files(at(), "a"); }).find(at(file) + ": is no "), std::string::npos);
    }
    write_file_atomically(at(file), good);
  }
  EXPECT_EQ(tls_files(at(), "a").key, at("a.key"));
}

}  // namespace
}  // namespace cleave
