# SPDX-License-Identifier: LGPL-2.1-or-later
"""What every test starts from.

A test is an executable Python file under tests/AREA/.  It gets a scratch directory of its own, asserts
something, prints what it measured, and exits 0, or 77 (skip() prints why), or dies with a message that
says what was expected and what was seen.  `make check` runs all, in parallel; one alone:

    make check TESTS=tests/AREA/NAME.py          (from the build directory)
"""
import atexit
import faulthandler
import fcntl
import os
import re
import shutil
import subprocess
import sys
import tempfile

BUILD = os.path.abspath(os.environ.get("BUILD_DIR", "."))
SOURCE = os.path.abspath(os.environ.get("SOURCE_DIR", os.path.join(os.path.dirname(__file__), "../..")))

# A test that hangs shows where, and fails.  This only ends what is stuck: no test measures time.
if not os.environ.get("LONG"):
    faulthandler.dump_traceback_later(900, exit=True)


def scratch(prefix="t-"):
    """A new directory, removed at exit (kept with KEEP=1 in the environment, and named)."""
    path = tempfile.mkdtemp(prefix=prefix, dir=os.environ.get("TEST_TMPDIR"))
    if os.environ.get("KEEP"):
        print("keeping", path)
    else:
        atexit.register(shutil.rmtree, path, ignore_errors=True)
    return path


def alone_in_the_system(held=[]):
    """Waits for its turn, until the test ends: of those that prelink something without --root, which locks the system's tree."""
    path = os.path.join(tempfile.gettempdir(), "prelink-plugins-system.lock")
    held.append(os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    fcntl.flock(held[-1], fcntl.LOCK_EX)


def skip(reason):
    print("SKIP:", reason)
    sys.exit(77)


def need(*programs):
    """Skips, saying so, unless every one of the programs is installed."""
    for name in programs:
        if not shutil.which(name):
            skip(f"{name} is not installed; tests/run installs it")


def fail(message):
    print("FAIL:", message)
    sys.exit(1)


def expect(condition, message):
    if not condition:
        fail(message)


def expect_equal(seen, wanted, what):
    if seen != wanted:
        fail(f"{what}:\n  expected {wanted!r}\n  seen     {seen!r}")


def run(command, status=0, **keywords):
    """Runs COMMAND (a list) and returns the finished process, output as text.  status None: any will do."""
    keywords.setdefault("stdout", subprocess.PIPE)
    keywords.setdefault("stderr", subprocess.PIPE)
    keywords.setdefault("text", True)
    keywords.setdefault("errors", "backslashreplace")
    done = subprocess.run([str(word) for word in command], **keywords)
    if status is not None and done.returncode != status:
        fail(f"{' '.join(map(str, command))}: expected exit status {status}, seen {done.returncode}\n"
             f"{done.stdout or ''}{done.stderr or ''}")
    return done


def tool(name):
    """Path of a program that was built: notegen, prelink."""
    return os.path.join(BUILD, {"notegen": "notegen/notegen", "prelink": "prelink-plugins/prelink"}[name])


def notegen(*arguments, **keywords):
    return run([tool("notegen"), *arguments], **keywords)


def prelink(*arguments, **keywords):
    return run([tool("prelink"), *arguments], **keywords)


def qemu_user(machine):
    """The static qemu for programs of MACHINE, as qemu calls it; releases differ in its name."""
    return next((name for name in (f"qemu-{machine}-static", f"qemu-{machine}") if shutil.which(name)), f"qemu-{machine}-static")


def i386_runner(loader="/lib/ld-linux.so.2"):
    """What to put before a command that starts with an i386 program: nothing where the kernel runs such programs, else
    qemu; None where neither can.  LOADER is an i386 ld.so to find it out with."""
    for runner in [], [qemu_user("i386")]:
        try:
            done = subprocess.run([*runner, loader, "--version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        except OSError:
            continue  # wrong format for this kernel, or not installed
        if done.returncode == 0:
            return runner
    return None


def compile_c(source, output, *flags, compiler="gcc", language=None):
    """Builds the C (or C++, assembler) text SOURCE into OUTPUT, an executable unless -shared is given."""
    language = language or ("c++" if compiler.endswith("++") else "c")
    run([compiler, "-x", language, "-o", output, "-", *flags], input=source)
    return output


def tls_descriptors():
    """What makes gcc use TLS descriptors on x86, in what is to run with older C libraries as well."""
    unmarked = ["-Wl,--no-gnu2-tls-tag"] if "--no-gnu2-tls-tag" in run(["ld", "--help"]).stdout else []
    return ["-mtls-dialect=gnu2", *unmarked]


def lint(path, known=None):
    """What eu-elflint says is wrong with the ELF file PATH, without its name and numbers, which rewriting changes; KNOWN,
    a regular expression, is what may be said of it all the same."""
    text = run(["eu-elflint", "--gnu-ld", path], status=None).stdout.replace(path, "")
    return {re.sub(r"0x[0-9a-f]+|\[ *\d+\]|\d+", "N", line) for line in text.split("\n")
            if line.strip() and line != "No errors" and not (known and re.search(known, line))}


def read(path):
    with open(path, "rb") as file:
        return file.read()


def write(path, data):
    with open(path, "wb" if isinstance(data, bytes) else "w") as file:
        file.write(data)


def elf_files(*directories):
    """Every regular file under DIRECTORIES that starts like an ELF file, each inode once, sorted."""
    seen, found = set(), []
    for directory in directories:
        for base, _, names in os.walk(os.path.realpath(directory)):
            for name in names:
                path = os.path.join(base, name)
                if os.path.islink(path) or not os.path.isfile(path):
                    continue
                status = os.stat(path)
                if (status.st_dev, status.st_ino) in seen:
                    continue
                try:
                    with open(path, "rb") as file:
                        if file.read(4) != b"\177ELF":
                            continue
                except OSError:
                    continue
                seen.add((status.st_dev, status.st_ino))
                found.append(path)
    return sorted(found)
