#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""prelink.service: what systemd-analyze says of its exposure, at most 4.0 of 10.  With LONG=1 the unit is run by a real
systemd in a root of its own, with all its restrictions: it prelinks that root, and takes it back when it is told to."""
import os
import re
import shutil
import subprocess

from harness import BUILD, expect, expect_equal, fail, read, run, scratch, skip, tool, write
from machine import Machine, apt_sources
from scratch_root import Unavailable, debootstrapped

UNIT = BUILD + "/ebuild-helpers/keep-fresh/prelink.service"
WORST = 4.0


def check_exposure():
    if not shutil.which("systemd-analyze"):
        print("systemd-analyze is not installed: the exposure is not known")
        return
    directory = scratch()
    shutil.copy(UNIT, directory)
    done = run(["systemd-analyze", "security", "--offline=true", "--no-pager", directory + "/prelink.service"], status=None,
               env={**os.environ, "LC_ALL": "C.UTF-8"})
    found = re.search(r"Overall exposure level for \S+: ([0-9.]+)", done.stdout)
    if not found:
        print(f"this systemd-analyze cannot say: {done.stderr}")
        return
    print(f"systemd-analyze security: {found[1]}")
    expect(float(found[1]) <= WORST, f"the unit's exposure is {found[1]}:\n{done.stdout}")


# systemd as process 1 of name spaces of its own, with the machine's root for /, until the unit has ended: its status.
BOOT = r"""
cd "$W"
mount -t overlay overlay -o lowerdir="$MASTER",upperdir=upper,workdir=work root || exit 77
mount -t tmpfs tmpfs root/run; mount -t tmpfs tmpfs root/dev; mkdir -p root/old
for i in null zero full random urandom tty; do : >root/dev/$i; mount --bind /dev/$i root/dev/$i; done
mkdir root/dev/shm root/dev/pts root/dev/mqueue root/dev/hugepages; : >root/dev/console
mount -t tmpfs tmpfs root/dev/shm; mount -t devpts -o newinstance,ptmxmode=0666 devpts root/dev/pts
ln -s pts/ptmx root/dev/ptmx
mount -t proc proc root/proc; mount -t sysfs -o ro sysfs root/sys
mount -t cgroup2 cgroup2 root/sys/fs/cgroup || exit 77
cd root; pivot_root . old; umount -l /old
exec env -i PATH=/usr/sbin:/usr/bin container=test /lib/systemd/systemd --log-target=null --unit=prelink.service
"""


def boot(machine):
    """Runs the unit, and nothing else."""
    done = subprocess.run(["unshare", "-m", "-p", "-f", "-C", "-n", "-u", "-i", "--propagation", "private", "sh", "-ec", BOOT],
                          env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "W": machine.work, "MASTER": machine.master},
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode == 77:
        raise Unavailable(f"no systemd in name spaces here: {done.stdout}")
    said = machine.run("cat /var/log/maintain; rm /var/log/maintain", status=None)
    if done.returncode:
        fail(f"systemd ran the unit, which ended with {done.returncode}: {done.stdout}{said[-2000:]}")
    return said


def check_run():
    machine = Machine(debootstrapped())
    apt_sources(machine)
    machine.run("apt-get install -y -qq --no-install-recommends systemd libelf1 libyaml-0-2 libjansson4 libnettle8")
    before = machine.sums("/usr")
    program = re.search(r"^ExecStart=(\S+)", read(UNIT).decode(), re.M)[1]
    for source, name in ((tool("prelink"), "prelink"), (BUILD + "/ebuild-helpers/keep-fresh/prelink-maintain", "maintain"),
                         (UNIT, "prelink.service")):
        shutil.copy(source, f"{machine.files}/{name}")
    # Nothing but this unit is started, and systemd ends with it.
    write(machine.files + "/alone.conf", "[Unit]\nDefaultDependencies=no\nSuccessAction=exit-force\nFailureAction=exit-force\n"
                                         "[Service]\nStandardOutput=append:/var/log/maintain\n"
                                         "StandardError=append:/var/log/maintain\n")
    machine.run(f"""install -D /files/maintain {program}; install -D /files/prelink /usr/local/sbin/prelink
install -D -m 644 /files/prelink.service /etc/systemd/system/prelink.service
install -D -m 644 /files/alone.conf /etc/systemd/system/prelink.service.d/alone.conf
printf '%s\\n' '-l /usr/bin' '-l /usr/sbin' '-l /usr/lib' >/etc/prelink.conf
echo PRELINKING=yes >/etc/default/prelink""")
    said = boot(machine)
    after = machine.sums("/usr")
    changed = [path for path in before if after.get(path) != before[path]]
    print(f"systemd ran the unit: {len(changed)} files prelinked")
    expect(len(changed) > 100, f"only {len(changed)} files were prelinked: {said[-2000:]}")
    machine.run("echo PRELINKING=no >/etc/default/prelink")
    said = boot(machine)
    after = machine.sums("/usr")
    expect_equal([path for path in before if after.get(path) != before[path]], [], f"files not taken back: {said[-2000:]}")
    print("and took them back")


check_exposure()
if not os.environ.get("LONG"):
    print("a real systemd runs the unit: with LONG=1")
elif os.getuid() == 0:
    try:
        check_run()
    except Unavailable as error:
        skip(str(error))
