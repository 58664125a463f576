"""Class files made by hand, because a Java runtime has no compiler."""
import struct


class _Pool:
    def __init__(self):
        self.entries = []

    def add(self, tag, data):
        self.entries.append(bytes([tag]) + data)
        return len(self.entries)

    def utf8(self, text):
        return self.add(1, struct.pack(">H", len(text)) + text.encode())

    def of_class(self, name):
        return self.add(7, struct.pack(">H", self.utf8(name)))

    def member(self, tag, owner, name, kind):
        pair = self.add(12, struct.pack(">HH", self.utf8(name), self.utf8(kind)))
        return struct.pack(">H", self.add(tag, struct.pack(">HH", self.of_class(owner), pair)))


def _with_main(name, body_of):
    """A class of that name whose main(String[] a) is what body_of(pool) gives: at most three values deep, one variable."""
    pool = _Pool()
    this, parent, code, main, kind = pool.of_class(name), pool.of_class("java/lang/Object"), pool.utf8("Code"), pool.utf8("main"), pool.utf8("([Ljava/lang/String;)V")
    body = body_of(pool)
    attribute = struct.pack(">HHI", 3, 1, len(body)) + body + struct.pack(">HH", 0, 0)
    method = struct.pack(">HHHH", 9, main, kind, 1) + struct.pack(">HI", code, len(attribute)) + attribute
    return (struct.pack(">IHHH", 0xCAFEBABE, 0, 49, len(pool.entries) + 1) + b"".join(pool.entries) + struct.pack(">HHH", 0x21, this, parent) +
            struct.pack(">HHH", 0, 0, 1) + method + struct.pack(">H", 0))


def hello():
    """Hello: System.out.println(a[0])."""
    def body(pool):
        out = pool.member(9, "java/lang/System", "out", "Ljava/io/PrintStream;")
        # getstatic out; aload_0; iconst_0; aaload; invokevirtual println; return
        return b"\xb2" + out + b"\x2a\x03\x32\xb6" + pool.member(10, "java/io/PrintStream", "println", "(Ljava/lang/String;)V") + b"\xb1"

    return _with_main("Hello", body)


def sleeper():
    """Sleeper: Thread.sleep(Long.parseLong(a[0]))."""
    def body(pool):
        # aload_0; iconst_0; aaload; invokestatic parseLong; invokestatic sleep; return
        return b"\x2a\x03\x32\xb8" + pool.member(10, "java/lang/Long", "parseLong", "(Ljava/lang/String;)J") + b"\xb8" + pool.member(10, "java/lang/Thread", "sleep", "(J)V") + b"\xb1"

    return _with_main("Sleeper", body)
