"""What the plugins of the tests need below gRPC: the wire format of protocol buffers and of msgpack, and services of plain functions.

Messages are written as (number, value) pairs and read as {number: [values]}; the meaning of the numbers is in docs/internals/plugins.md.
"""
import struct

import grpc


def _varint(n):
    n &= (1 << 64) - 1
    out = b""
    while n >= 0x80:
        out += bytes([n & 0x7F | 0x80])
        n >>= 7
    return out + bytes([n])


def message(*fields):
    """(1, "text"), (2, 3), (3, 1.5), (4, b"inner message")."""
    out = b""
    for number, value in fields:
        if isinstance(value, float):
            out += _varint(number << 3 | 1) + struct.pack("<d", value)
        elif isinstance(value, (bool, int)):
            out += _varint(number << 3) + _varint(int(value))
        else:
            data = value.encode() if isinstance(value, str) else value
            out += _varint(number << 3 | 2) + _varint(len(data)) + data
    return out


def map_entries(number, entries):
    return [(number, message((1, key), (2, value))) for key, value in entries.items()]


def fields(data):
    out, at = {}, 0

    def varint():
        nonlocal at
        n = shift = 0
        while True:
            byte = data[at]
            at += 1
            n |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return n

    while at < len(data):
        tag = varint()
        if tag & 7 == 0:
            value = varint()
        elif tag & 7 == 1:
            value, at = struct.unpack("<d", data[at:at + 8])[0], at + 8
        else:
            size = varint()
            value, at = data[at:at + size], at + size
        out.setdefault(tag >> 3, []).append(value)
    return out


def text(message_fields, number):
    return message_fields.get(number, [b""])[-1].decode()


def number(message_fields, which):
    return message_fields.get(which, [0])[-1]


def entries(message_fields, which):
    return {text(fields(e), 1): text(fields(e), 2) for e in message_fields.get(which, [])}


def unpack(data):
    """One msgpack object."""
    at = 0

    def take(size):
        nonlocal at
        at += size
        return data[at - size:at]

    def one():
        head = take(1)[0]
        if head < 0x80:
            return head
        if head >= 0xE0:
            return head - 256
        if head & 0xF0 == 0x80:
            return {one(): one() for _ in range(head & 15)}
        if head & 0xF0 == 0x90:
            return [one() for _ in range(head & 15)]
        if head & 0xE0 == 0xA0:
            return take(head & 31).decode()
        simple = {0xC0: None, 0xC2: False, 0xC3: True}
        if head in simple:
            return simple[head]
        numbers = {0xCB: ">d", 0xCC: ">B", 0xCD: ">H", 0xCE: ">I", 0xCF: ">Q", 0xD0: ">b", 0xD1: ">h", 0xD2: ">i", 0xD3: ">q"}
        if head in numbers:
            return struct.unpack(numbers[head], take(struct.calcsize(numbers[head])))[0]
        sizes = {0xD9: ">B", 0xDA: ">H", 0xDB: ">I", 0xDC: ">H", 0xDD: ">I", 0xDE: ">H", 0xDF: ">I"}
        size = struct.unpack(sizes[head], take(struct.calcsize(sizes[head])))[0]
        if head in (0xDC, 0xDD):
            return [one() for _ in range(size)]
        if head in (0xDE, 0xDF):
            return {one(): one() for _ in range(size)}
        return take(size).decode()

    return one()


def add_service(server, name, *, calls=None, streams=None, dialogues=None):
    """Functions of (request bytes, context): calls give bytes, streams give bytes again and again, dialogues take a stream of requests too."""
    handlers = {}
    for method, function in (calls or {}).items():
        handlers[method] = grpc.unary_unary_rpc_method_handler(function)
    for method, function in (streams or {}).items():
        handlers[method] = grpc.unary_stream_rpc_method_handler(function)
    for method, function in (dialogues or {}).items():
        handlers[method] = grpc.stream_stream_rpc_method_handler(function)
    server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(name, handlers),))
