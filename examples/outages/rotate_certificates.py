#!/usr/bin/env python3
"""Under load, every certificate and the authority itself are replaced, with SIGHUPs and no restart; then one server restarts and must be let in."""
import os
import shutil

import cluster
import outage


def text_of(path):
    with open(path) as file:
        return file.read()


def run(seed=1, say=print, keep=None):
    with outage.Outage(seed, say=say, keep=keep) as o:
        o.start()
        mine = o.cluster.certificates
        fresh = cluster.Certificates(os.path.join(o.folder, "tls-new"), o.cluster.binary)
        old_authority, new_authority = text_of(mine.ca), text_of(fresh.ca)

        def everywhere(what):
            for member in o.cluster.members:
                member.reload()
            o.wait_writes(3)
            say(what)

        mine.trust(old_authority + new_authority)
        everywhere("both authorities are trusted")
        for role in ("server", "client", "cli"):
            for kind in ("", "-key"):
                shutil.copy(fresh.path(role, kind), mine.path(role, kind))
        mine.load()
        everywhere("all show their new certificates")
        mine.trust(new_authority)
        everywhere("the old authority is trusted no more")
        server = o.random.choice(o.servers)
        o.cluster.kill([server])
        server.start()
        return o.finish()


if __name__ == "__main__":
    outage.main(run)
