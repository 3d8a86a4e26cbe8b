#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""A root directory made of the distribution's own packages, for tests that must see real programs.

    from scratch_root import make, chroot
    root = make("xine", "python")                     # Debian 12, this machine's architecture
    root = make("small", suite="trixie", arch="i386")
    chroot(root, "xine-list-1.2", "-p")

or from a shell:  tests/lib/scratch_root.py --suite bullseye xine python DIRECTORY

Packages are found and verified by apt, with a state of its own (nothing of the running system is
changed; the archive is the one that the system's own sources name), and unpacked with dpkg-deb: no
maintainer script runs, but the alternatives that the packages' scripts would set up are, and ldconfig.  What was
downloaded is kept, and so is each unpacked root (a "master"), which make() copies; both in one directory
for all tests of this user, cache_dir().  Any number of tests may call make() at once.

Arguments are names of SETS or of packages; BASE is always there.
"""
import argparse
import contextlib
import fcntl
import functools
import hashlib
import os
import platform
import re
import shutil
import stat
import subprocess
import sys

BASE = """base-files base-passwd bash coreutils dash debianutils diffutils findutils grep gzip hostname
    libc-bin libc6 sed tar util-linux""".split()
SETS = {
    "small": [],
    "tools": """bc binutils bsdextrautils bzip2 dc e2fsprogs elfutils file gawk iproute2 kmod less login mawk
        ncurses-bin openssl passwd patch procps psmisc sqlite3 strace xz-utils""".split(),
    "xine": ["xine-ui", "libxine2-all-plugins", "libxine2-bin"],
    "python": ["python3", "python3-numpy", "python3-lxml", "python3-yaml"],
    "perl": ["perl", "libxml-libxml-perl", "libjson-xs-perl", "libnet-ssleay-perl", "libdbd-sqlite3-perl"],
}
ARCHES = {"x86_64": "amd64", "i386": "i386", "i686": "i386", "aarch64": "arm64"}
VERSION = 1  # of what a master looks like; another number builds them anew


class Unavailable(Exception):
    """A root could not be made, and why: no root user, no apt, no network, a package that is not there."""

    def __init__(self, why, said=""):
        super().__init__(why)
        self.said = said  # by the command that failed, all of it


def cache_dir():
    """The directory for downloads and masters: $SCRATCH_ROOT_CACHE, or one of this user's own in /var/tmp."""
    path = os.environ.get("SCRATCH_ROOT_CACHE") or f"/var/tmp/prelink-plugins-tests-{os.getuid()}"
    os.makedirs(path, mode=0o700, exist_ok=True)
    status = os.lstat(path)
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.getuid():
        raise Unavailable(f"{path} is not a directory of our own; set SCRATCH_ROOT_CACHE")
    return path


@contextlib.contextmanager
def _lock(name):
    with open(os.path.join(cache_dir(), name + ".lock"), "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _run(command, **keywords):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace", **keywords)
    if done.returncode:
        tail = "\n".join(done.stdout.strip().splitlines()[-8:])
        raise Unavailable(f"{' '.join(command[:4])} ...: exit status {done.returncode}\n{tail}", done.stdout)
    return done.stdout


def _archive():
    """Address of the Debian archive, as this machine's own sources name it."""
    codename = platform.freedesktop_os_release().get("VERSION_CODENAME", "")
    lines = _run(["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)",
                  "Created-By: Packages"])
    for line in lines.splitlines():
        address, release, component = line.split()
        if component == "main" and release in (codename, "stable", "testing", "unstable", "sid"):
            return address
    raise Unavailable(f"apt's sources name no archive for {codename or 'this system'}")


def _apt(suite, arch):
    """The options that give apt-get a state of its own for SUITE and ARCH; makes that state."""
    base = os.path.join(cache_dir(), f"apt-{suite}-{arch}")
    for name in ("lists/partial", "archives/partial", "etc"):
        os.makedirs(os.path.join(base, name), exist_ok=True)
    open(os.path.join(base, "status"), "w").close()
    with open(os.path.join(base, "etc/sources.list"), "w") as file:
        file.write(f"deb [arch={arch} signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
                   f" {_archive()} {suite} main\n")
    # Read after the system's own configuration (which may name a proxy), whose hooks are dropped.
    configuration = os.path.join(base, "etc/apt.conf")
    with open(configuration, "w") as file:
        file.write(f"""
            #clear APT::Update::Pre-Invoke;
            #clear APT::Update::Post-Invoke;
            #clear APT::Update::Post-Invoke-Success;
            #clear DPkg::Pre-Install-Pkgs;
            #clear DPkg::Pre-Invoke;
            #clear DPkg::Post-Invoke;
            #clear APT::Architectures;
            APT::Architecture "{arch}";
            APT::Architectures {{ "{arch}"; }};
            APT::Get::AllowUnauthenticated "false";
            APT::Install-Recommends "false";
            APT::Sandbox::User "";
            Acquire::Check-Valid-Until "false";
            Acquire::Languages "none";
            Acquire::Retries "3";
            Dir::State "{base}";
            Dir::State::status "{base}/status";
            Dir::State::lists "{base}/lists";
            Dir::Cache "{base}";
            Dir::Cache::archives "{base}/archives";
            Dir::Cache::pkgcache "";
            Dir::Cache::srcpkgcache "";
            Dir::Etc::sourcelist "{base}/etc/sources.list";
            Dir::Etc::sourceparts "-";
            Dir::Etc::preferences "-";
            Dir::Etc::preferencesparts "-";
        """)
    return base, ["apt-get", "-c", configuration, "-qq", "-y"]


def _download(packages, suite, arch):
    """Paths of the packages' .deb files and of those of all they depend on; fetched where not here yet."""
    if not shutil.which("apt-get"):
        raise Unavailable("apt-get is not installed")
    with _lock(f"apt-{suite}-{arch}"):
        base, apt = _apt(suite, arch)
        if not any(name.endswith("_Packages") or "_Packages." in name
                   for name in os.listdir(os.path.join(base, "lists"))):
            _run([*apt, "update"])
        try:
            _run([*apt, "--download-only", "install", *packages])
        except Unavailable:  # the lists may be older than the archive
            _run([*apt, "update"])
            try:
                _run([*apt, "--download-only", "install", *packages])
            except Unavailable as error:  # or newer: of some machines it gets the packages later than their index
                lacking = re.findall(r"^E: Failed to fetch \S*/(\S+)_\S+_\S+\.deb +404 ", error.said, re.MULTILINE)
                if not lacking:
                    raise
                raise Unavailable(f"the archive lacks {len(lacking)} packages that its index of {suite} for {arch} names: "
                                  f"{' '.join(sorted(lacking))}") from None
        files = []
        for line in _run([*apt[:-2], "-s", "install", *packages]).splitlines():
            found = re.match(r"Inst (\S+?)(?::\S+)? (?:\[\S*\] )?\((\S+) .*\[(\S+)\]\)", line)
            if found:
                name, version, of = found.groups()
                files.append(os.path.join(base, "archives", f"{name}_{version.replace(':', '%3a')}_{of}.deb"))
        return files


def _unpack(debs, root, arch):
    """Unpacks DEBS into the new directory ROOT, /usr merged, as dpkg would leave them but for scripts."""
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        if name in ("bin", "sbin", "lib") or (name == "lib64" and arch == "amd64"):
            os.makedirs(os.path.join(root, "usr", name))
            os.symlink("usr/" + name, os.path.join(root, name))
    for deb in debs:
        content = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE)
        tar = subprocess.run(["tar", "-x", "-p", "--keep-directory-symlink", "-C", root, "-f", "-",
                              "--exclude=./usr/share/doc/*", "--exclude=./usr/share/man/*",
                              "--exclude=./usr/share/info/*", "--exclude=./usr/share/locale/*",
                              "--exclude=./usr/share/lintian/*"], stdin=content.stdout,
                             stderr=subprocess.PIPE, text=True)
        content.stdout.close()
        if content.wait() or tar.returncode:
            raise Unavailable(f"unpacking {deb} failed: {tar.stderr.strip()[-500:]}")
    for name in ("dev", "etc/ld.so.conf.d", "proc", "root", "run", "sys", "tmp", "var/cache", "var/lib"):
        os.makedirs(os.path.join(root, name), exist_ok=True)
    os.chmod(os.path.join(root, "tmp"), 0o1777)
    for name, minor in (("null", 3), ("zero", 5), ("full", 7), ("random", 8), ("urandom", 9)):
        node = os.path.join(root, "dev", name)
        with contextlib.suppress(PermissionError, FileExistsError):
            os.mknod(node, 0o666 | stat.S_IFCHR, os.makedev(1, minor))
            os.chmod(node, 0o666)
    for name in ("passwd", "group"):
        master = os.path.join(root, "usr/share/base-passwd", name + ".master")
        if os.path.exists(master):
            shutil.copy(master, os.path.join(root, "etc", name))


