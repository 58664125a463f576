#!/usr/bin/env python3
"""The wall clock of the leader, and then of a client, jumps a day ahead and two days back (by libfaketime, for that process alone)."""
import glob
import os

import outage


def library():
    found = glob.glob("/usr/lib/*/faketime/libfaketime.so.1")
    assert found, "libfaketime is missing: install the package faketime"
    return found[0]


def set_clock(member, offset):
    with open(member.clock + ".new", "w") as file:
        file.write(offset + "\n")
    os.rename(member.clock + ".new", member.clock)


def run(seed=1, say=print, keep=None):
    with outage.Outage(seed, say=say, keep=keep) as o:
        for member in o.cluster.members:
            member.clock = os.path.join(member.folder, "clock")
            set_clock(member, "+0")
            member.environment = {"LD_PRELOAD": library(), "FAKETIME_TIMESTAMP_FILE": member.clock, "FAKETIME_NO_CACHE": "1",
                                  "FAKETIME_DONT_FAKE_MONOTONIC": "1"}
        o.start()
        victims = [o.cluster.wait_leader(), o.random.choice(o.clients)]
        for offset in ("+1d", "-1d", "+0"):
            for member in victims:
                set_clock(member, offset)
            say(f"the clocks of {victims[0].name} and {victims[1].name} are at {offset}")
            o.wait_writes(10)
        return o.finish()


if __name__ == "__main__":
    outage.main(run)
