"""An HTTP/2 client (RFC 9113) that uploads so many MiB to an echo and takes what comes back meanwhile: no more than two
MiB are on the way at a time, so the answer begins long before the end of the request. Prints what became of it.

h2_echo.py PORT PATH MIBS
"""

import socket
import sys

import h2.config
import h2.connection
import h2.events

MIB = 1 << 20
PATTERN = bytes((i * 7 + i // 251) & 255 for i in range(MIB + 251))


def expected(start, length):
    """Bytes of the upload from an offset on: each MiB is like no other."""
    block, at = divmod(start, MIB)
    return PATTERN[at + block % 251 : at + block % 251 + min(length, MIB - at)]


def main(port, path, total):
    link = socket.create_connection(("127.0.0.1", port))
    link.settimeout(20)
    client = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
    client.initiate_connection()
    head = [(":method", "PUT"), (":path", path), (":scheme", "http"), (":authority", "localhost")]
    client.send_headers(1, head + [("content-length", str(total))])
    sent = got = 0
    status = None
    while True:
        while sent < total and sent - got < 2 * MIB:
            room = min(client.local_flow_control_window(1), client.max_outbound_frame_size)
            piece = expected(sent, room)
            if not piece:
                break
            sent += len(piece)
            client.send_data(1, piece, end_stream=sent == total)
        link.sendall(client.data_to_send())
        data = link.recv(1 << 16)
        if not data:
            return f"closed after {got} bytes"
        for event in client.receive_data(data):
            if isinstance(event, h2.events.ResponseReceived):
                status = dict(event.headers).get(b":status", b"?").decode()
            elif isinstance(event, h2.events.DataReceived):
                at, rest = got, event.data
                while rest:
                    piece = expected(at, len(rest))
                    if rest[: len(piece)] != piece:
                        return f"byte {at} or one of the next came back changed"
                    at, rest = at + len(piece), rest[len(piece) :]
                got = at
                client.acknowledge_received_data(event.flow_controlled_length, 1)
            elif isinstance(event, h2.events.StreamReset):
                return f"reset ({event.error_code}) after {got} bytes"
            elif isinstance(event, h2.events.StreamEnded):
                return f"{status}: {got} bytes came back"


print(main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]) * MIB))