def _alternatives(debs, root):
    """Does what the packages' scripts say with update-alternatives --install, where they say it literally."""
    program = shutil.which("update-alternatives")
    if not program:
        raise Unavailable("update-alternatives is not installed")
    os.makedirs(os.path.join(root, "var/lib/dpkg/alternatives"), exist_ok=True)
    os.makedirs(os.path.join(root, "etc/alternatives"), exist_ok=True)
    for deb in debs:
        script = subprocess.run(["dpkg-deb", "-I", deb, "postinst"], stdout=subprocess.PIPE,
                                stderr=subprocess.DEVNULL, text=True, errors="replace").stdout
        for line in script.replace("\\\n", " ").splitlines():
            words = line.split()
            if words[:2] != ["update-alternatives", "--install"] or re.search(r"[$`;&|<>\"']", line):
                continue
            # A link whose file is among what was left out (manual pages) is no reason to fail.
            subprocess.run([program, "--root", root, "--quiet", *words[1:]], stderr=subprocess.DEVNULL,
                           stdout=subprocess.DEVNULL, check=False)


def source(package, suite="bookworm"):
    """Path of the .dsc file of PACKAGE's source in SUITE, with what it names beside it; fetched where not here yet.  The newest
    version that the archive still has: what it lists may have made way for another."""
    arch = machine_arch()
    with _lock(f"apt-{suite}-{arch}"):
        base, apt = _apt(suite, arch)
        at = os.path.join(base, "sources", package)
        if not os.path.isdir(at):
            with open(os.path.join(base, "etc/sources.list"), "a") as file:
                file.write("deb-src [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]"
                           f" {_archive()} {suite} main\n")
            shutil.rmtree(at + ".new", ignore_errors=True)
            os.makedirs(at + ".new")
            _run([*apt, "update"])
            listed = re.findall(r"^Version: (\S+)$", _run(["apt-cache", *apt[1:3], "showsrc", "--only-source", package]), re.M)
            listed.sort(key=functools.cmp_to_key(lambda a, b: subprocess.call(["dpkg", "--compare-versions", a, "lt", b]) or -1))
            for version in reversed(listed):
                try:
                    _run([*apt, "source", "--download-only", f"{package}={version}"], cwd=at + ".new")
                    break
                except Unavailable:
                    if version == listed[0]:
                        raise
            os.rename(at + ".new", at)
    return next(os.path.join(at, name) for name in os.listdir(at) if name.endswith(".dsc"))


