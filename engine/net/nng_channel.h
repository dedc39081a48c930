// Connections over TCP and Unix sockets.
#pragma once

#include <memory>

#include "engine/net/channel.h"

namespace cleave {

// See TransportDef. Of NNG only its byte streams are used: its sockets report messages as sent that are lost.
std::unique_ptr<Channel> nng_dial(const Address& address, double timeout_s);
Listener nng_listen(const Address& address);

}  // namespace cleave
