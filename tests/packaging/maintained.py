# SPDX-License-Identifier: LGPL-2.1-or-later
"""A root of its own for prelink-maintain, with a prelink that only writes down how it was called."""
import os
import time

from harness import BUILD, read, run, scratch, write

MAINTAIN = os.path.join(BUILD, "ebuild-helpers/keep-fresh/prelink-maintain")
STUB = """#!/bin/sh
echo "$*" >>"$CALLS"
echo "prelinking this"
echo "a complaint" >&2
cut -d' ' -f19 /proc/self/stat >"$CALLS.nice"
[ ! -e "$CALLS.wait" ] || { : >"$CALLS.started"; while [ -e "$CALLS.wait" ]; do sleep 0.05; done; }
exit $(cat "$CALLS.status" 2>/dev/null || echo 0)
"""


class System:
    """A root with a configuration and state of its own, and a stub for prelink."""

    def __init__(self):
        top = scratch()
        self.root, self.calls = os.path.join(top, "root"), os.path.join(top, "calls")
        self.bin = os.path.join(top, "bin")
        for name in (self.bin, self.root + "/etc/default", self.root + "/etc/sysconfig"):
            os.makedirs(name)
        write(self.bin + "/prelink", STUB)
        write(self.bin + "/notegen", '#!/bin/sh\necho "notegen $*" >>"$CALLS"\n')
        os.chmod(self.bin + "/prelink", 0o755)
        os.chmod(self.bin + "/notegen", 0o755)

    def configure(self, where="default", **settings):
        self.configuration("".join(f'{key}="{value}"\n' for key, value in settings.items()), where)

    def configuration(self, text, where="default"):
        write(f"{self.root}/etc/{where}/prelink", text)

    def environment(self, **more):
        return {"PATH": self.bin + ":" + os.environ["PATH"], "CALLS": self.calls, "JOURNAL_STREAM": "8:1", **more}

    def maintain(self, *arguments, status=0, **environment):
        """Runs it; returns the calls of prelink that it made, without --root.  What it said is in `output`."""
        write(self.calls, "")
        done = run([MAINTAIN, "--root", self.root, *arguments], status=status, env=self.environment(**environment))
        self.output = done.stdout + done.stderr
        return [line.replace(f"--root {self.root} ", "") for line in read(self.calls).decode().splitlines()]

    def state(self):
        path = self.root + "/var/lib/prelink"
        return sorted(set(os.listdir(path)) - {"locks"}) if os.path.isdir(path) else []

    def age(self, name, days):
        then = time.time() - days * 86400 - 60
        os.utime(f"{self.root}/var/lib/prelink/{name}", (then, then))
