#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <functional>

#include <gtest/gtest.h>

#include "tests/engine/net/ends.h"

namespace cleave {
namespace {

std::ptrdiff_t open_files() {
  return std::distance(std::filesystem::directory_iterator("/proc/self/fd"), std::filesystem::directory_iterator());
}

// NNG closes descriptors on a thread of its own, a little later.
bool comes_down_to(std::ptrdiff_t files) {
  for (int i = 0; i < 2000 && open_files() > files; ++i) std::this_thread::sleep_for(std::chrono::milliseconds(5));
  return open_files() <= files;
}

// One of the ways in which a connection can end.
void meet_and_abort(Meeting& meeting, int way) {
  Ends ends = meeting.connect();
  std::byte byte{};
  std::thread other;
  if (way == 1) other = std::thread([&] { ends.far->read(std::span(&byte, 1), -1); });
  if (way == 2) other = std::thread([&] { write_bytes(*ends.far, pattern(1 << 22), -1); });
  if (way == 3) write_bytes(*ends.far, pattern(3000));  // which nobody reads
  ends.near.reset();
  if (other.joinable()) other.join();
}

class NngChannel : public testing::TestWithParam<ChannelKind> {};
INSTANTIATE_TEST_SUITE_P(Kinds, NngChannel, testing::Values(ChannelKind::tcp, ChannelKind::ipc, ChannelKind::tls),
                         [](const testing::TestParamInfo<ChannelKind>& kind) { return name_of(kind.param); });

TEST_P(NngChannel, LeavesNoFileOpenAfterAborts) {
  Meeting meeting(GetParam());
  meet_and_abort(meeting, 0);  // what NNG opens once
  ASSERT_TRUE(comes_down_to(open_files()));
  const std::ptrdiff_t before = open_files();
  const int cycles = GetParam() == ChannelKind::tls ? 60 : 1000;  // a handshake takes time
  for (int i = 0; i < cycles; ++i) meet_and_abort(meeting, i % 4);
  EXPECT_TRUE(comes_down_to(before)) << open_files() << " files, " << before << " before";
}

// A plain socket connected to the port.
int raw_socket(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  EXPECT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  return fd;
}

// Ends the connection with a reset instead of a farewell.
void reset_connection(int fd) {
  const linger at_once{1, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
  ::close(fd);
}

TEST(NngChannelTcp, AResetIsAClosedConnection) {
  Meeting meeting(ChannelKind::tcp);
  for (int i = 0; i < 200; ++i) {
    const int fd = raw_socket(meeting.listener().address.port);
    const std::unique_ptr<Channel> channel = meeting.listener().accept(10);
    std::byte byte{};
    std::thread other([&] { reset_connection(fd); });
    EXPECT_EQ(channel->read(std::span(&byte, 1), -1).status, IoStatus::closed);
    EXPECT_EQ(write_bytes(*channel, pattern(10)).status, IoStatus::closed);
    other.join();
  }
}

TEST(NngChannelTcp, AStrangerWhoIsGoneBeforeAcceptDoesNoHarm) {
  Meeting meeting(ChannelKind::tcp);
  for (int i = 0; i < 100; ++i) reset_connection(raw_socket(meeting.listener().address.port));
  const std::unique_ptr<Channel> near = meeting.dialled();
  for (int i = 0; i < 101; ++i) {
    const std::unique_ptr<Channel> far = meeting.listener().accept(10);
    ASSERT_NE(far, nullptr);
    if (far->peer_address() == "") continue;
    write_bytes(*far, pattern(1));
    std::byte byte{};
    if (near->read(std::span(&byte, 1), 0).ok()) return;
  }
  FAIL() << "the one who stayed was not accepted";
}

TEST(NngChannelTcp, NamesNewerAddressesInBrackets) {
  Listener listener = listen_on(parse_address("[::1]:0"), {});
  const std::unique_ptr<Channel> near = dial(listener.address, {}, "", 10);
  EXPECT_EQ(near->peer_address(), "tcp://[::1]:" + std::to_string(listener.address.port));
  listener.close();
}

TEST(NngChannelTcp, SaysWhatToDoAboutAnAddressNotToBeHad) {
  Meeting meeting(ChannelKind::tcp);
  const Address taken = meeting.listener().address;
  EXPECT_EQ(error_of<RunError>([&] { listen_on(taken, {}); }),
            "cannot listen on " + taken.text() +
                ": Address in use; another program listens there: stop it or take another port");
  EXPECT_EQ(error_of<RunError>([] { listen_on(parse_address("ipc:///nowhere/s"), {}); }),
            "cannot listen on ipc:///nowhere/s: Entry not found; its folder does not exist");
}

TEST(NngChannelTcp, DialToAFullQueueEndsAtItsTimeout) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(fd, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(fd, 0), 0);
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  const Address full{"tcp", "127.0.0.1", ntohs(address.sin_port)};
  const int filler = raw_socket(full.port);  // the queue has room for one
  EXPECT_EQ(error_of<RunError>([&] { dial(full, {}, "", 0.2); }),
            "cannot connect to " + full.text() + ": Timed out; is it on, and does a firewall let it through?");
  ::close(filler), ::close(fd);
}

TEST(NngChannelIpc, IsForTheOwnerOnlyAndReplacesADeadSocket) {
  const TestFolder folder;
  const Address address{"ipc", folder.path("s"), 0};
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un dead{};
  dead.sun_family = AF_UNIX;
  folder.path("s").copy(dead.sun_path, sizeof dead.sun_path - 1);
  ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&dead), sizeof dead), 0);
  ::close(fd);  // as a process that was killed leaves it
  Listener listener = listen_on(address, {});
  struct stat info {};
  ASSERT_EQ(::stat(address.host.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600U);
  listener.close();
  EXPECT_FALSE(std::filesystem::exists(address.host));
}

// Connected to the socket at the path.
int raw_socket(const std::string& path) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  EXPECT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  return fd;
}

// The peer answers and hangs up without having read what it was told: that is an error to the reader who waits.
void expect_last_words(Meeting& meeting, const std::function<int()>& connect) {
  for (int i = 0; i < 50; ++i) {
    const int fd = connect();
    const std::unique_ptr<Channel> channel = meeting.listener().accept(10);
    write_bytes(*channel, pattern(10));
    std::thread reader([&] { EXPECT_EQ(read_bytes(*channel, 100), pattern(100)); });
    std::this_thread::sleep_for(std::chrono::milliseconds(1));  // mostly, it waits by now
    EXPECT_EQ(::write(fd, pattern(100).data(), 100), 100);
    ::close(fd);
    reader.join();
  }
}

TEST(NngChannelTcp, LastWordsArriveThoughThePeerDidNotListen) {
  Meeting meeting(ChannelKind::tcp);
  expect_last_words(meeting, [&] { return raw_socket(meeting.listener().address.port); });
}

TEST(NngChannelIpc, LastWordsArriveThoughThePeerDidNotListen) {
  Meeting meeting(ChannelKind::ipc);
  expect_last_words(meeting, [&] { return raw_socket(meeting.listener().address.host); });
}

}  // namespace
}  // namespace cleave
