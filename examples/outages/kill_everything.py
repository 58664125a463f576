#!/usr/bin/env python3
"""All servers and clients lose power at once, as far as agents go, and come back in any order; tasks are found alive."""
import time

import outage


def run(seed=1, say=print, keep=None):
    with outage.Outage(seed, say=say, keep=keep) as o:
        o.start()
        members = o.cluster.members
        o.cluster.kill(members)
        say("everything is dead")
        began = time.monotonic()
        for member in o.random.sample(members, len(members)):
            member.launch()
        first = o.wait_writes(1)
        say(f"first write after the restart: {first:.2f} s")
        figures = {"first_write_s": first, **o.finish()}
        figures["everything_s"] = time.monotonic() - began
        return figures


if __name__ == "__main__":
    outage.main(run)
