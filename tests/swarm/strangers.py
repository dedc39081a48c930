"""Those who come to a worker's port and are no part of its swarm: `strangers.py KIND PORT COUNT`.

They come from an address of their own, as from another machine. Prints how many of their connections were made.
"""

import contextlib
import resource
import select
import socket
import struct
import sys
import time

FROM = ("127.0.0.66", 0)
HEADER = struct.Struct("<IBBBBQQQIIII")
MAGIC, HELLO, DATA = 0x31564C43, 1, 4
CONTROL_EDGE = int.from_bytes(b"control", "little")
LINGER = struct.pack("ii", 1, 0)


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82F63B78 if crc & 1 else 0)
    return crc ^ 0xFFFFFFFF


def header(kind, length, body_crc=0, edge=CONTROL_EDGE):
    head = HEADER.pack(MAGIC, 1, 0, kind, 0, edge, 0, 0, length, 0, body_crc, 0)
    return head[:36] + struct.pack("<I", crc32c(head[:36])) + head[40:]


def connect(port):
    return socket.create_connection(("127.0.0.1", port), 20, FROM)


def say(words):
    """A stranger who says this and waits until he is shown the door."""
    def visit(port):
        with connect(port) as connection, contextlib.suppress(ConnectionError):
            connection.settimeout(20)
            connection.sendall(words)
            while connection.recv(4096):
                pass
    return visit


def abort(port):
    connection = connect(port)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER)
    connection.close()


def one_after_the_other(visit):
    def come(port, count):
        for _ in range(count):
            visit(port)
        return count
    return come


def idle(port, count):
    """All at once, and none says a word. Stays until the last was shown the door."""
    connections, poll = {}, select.poll()
    for _ in range(count):
        connection = connect(port)
        connections[connection.fileno()] = connection
        poll.register(connection, select.POLLIN)
    end = time.monotonic() + 60
    while connections and time.monotonic() < end:
        for file, _ in poll.poll(1000):
            poll.unregister(file)
            connections.pop(file).close()
    if connections:
        raise SystemExit(f"{len(connections)} of {count} silent connections were still open after 60 s")
    return count


NOISE = bytes(range(255, 0, -1)) * 16
KINDS = {
    "noise": one_after_the_other(say(NOISE)),
    "http": one_after_the_other(say(b"GET / HTTP/1.1\r\nHost: worker\r\n\r\n")),
    "half": one_after_the_other(say(header(HELLO, 100)[:24])),
    "no_body": one_after_the_other(say(header(HELLO, 100))),
    "giant_hello": one_after_the_other(say(header(HELLO, 0xFFFFFFFF) + NOISE)),
    "giant_data": one_after_the_other(say(header(DATA, 0xFFFFFFF0) + NOISE)),
    "bad_greeting": one_after_the_other(say(header(HELLO, len(NOISE), crc32c(NOISE)) + NOISE)),
    "abort": one_after_the_other(abort),
    "idle": idle,
}


def main():
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    kind, port, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    print(KINDS[kind](port, count))


if __name__ == "__main__":
    main()