def packages_of(names):
    """NAMES of sets and packages as a sorted list of packages, BASE among them."""
    packages = set(BASE)
    for name in names:
        packages.update(SETS.get(name, [name]))
    return sorted(packages)


def machine_arch():
    return ARCHES.get(platform.machine(), platform.machine())


def _key(*words):
    return hashlib.sha256(" ".join(words).encode()).hexdigest()[:16]


def master(*names, suite="bookworm", arch=None):
    """Path of a root with those sets or packages that belongs to all tests: look, copy, never change."""
    arch = arch or machine_arch()
    packages = packages_of(names)
    name = f"root-{suite}-{arch}-{_key(str(VERSION), suite, arch, *packages)}"
    path = os.path.join(cache_dir(), name)
    if os.path.isdir(path):
        return path
    if os.getuid() != 0:
        raise Unavailable("making a scratch root needs root (owners of files, device nodes, chroot)")
    with _lock(name):
        if os.path.isdir(path):
            return path
        debs = _download(packages, suite, arch)
        building = path + ".new"
        shutil.rmtree(building, ignore_errors=True)
        os.makedirs(building)
        _unpack(debs, building, arch)
        _alternatives(debs, building)
        if arch in ("amd64", "i386"):  # x86's ldconfig knows no other machines; ld.so has its defaults
            _run(["/sbin/ldconfig", "-r", building])
        os.rename(building, path)
    return path


