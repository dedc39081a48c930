#include <gtest/gtest.h>

#include "engine/net/channel.h"
#include "tests/support/files.h"

namespace cleave {
namespace {

std::string parsed(const std::string& text) { return parse_address(text).text(); }

std::string fault(const std::string& text) {
  return error_of<UserError>([&] { parse_address(text); });
}

TEST(Address, OfAHostGetsTheDefaultPort) {
  EXPECT_EQ(parsed("pi-1.local"), "tcp://pi-1.local:7300");
  EXPECT_EQ(parsed("192.168.1.7"), "tcp://192.168.1.7:7300");
  EXPECT_EQ(parsed("[fe80::1]"), "tcp://[fe80::1]:7300");
  EXPECT_EQ(parse_address("pi", 9).port, 9);
}

TEST(Address, TextReadsBackTheSame) {
  for (const char* text : {"tcp://a:0", "tcp://127.0.0.1:65535", "tcp://[::1]:7300", "ipc:///run/cleave/a.sock",
                           "ipc://relative", "loopback://name"}) {
    EXPECT_EQ(parsed(text), text);
    EXPECT_EQ(parse_address(parsed(text)), parse_address(text));
  }
}

TEST(Address, OfIPv6StandsInBrackets) {
  EXPECT_EQ(parse_address("[::1]:8").host, "::1");
  EXPECT_EQ(fault("::1"), "address '::1': IPv6 addresses stand in brackets: [::1]:7300");
  EXPECT_EQ(fault("[::1"), "address '[::1': the ']' is missing");
  EXPECT_EQ(fault("[::1]8"), "address '[::1]8': behind ']' there may only be :PORT");
  EXPECT_EQ(fault("[pi]:8"), "address '[pi]:8': only IPv6 addresses stand in brackets");
}

TEST(Address, RefusesWhatIsNone) {
  EXPECT_EQ(fault("pi:http"), "address 'pi:http': 'http' is no port; a number from 0 to 65535 is");
  for (const char* port : {"65536", "-1", "", "7 ", "99999999999"})
    EXPECT_NE(fault(std::string("pi:") + port).find("is no port"), std::string::npos) << port;
  EXPECT_EQ(fault(""), "address '': it must be tcp://HOST:PORT, HOST:PORT, HOST or ipc://PATH");
  EXPECT_EQ(fault("a b"), "address 'a b': 'a b' is no host name or IP address");
  EXPECT_EQ(fault("a:b:8"), "address 'a:b:8': it must be tcp://HOST:PORT, HOST:PORT, HOST or ipc://PATH");
  EXPECT_EQ(
      fault("udp://a:1"),
      "address 'udp://a:1': there is no transport 'udp'; it must be tcp://HOST:PORT, HOST:PORT, HOST or ipc://PATH");
}

TEST(Address, OfASocketHoldsItsPath) {
  EXPECT_EQ(parse_address("ipc:///" + std::string(106, 'x')).host.size(), 107U);
  EXPECT_NE(fault("ipc:///" + std::string(107, 'x')).find("the path has 108 bytes, a socket's may have 107"),
            std::string::npos);
}

TEST(Address, IsLoopbackOnlyWhereNoOtherMachineCanReach) {
  for (const char* text : {"127.0.0.1", "127.9.8.7:1", "[::1]", "localhost", "ipc://x", "loopback://x"})
    EXPECT_TRUE(is_loopback(parse_address(text))) << text;
  for (const char* text : {"0.0.0.0", "[::]", "192.168.1.1", "127.evil.example", "128.0.0.1", "pi", "localhost.evil"})
    EXPECT_FALSE(is_loopback(parse_address(text))) << text;
}

}  // namespace
}  // namespace cleave
