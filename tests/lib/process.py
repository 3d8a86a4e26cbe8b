# SPDX-License-Identifier: LGPL-2.1-or-later
"""Programs started in a scratch root and looked at while they live: what is mapped where, and how much of it
is private and dirty.  The kernel's word (/proc/PID/maps, smaps) against the files' own program headers."""
import contextlib
import fcntl
import os
import subprocess
import time

from elf import elf_or_none
from harness import fail

SETTINGS = {"PATH": "/usr/bin:/usr/sbin:/bin:/sbin", "LC_ALL": "C.UTF-8", "HOME": "/tmp", "TERM": "dumb"}


def slot_of(path):
    """Address at which the ELF file PATH asks to be mapped: its first PT_LOAD's, down to a page; None if not ELF."""
    elf = elf_or_none(path)
    return min((segment.vaddr for segment in elf.loads()), default=0) & ~0xfff if elf else None


def is_elf(path):
    try:
        with open(path, "rb") as file:
            return file.read(4) == b"\177ELF"
    except OSError:
        return False


class Mapping:
    """All that a process maps of one file."""

    def __init__(self, path):
        self.path = path    # as seen from outside of the root
        self.start = None   # lowest address
        self.end = None     # highest
        self.dirty = 0      # bytes of private dirty pages, see mappings()


def mappings(pid, root):
    """{path inside ROOT: Mapping} of the ELF files that process PID maps, /proc/PID/smaps summed up by file.

    Private dirty pages are counted as `Anonymous:`, the copies that the process made by writing.  `Private_Dirty:`
    would also count clean pages of a file that has only just been written and is not on the disk yet."""
    found = {}
    current = None
    real = os.path.realpath(root)
    with open(f"/proc/{pid}/smaps", encoding="utf-8", errors="surrogateescape") as file:
        for line in file:
            words = line.split(None, 5)
            if words[0].endswith(":"):
                if current and words[0] == "Anonymous:":
                    current.dirty += int(words[1]) * 1024
                continue
            current = None
            path = words[5].rstrip("\n") if len(words) > 5 else ""
            if not path.startswith("/"):
                continue
            # The kernel names files as we see them, from outside of the chroot.
            if not path.startswith(real + "/") or not is_elf(path):
                continue
            start, end = (int(word, 16) for word in words[0].split("-"))
            current = found.setdefault(path[len(real):], Mapping(path))
            current.start = start if current.start is None else min(current.start, start)
            current.end = max(current.end or 0, end)
    return found


@contextlib.contextmanager
def stopped_at_output(root, *command, env=None, ready=None):
    """Runs COMMAND in ROOT until it writes to its standard output, whose pipe is full, and yields its pid
    while it hangs there.  READY, if given, is written to standard error by the program instead (then it
    waits for its standard input): what is waited for is that text.

    The program is real and whole; nothing is attached to it."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, 1031, 4096)  # F_SETPIPE_SZ
    if not ready:
        os.set_blocking(writing, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                os.write(writing, b"." * 4096)
        os.set_blocking(writing, True)
    child = subprocess.Popen(["chroot", root, *command], env={**SETTINGS, **(env or {})}, stdin=subprocess.PIPE,
                             stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    try:
        if ready:
            seen = b""
            while ready.encode() not in seen:
                block = os.read(child.stderr.fileno(), 4096)
                if not block:
                    fail(f"{' '.join(command)}: ended with status {child.wait()} before saying {ready!r}: {seen!r}")
                seen += block
        else:
            # Hanging in write(2) to the pipe is a state that the kernel names.
            while True:
                if child.poll() is not None:
                    fail(f"{' '.join(command)}: ended with status {child.returncode} before writing anything: "
                         f"{child.stderr.read()!r}")
                with open(f"/proc/{child.pid}/wchan", encoding="ascii") as file:
                    if "pipe_write" in file.read():
                        break
                time.sleep(0.01)
        yield child.pid
    finally:
        child.kill()
        child.wait()
        os.close(reading)
        child.stdin.close()
        child.stderr.close()
