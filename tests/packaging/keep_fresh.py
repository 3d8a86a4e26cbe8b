#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""prelink-maintain through all its states, with a prelink that only writes down how it was called: off, on, full
and quick runs, pending ones, from on to off, wrong configuration, two at once, failure, what is logged.  Then once
with the real prelink, in a root of its own."""
import fcntl
import os
import socket
import subprocess
import time

from harness import BUILD, compile_c, expect, expect_equal, need, read, run, scratch, tool, write
from maintained import MAINTAIN, System

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
    expect_equal(system.maintain("--quick"), ["-a -q"], "--quick, and default options")
    expect_equal(system.maintain(), ["-a -f -R"], "an interval of 2 days")
    expect_equal(system.maintain("--full"), ["-a -f -R"], "--full")
    system.configure(PRELINKING="yes", PRELINK_FULL_TIME_INTERVAL="0")
    expect_equal(system.maintain(), ["-a -f -R"], "an interval of 0")

    system.configure(PRELINKING="yes")
    expect_equal(system.maintain("--if-pending"), [], "nothing pending")
    expect_equal(system.maintain("--mark-pending"), [], "--mark-pending")
    expect_equal(system.state(), ["active", "full", "pending"], "state after it")
    expect_equal(system.maintain("--if-pending"), ["-a -q"], "--if-pending")
    expect_equal(system.state(), ["active", "full"], "state after it")

    system.configure(PRELINKING="no")
    write(system.calls + ".status", "1")
    expect_equal(system.maintain(status=1), ["-ua"], "from yes to no, and undo fails")
    expect("active" in system.state(), "a failed undo was taken for done")
    os.unlink(system.calls + ".status")
    expect_equal(system.maintain(), ["-ua"], "the next run")
    expect_equal(system.state(), [], "state after it")
    expect_equal(system.maintain(), [], "the run after that")


def check_auto():
    """What was prelinked by hand stays so, and no more is done; --undo takes it back."""
    system = System()
    system.configure(PRELINKING="auto")
    for mode in "--mark-pending", "--if-pending", "--quick", "--full":
        expect_equal(system.maintain(mode), [], f"{mode}, where nothing was prelinked")
    expect_equal(system.state(), [], "what it left")
    write(system.root + "/etc/prelink.cache", "")
    system.maintain("--mark-pending")
    expect_equal(system.maintain("--if-pending"), ["-a -q"], "after an upgrade")
    expect_equal(system.maintain(), ["-a -q"], "daily")
    expect_equal(system.state(), ["active"], "state after it")
    notes = f"notegen remove --recorded --root {system.root}"
    expect_equal(system.maintain("--undo"), ["-ua", notes], "--undo takes back what notegen changed, too")
    expect_equal(system.state(), [], "state after it")
    # yes, and the first layout by hand: hooks do not wait for the night.
    system.configure(PRELINKING="yes")
    system.maintain("--mark-pending")
    expect_equal(system.maintain("--if-pending"), ["-a -q"], "after a first layout by hand")
    expect_equal(system.maintain(), ["-a -f -R"], "the night after it")


def check_hook():
    """Who waits for apt is told why; also that it failed, and where the reason is."""
    system = System()
    system.configure(PRELINKING="yes")
    system.maintain()
    system.maintain("--mark-pending")
    system.maintain("--if-pending", JOURNAL_STREAM="")
    expect("Prelinking what changed" in system.output, f"a hook says {system.output!r}")
    system.maintain("--mark-pending")
    write(system.calls + ".status", "1")
    system.maintain("--if-pending", status=1, JOURNAL_STREAM="")
    expect("prelink failed" in system.output, f"a hook that failed says {system.output!r}")


def check_configuration():
    system = System()
    for settings, says in (({"PRELINKING": "maybe"}, "has to be yes or no"),
                           ({"PRELINKING": "yes", "PRELINK_FULL_TIME_INTERVAL": "often"}, "number of days")):
        system.configure(**settings)
        expect_equal(system.maintain(status=1), [], str(settings))
        expect(says in system.output and f"/etc/default/prelink:{len(settings)}:" in system.output,
               f"{settings}: said {system.output!r}")
    system.configure("sysconfig", PRELINKING="yes", PRELINK_OPTS="--md5")
    expect_equal(system.maintain(), ["-a -f -R --md5"], "sysconfig before default")
    run([MAINTAIN, "--nonsense"], status=2)
    run([MAINTAIN, "--root"], status=2)


def check_log():
    system = System()
    system.configure(PRELINKING="yes")
    write(system.calls + ".status", "1")
    system.maintain(status=1)
    for line in ("prelink -a -f -R", "prelinking this", "a complaint", "exit status 1"):
        line = line.replace("prelink -a", f"prelink --root {system.root} -a")
        expect(f"prelink: {line}" in system.output or line == "exit status 1" and line in system.output,
               f"under systemd, the journal gets no {line!r}: {system.output}")
    nice = int(read(system.calls + ".nice"))
    expect(nice == 19, f"prelink runs with nice {nice}")


def check_system_log():
    """Elsewhere the system log: a socket of our own in place of /dev/log."""
    system = System()
    system.configure(PRELINKING="yes")
    device = os.path.join(scratch(), "dev")
    os.mkdir(device)
    for name in ("null", "urandom"):
        write(f"{device}/{name}", "")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind(device + "/log")
        mounted = "for i in null urandom; do mount --bind /dev/$i \"$0\"/$i; done && mount --rbind \"$0\" /dev"
        done = run(["unshare", "-rm", "sh", "-c", mounted + ' || exit 77; exec "$@"', device, MAINTAIN, "--root",
                    system.root], status=None, env={**system.environment(), "JOURNAL_STREAM": ""})
        if done.returncode == 77:
            print(f"the system log is left out, no mount here: {done.stderr}")
            return
        expect_equal((done.returncode, done.stdout + done.stderr), (0, ""), "what it prints where there is a system log")
        log.setblocking(False)
        text = b"".join(log.recv(9999) for _ in range(3)).decode()
    expect(text.count("prelink: ") >= 3 and "prelinking this" in text, f"the log has {text!r}")


def check_one_at_a_time():
    system = System()
    system.configure(PRELINKING="yes")
    write(system.calls + ".wait", "")
    write(system.calls, "")
    with subprocess.Popen([MAINTAIN, "--root", system.root], env=system.environment(), stdout=subprocess.DEVNULL) as first:
        while not os.path.exists(system.calls + ".started"):
            time.sleep(0.05)
        second = run([MAINTAIN, "--root", system.root], env=system.environment(), timeout=60)
        expect("another run" in second.stdout, "the second run does not say why it ends")
        # Also when it was killed itself, as long as its prelink lives.
        first.kill()
        first.wait()
        with open(system.root + "/var/lib/prelink/locks/maintain") as lock:
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
    expect(prelinked != original, f"the real prelink did nothing:\n{system.output}")
    shown = subprocess.run([tool("prelink"), "--root", system.root, "-y", "/usr/lib/libanswer.so.1"], check=True,
                           stdout=subprocess.PIPE).stdout
    expect(shown == original, "prelink -y does not print the original")
    system.maintain()
    expect(read(library) == prelinked, "a quick run changed the library")
    system.configure(PRELINKING="no")
    system.maintain()
    expect(read(library) == original, "PRELINKING=no did not bring the original back")


def check_store():
    """PRELINKING=store: the store is kept fresh and no file rewritten; what was rewritten before is taken back."""
    system = System()
    store = system.root + "/var/lib/prelink/store"
    system.configure(PRELINKING="store")
    expect_equal(system.maintain("--if-pending"), [], "an upgrade before there is a store")
    for what in "the first run", "the second":
        expect_equal(system.maintain(), ["--store -a -q"], what)
        write(store, "plans")
    expect_equal(system.maintain("--full"), ["--store -a -q"], "--full")
    system.maintain("--mark-pending")
    expect_equal(system.maintain("--if-pending"), ["--store -a -q"], "after an upgrade")
    expect_equal(system.maintain("--if-pending"), [], "and again")
    expect_equal(system.state(), ["store", "stored"], "state")
    system.configure(PRELINKING="yes")
    expect_equal(system.maintain(), ["-a -f -R"], "from store to yes")
    expect_equal(system.state(), ["active", "full"], "state after it")
    system.configure(PRELINKING="store")
    expect_equal(system.maintain(), ["-ua", "--store -a -q"], "from yes to store")
    write(store, "plans")
    system.configure(PRELINKING="no")
    expect_equal((system.maintain(), system.state()), ([], []), "from store to no")
    write(store, "by hand")
    system.configure(PRELINKING="no")
    expect_equal((system.maintain(), system.state()), ([], ["store"]), "a store that was made by hand stays")
    system.configure(PRELINKING="auto")
    expect_equal(system.maintain(), ["--store -a -q"], "auto keeps it fresh")
    expect_equal(system.maintain("--undo")[0], "-ua", "--undo")
    expect_equal(system.state(), [], "state after it")


need("unshare", "gcc")
check_states()
check_store()
check_auto()
check_hook()
check_configuration()
check_log()
check_system_log()
check_one_at_a_time()
check_real()
