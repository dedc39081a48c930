// A listener on this machine that answers one connection, on a thread of its own.
#pragma once

#include <functional>
#include <string>
#include <thread>

#include "engine/net/exchange.h"

namespace cleave {

class OneAnswer {
 public:
  using Answer = std::function<void(Channel&, const Greeting&)>;

  // `answer` is called when a HELLO on `edge` has come.
  OneAnswer(const TlsFiles& tls, std::uint64_t edge, Answer answer)
      : listener_(listen_on({"tcp", "127.0.0.1", 0}, tls)),
        thread_([accept = listener_.accept, edge, answer = std::move(answer)] {
          const std::unique_ptr<Channel> channel = accept(kPatience_s);
          Message hello;
          if (channel == nullptr || !read_message(*channel, edge, 0, hello, Until(kPatience_s)).ok()) return;
          const std::optional<Greeting> greeting = decode_greeting(hello.payload);
          if (greeting) answer(*channel, *greeting);
          std::byte rest{};  // until the other end closes: what was written last may still be on its way
          while (channel->read({&rest, 1}, kPatience_s).ok()) {}
        }) {}
  ~OneAnswer() {
    listener_.close();
    thread_.join();
  }
  OneAnswer(const OneAnswer&) = delete;
  OneAnswer& operator=(const OneAnswer&) = delete;

  const Address& address() const { return listener_.address; }

 private:
  static constexpr double kPatience_s = 20;
  Listener listener_;
  std::thread thread_;
};

}  // namespace cleave
