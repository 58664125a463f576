#!/usr/bin/env python3
"""One server's disk is full for a while; it says so, the others go on, and it comes back by itself."""
import os

import outage


def run(seed=1, say=print, keep=None):
    with outage.Outage(seed, say=say, keep=keep, small_disk=0) as o:
        o.start()
        server = o.servers[0]
        filler = os.path.join(server.data_dir, "filler")
        with open(filler, "wb") as file:
            try:
                while True:
                    file.write(b"\0" * (1 << 16))
                    file.flush()
            except OSError:
                say(f"the disk of {server.name} is full")
        o.wait_writes(30)
        os.remove(filler)
        say("there is space again")
        return o.finish()


if __name__ == "__main__":
    outage.main(run)