def debootstrapped(suite="bookworm", *packages):
    """A root in which debootstrap installed the system and PACKAGES, whose scripts have run; it belongs to all tests: look,
    never change."""
    name = f"debootstrap-{suite}" + (f"-{_key(*sorted(packages))}" if packages else "")
    path = os.path.join(cache_dir(), name)
    if os.getuid() != 0:
        raise Unavailable("debootstrap needs root")
    if not shutil.which("debootstrap"):
        raise Unavailable("debootstrap is not installed; tests/run installs it")
    with _lock(name):
        if not os.path.isdir(path):
            shutil.rmtree(path + ".new", ignore_errors=True)
            _run(["debootstrap", "--variant=minbase", *([f"--include={','.join(packages)}"] if packages else []), suite,
                  path + ".new", _archive()])
            os.rename(path + ".new", path)
    return path


def copy(source, target):
    """Copies the tree SOURCE to the new name TARGET: modes, owners, times, xattrs, hard links."""
    _run(["cp", "-a", "--reflink=auto", source, target])
    return target


def make(*names, suite="bookworm", arch=None, path=None):
    """A root of the caller's own: a copy of master(), at PATH (must not exist), else in a scratch directory."""
    source = master(*names, suite=suite, arch=arch)
    if path is None:
        from harness import scratch
        path = os.path.join(scratch("root-"), "root")
    return copy(source, path)


def chroot(root, *command, unprivileged=False, **keywords):
    """Runs COMMAND inside ROOT, as nobody if UNPRIVILEGED, its environment nothing but PATH and the C
    locale unless env= says more.  Returns the finished process; output is text unless text=False."""
    environment = {"PATH": "/usr/bin:/usr/sbin:/bin:/sbin", "LC_ALL": "C.UTF-8", "HOME": "/tmp", "TERM": "dumb",
                   **keywords.pop("env", {})}
    keywords.setdefault("stdin", subprocess.DEVNULL)
    keywords.setdefault("stdout", subprocess.PIPE)
    keywords.setdefault("stderr", subprocess.PIPE)
    if keywords.setdefault("text", True):
        keywords.setdefault("errors", "backslashreplace")
    who = ["--userspec=65534:65534"] if unprivileged else []
    return subprocess.run([shutil.which("chroot", path="/usr/sbin:/usr/bin:/sbin:/bin"), *who, root, *command],
                          env=environment, **keywords)


def main():
    parser = argparse.ArgumentParser(description="Makes a root directory from the distribution's packages.",
                                     epilog=f"sets: {', '.join(sorted(SETS))}")
    parser.add_argument("--suite", default="bookworm", help="Debian release by name (bookworm)")
    parser.add_argument("--arch", help="Debian architecture (this machine's)")
    parser.add_argument("names", nargs="*", metavar="SET|PACKAGE")
    parser.add_argument("directory", help="where to put it; must not exist")
    arguments = parser.parse_args()
    try:
        make(*arguments.names, suite=arguments.suite, arch=arguments.arch, path=arguments.directory)
    except Unavailable as error:
        sys.exit(f"scratch_root: {error}")


if __name__ == "__main__":
    main()
