# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the tests of packaging share: the release's tarball, and a machine of Debian's packages to install in."""
import fcntl
import os
import shutil
import subprocess

from harness import BUILD, SOURCE, fail, run, scratch
from scratch_root import Unavailable, _archive

HELPERS = os.path.join(SOURCE, "ebuild-helpers")


def tarball():
    """The release as `make dist` makes it, copied to a directory of the caller's own."""
    with open(os.path.join(BUILD, ".dist.lock"), "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        run(["make", "-s", "-C", BUILD, "dist"], env={key: value for key, value in os.environ.items()
                                                      if key not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")})
        name = next(name for name in sorted(os.listdir(BUILD)) if name.endswith(".tar.xz"))
        return shutil.copy(os.path.join(BUILD, name), scratch("dist-"))


class Machine:
    """A root in which packages are installed for real; the master below it is not touched."""

    def __init__(self, master):
        self.master, self.work = master, scratch("machine-")
        for name in ("upper", "work", "root", "files"):
            os.mkdir(os.path.join(self.work, name))
        self.files = os.path.join(self.work, "files")  # /files inside

    def run(self, script, status=0, **environment):
        """Runs the shell SCRIPT as root inside, with /proc, /dev and the network.  Its output, both kinds."""
        outer = """set -e; cd "$W"
mount -t overlay overlay -o lowerdir="$MASTER",upperdir=upper,workdir=work root || exit 77
mount -t proc proc root/proc; mount --rbind /dev root/dev; mkdir -p root/files; mount --bind files root/files
cat /etc/resolv.conf >root/etc/resolv.conf; cat /etc/hosts >root/etc/hosts
printf '#!/bin/sh\\nexit 101\\n' >root/usr/sbin/policy-rc.d; chmod 755 root/usr/sbin/policy-rc.d
exec chroot root /bin/sh -ec "$SCRIPT" """
        proxies = {key: value for key, value in os.environ.items() if key.lower().endswith("_proxy")}
        done = subprocess.run(["unshare", "-m", "--propagation", "private", "sh", "-c", outer], text=True,
                              errors="replace", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT,
                              env={"PATH": "/usr/bin:/usr/sbin:/bin:/sbin", "HOME": "/root", "LC_ALL": "C.UTF-8",
                                   "DEBIAN_FRONTEND": "noninteractive", "W": self.work, "MASTER": self.master,
                                   "SCRIPT": script, **proxies, **environment})
        if done.returncode == 77:
            raise Unavailable(f"no overlay on {self.work}: {done.stdout}; set TEST_TMPDIR to a directory on a disk")
        if status is not None and done.returncode != status:
            fail(f"{script}\n  expected exit status {status}, seen {done.returncode}:\n{done.stdout[-3000:]}")
        return done.stdout

    def sums(self, *directories):
        """SHA-256 of every regular file below DIRECTORIES, by name."""
        lines = self.run(f"find {' '.join(directories)} -xdev -type f -print0 | xargs -0 sha256sum").splitlines()
        return {line[66:]: line[:64] for line in lines if len(line) > 66}


def apt_sources(machine, suite="bookworm", source=False):
    """Writes apt's sources inside, with those of source packages if SOURCE."""
    lines = [f"deb {_archive()} {suite} main"] + ([f"deb-src {_archive()} {suite} main"] if source else [])
    with open(os.path.join(machine.files, "sources.list"), "w") as file:
        file.write("\n".join(lines) + "\n")
    machine.run("cp /files/sources.list /etc/apt/sources.list; rm -f /etc/apt/sources.list.d/*; apt-get -qq update")
