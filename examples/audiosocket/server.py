#!/usr/bin/env python3
"""An AudioSocket server in Python's standard library: it says what it hears, half a second later.

The caller presses # to end the call. One thread for each call.

    python3 server.py [port]
"""

import collections
import socketserver
import struct
import sys
import uuid

HANG_UP, UUID, DTMF, ERROR = 0x00, 0x01, 0x03, 0xFF
AUDIO = 0x10  # s16le at 8000 Hz, 320 bytes are 20 ms
DELAY_FRAMES = 25


class Call(socketserver.StreamRequestHandler):
    """One call, from its UUID to its end."""

    disable_nagle_algorithm = True

    def handle(self):
        self.waiting = collections.deque()
        try:
            while self.take(*self.receive()):
                pass
        except (ConnectionError, EOFError):
            print("the call is gone", flush=True)

    def receive(self):
        """The next frame: its kind and its payload."""
        kind, length = struct.unpack("!BH", self.read(3))
        return kind, self.read(length)

    def read(self, count):
        data = self.rfile.read(count)
        if len(data) < count:
            raise EOFError
        return data

    def send(self, kind, payload=b""):
        # One write for each frame, and nothing that waits
        self.request.sendall(struct.pack("!BH", kind, len(payload)) + payload)

    def take(self, kind, payload):
        """Does what a frame asks for; False when the call is over."""
        if kind == UUID:
            print(f"call {uuid.UUID(bytes=payload)}", flush=True)
        elif kind == AUDIO:
            self.waiting.append(payload)
            if len(self.waiting) > DELAY_FRAMES:
                self.send(AUDIO, self.waiting.popleft())
        elif kind == DTMF:
            print(f"key {payload.decode('ascii')}", flush=True)
            if payload == b"#":
                self.send(HANG_UP)
                return False
        elif kind == HANG_UP:
            print("the caller hung up", flush=True)
            return False
        elif kind == ERROR:
            print(f"error {payload.hex()}", flush=True)
            return False
        return True


class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
    request_queue_size = 128


if __name__ == "__main__":
    port = int(sys.argv[1]) if len(sys.argv) > 1 else 9092
    with Server(("127.0.0.1", port), Call) as server:
        print(f"listening on {server.server_address[1]}", flush=True)
        server.serve_forever()
