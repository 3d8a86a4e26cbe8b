#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""prelink-maintain through all its states, with a prelink that only writes down how it was called: off, on, full
and quick runs, pending ones, from on to off, wrong configuration, two at once, failure, what is logged.  Then once
with the real prelink, in a root of its own."""
import fcntl
import os
import subprocess
import time

from harness import BUILD, SOURCE, compile_c, expect, expect_equal, need, read, run, scratch, tool, write

SCRIPT = os.path.join(SOURCE, "ebuild-helpers/keep-fresh/prelink-maintain")
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
        os.chmod(self.bin + "/prelink", 0o755)
        # In place of the system log.
        write(self.bin + "/logger", f"#!/bin/sh\nexec cat >>{top}/log\n")
        os.chmod(self.bin + "/logger", 0o755)
        self.log = top + "/log"

    def configure(self, where="default", **settings):
        write(f"{self.root}/etc/{where}/prelink", "".join(f'{key}="{value}"\n' for key, value in settings.items()))

    def environment(self, **more):
        return {"PATH": self.bin + ":" + os.environ["PATH"], "CALLS": self.calls, **more}

    def maintain(self, *arguments, status=0, **environment):
        """Runs the script; returns the calls of prelink that it made, without --root."""
        write(self.calls, "")
        done = run([SCRIPT, "--root", self.root, *arguments], status=status, env=self.environment(**environment))
        self.output = done.stdout + done.stderr
        return [line.replace(f"--root {self.root} ", "") for line in read(self.calls).decode().splitlines()]

    def state(self):
        path = self.root + "/var/lib/prelink"
        return sorted(set(os.listdir(path)) - {"lock"}) if os.path.isdir(path) else []

    def age(self, name, days):
        then = time.time() - days * 86400 - 60
        os.utime(f"{self.root}/var/lib/prelink/{name}", (then, then))


def check_states():
    system = System()
    expect_equal(system.maintain(), [], "without a configuration")
    expect_equal(system.state(), [], "what it left")
    system.configure(PRELINKING="no")
    expect_equal(system.maintain(), [], "PRELINKING=no from the start")
    system.configure(PRELINKING="yes", PRELINK_OPTS="--with-plugins -m")
    expect_equal(system.maintain("--if-pending"), [], "an upgrade before the first layout")
    expect_equal(system.maintain(), ["-a -f -R --with-plugins -m"], "the first run")
    expect_equal(system.state(), ["active", "full"], "state after it")
    expect_equal(system.maintain(), ["-a -q --with-plugins -m"], "the second run")
    system.age("full", 13)
    expect_equal(system.maintain(), ["-a -q --with-plugins -m"], "13 days later")
    system.age("full", 14)
    expect_equal(system.maintain(), ["-a -f -R --with-plugins -m"], "14 days later")
    expect_equal(system.maintain(), ["-a -q --with-plugins -m"], "the run after that")
    system.configure(PRELINKING="yes", PRELINK_FULL_TIME_INTERVAL="2")
    system.age("full", 2)
    expect_equal(system.maintain("--quick"), ["-a -q --with-plugins"], "--quick, and default options")
    expect_equal(system.maintain(), ["-a -f -R --with-plugins"], "an interval of 2 days")
    expect_equal(system.maintain("--full"), ["-a -f -R --with-plugins"], "--full")
    system.configure(PRELINKING="yes", PRELINK_FULL_TIME_INTERVAL="0")
    expect_equal(system.maintain(), ["-a -f -R --with-plugins"], "an interval of 0")

    system.configure(PRELINKING="yes")
    expect_equal(system.maintain("--if-pending"), [], "nothing pending")
    expect_equal(system.maintain("--mark-pending"), [], "--mark-pending")
    expect_equal(system.state(), ["active", "full", "pending"], "state after it")
    expect_equal(system.maintain("--if-pending"), ["-a -q --with-plugins"], "--if-pending")
    expect_equal(system.state(), ["active", "full"], "state after it")

    system.configure(PRELINKING="no")
    write(system.calls + ".status", "1")
    expect_equal(system.maintain(status=1), ["-ua"], "from yes to no, and undo fails")
    expect("active" in system.state(), "a failed undo was taken for done")
    os.unlink(system.calls + ".status")
    expect_equal(system.maintain(), ["-ua"], "the next run")
    expect_equal(system.state(), [], "state after it")
    expect_equal(system.maintain(), [], "the run after that")


def check_configuration():
    system = System()
    for settings, says in (({"PRELINKING": "maybe"}, "has to be yes or no"),
                           ({"PRELINKING": "yes", "PRELINK_FULL_TIME_INTERVAL": "often"}, "number of days")):
        system.configure(**settings)
        expect_equal(system.maintain(status=1), [], str(settings))
        text = read(system.log).decode()
        expect(says in text and "/etc/default/prelink" in text, f"{settings}: logged {text!r}")
    system.configure("sysconfig", PRELINKING="yes", PRELINK_OPTS="--md5")
    expect_equal(system.maintain(), ["-a -f -R --md5"], "sysconfig before default")
    run([SCRIPT, "--nonsense"], status=2)
    run([SCRIPT, "--root"], status=2)


def check_log():
    system = System()
    system.configure(PRELINKING="yes")
    write(system.calls + ".status", "1")
    system.maintain(status=1)
    text = read(system.log).decode()
    for line in ("prelink -a -f -R --with-plugins", "prelinking this", "a complaint", "exit status 1"):
        expect(line in text, f"the log has no {line!r}: {text}")
    expect_equal(system.output, "", "what it prints where there is a system log")
    nice = int(read(system.calls + ".nice"))
    expect(nice == 19, f"prelink runs with nice {nice}")
    system.maintain("--quick", status=1, JOURNAL_STREAM="8:1")
    expect("prelink: a complaint" in system.output, f"under systemd the journal gets {system.output!r}")


def check_one_at_a_time():
    system = System()
    system.configure(PRELINKING="yes")
    write(system.calls + ".wait", "")
    write(system.calls, "")
    with subprocess.Popen([SCRIPT, "--root", system.root], env=system.environment()) as first:
        while not os.path.exists(system.calls + ".started"):
            time.sleep(0.05)
        run([SCRIPT, "--root", system.root], env=system.environment(), timeout=60)
        expect("another run" in read(system.log).decode(), "the second run does not say why it ends")
        # Also when the script itself was killed, as long as its prelink lives.
        first.kill()
        first.wait()
        with open(system.root + "/var/lib/prelink/lock") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                raise SystemExit("FAIL: the lock was given up while prelink was running")
            except BlockingIOError:
                pass
        os.unlink(system.calls + ".wait")
    expect_equal(len(read(system.calls).splitlines()), 1, "calls of prelink, of two runs at once")


def check_real():
    system = System()
    os.unlink(system.bin + "/prelink")
    os.symlink(os.path.join(BUILD, "prelink-plugins/prelink"), system.bin + "/prelink")
    os.makedirs(system.root + "/usr/lib")
    library = compile_c("int answer(void) { return 42; } int (*pointer)(void) = answer;",
                        system.root + "/usr/lib/libanswer.so.1", "-shared", "-fPIC", "-nostdlib",
                        "-Wl,-soname,libanswer.so.1")
    original = read(library)
    write(system.root + "/etc/prelink.conf", "/usr/lib\n")
    system.configure(PRELINKING="yes")
    system.maintain()
    prelinked = read(library)
    expect(prelinked != original, f"the real prelink did nothing:\n{read(system.log).decode()}")
    shown = subprocess.run([tool("prelink"), "--root", system.root, "-y", "/usr/lib/libanswer.so.1"], check=True,
                           stdout=subprocess.PIPE).stdout
    expect(shown == original, "prelink -y does not print the original")
    system.maintain()
    expect(read(library) == prelinked, "a quick run changed the library")
    system.configure(PRELINKING="no")
    system.maintain()
    expect(read(library) == original, "PRELINKING=no did not bring the original back")


need("flock", "nice", "gcc")
check_states()
check_configuration()
check_log()
check_one_at_a_time()
check_real()
