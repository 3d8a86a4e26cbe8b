#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""prelink-run: the first start learns, the second is fast; whatever is started behaves as if it had been started
directly: exit status, signals, streams, argv[0], process number; a program that was built again is learnt anew."""
import os
import resource
import signal
import subprocess
import time

import kit
from harness import BUILD, compile_c, expect, expect_equal, fail, need, prelink, read, scratch, write
from prelink_run_tool import build as build_tool

need("gcc", "bash")
here = scratch()
TOOL = os.path.join(here, "bin/prelink-run")
cache = os.path.join(here, "cache")
for directory in (cache, here + "/bin", here + "/links"):
    os.mkdir(directory)
build_tool(TOOL, kit.MODULE, f"{BUILD}/prelink-plugins/prelink")
ENVIRONMENT = {name: value for name, value in os.environ.items()
               if not name.startswith(("LD_", "PRELINK_", "GLIBC_"))}
ENVIRONMENT.update(XDG_CACHE_HOME=cache)


def start(*command, **environment):
    return subprocess.run([TOOL, *command], env={**ENVIRONMENT, **environment}, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def stamp():
    """What tells one store from the next: it is replaced by renaming."""
    try:
        return os.stat(cache + "/prelink/store").st_ino
    except FileNotFoundError:
        return None


def settled(command, **environment):
    """Waits until what was started by COMMAND is learnt."""
    for _ in range(100):
        if start("--status", command, **environment).returncode == 0:
            return
        time.sleep(0.1)
    fail(f"{command} is not learnt: {start('--status', command)} {os.listdir(cache + '/prelink')}")


def levels(done):
    return [line.split(": ")[2] for line in done.stderr.splitlines() if line.startswith("prelink-rtld: ")]


# A program with a library and a plugin of its own.
def build(first, second):
    order = [first, second, *range(2, 200)]
    compile_c("".join(f"int f{i}(void) {{ return {i}; }}\n" for i in order), here + "/libf.so.new", "-shared", "-fPIC",
              "-O0", "-Wl,-soname,libf.so")
    os.rename(here + "/libf.so.new", here + "/libf.so")


build(0, 1)
compile_c("extern int f0(void), f1(void); int plugin(void) { return 10 * f1() + f0(); }", here + "/plugin.so", "-x", "none", "-shared",
          "-fPIC", here + "/libf.so", f"-Wl,-rpath,{here}")
program = compile_c("#include <dlfcn.h>\n#include <stdio.h>\n" +
                    "".join(f"extern int f{i}(void);\n" for i in range(200)) + "int (*const all[])(void) = {" +
                    ",".join(f"f{i}" for i in range(200)) + "};\nint main(int argc, char **argv) {\n"
                    f"void *h = dlopen(\"{here}/plugin.so\", RTLD_NOW); int (*p)(void) = dlsym(h, \"plugin\");\n"
                    "printf(\"%s %d %d\\n\", argv[0], p(), all[7]()); return 3; }\n", here + "/program", "-x", "none", here + "/libf.so",
                    f"-Wl,-rpath,{here}", "-ldl")
said = f"{program} 10 7\n"
expect_equal((start("--status", program).returncode, stamp()), (1, None), "before the first start")
first = start(program)
expect_equal((first.returncode, first.stdout, first.stderr), (3, said, ""), "the first start")
settled(program)
second = start(program, PRELINK_RTLD="verbose")
expect_equal((second.returncode, second.stdout), (3, said), "the second start")
expect_equal(sorted(set(levels(second))), ["full"], f"levels of the second start: {second.stderr}")
expect("plugin.so: full" in second.stderr, f"no word of the plugin: {second.stderr}")
expect_equal(start("--status", program).returncode, 0, "--status when it is known")

# Built again: right at once, fast after the next start.
old = stamp()
build(1, 0)
third = start(program, PRELINK_RTLD="verbose")
expect_equal((third.returncode, third.stdout), (3, said), "the start after its library was built again")
expect("libf.so: full" not in third.stderr, f"an old plan was used: {third.stderr}")
start(program)
settled(program)
fourth = start(program, PRELINK_RTLD="verbose")
expect_equal((fourth.stdout, sorted(set(levels(fourth)))), (said, ["full"]), f"when it is learnt anew: {fourth.stderr}")
expect(stamp() != old, "the store is still the old one")

# A script is learnt by its interpreter, also by way of env(1): the first start learns.
interpreter = os.path.join(here, "interpreter")
compile_c("int main(void) { return 5; }", interpreter)
for name, line in (("direct", f"#!{interpreter} -x"), ("env", "#!/usr/bin/env interpreter")):
    write(f"{here}/{name}", line + "\n")
    os.chmod(f"{here}/{name}", 0o755)
    environment = {"PATH": here + ":" + ENVIRONMENT["PATH"], "XDG_CACHE_HOME": here + "/of-" + name}
    os.mkdir(environment["XDG_CACHE_HOME"])
    expect_equal(start(f"{here}/{name}", **environment).returncode, 5, f"a script: {line}")
    settled(f"{here}/{name}", **environment)
    again = start(f"{here}/{name}", PRELINK_RTLD="verbose", **environment)
    expect("libc.so.6: full" in again.stderr, f"{line}: the second start: {again.stderr}")

# LD_LIBRARY_PATH is part of what is learnt; what is preloaded is not, and does not make others learn.
os.mkdir(here + "/other")
os.rename(here + "/libf.so", here + "/other/libf.so")
environment = {"LD_LIBRARY_PATH": here + "/other"}
start(program, **environment)
settled(program, **environment)
again = start(program, PRELINK_RTLD="verbose", **environment)
expect_equal((again.returncode, sorted(set(levels(again)))), (3, ["full"]), f"with LD_LIBRARY_PATH: {again.stderr}")
expect(not os.path.exists(cache + "/prelink/seen"), "with LD_LIBRARY_PATH it is learnt at each start")
os.rename(here + "/other/libf.so", here + "/libf.so")
start(program)
settled(program)
preload = compile_c("int nobody(void) { return 0; }", here + "/preload.so", "-shared", "-fPIC")
expect_equal(start(program, LD_PRELOAD=preload).returncode, 3, "with LD_PRELOAD")
expect(not os.path.exists(cache + "/prelink/seen"), "with LD_PRELOAD it is learnt at each start")

# Many at once: none is lost.
many = [compile_c(f"int main(void) {{ return {i}; }}", f"{here}/many{i}") for i in range(8)]
for process in [subprocess.Popen([TOOL, path], env=ENVIRONMENT) for path in many]:
    process.wait()
for path in many:
    settled(path)

# As if started directly.
expect_equal(start("bash", "-c", "exit 7").returncode, 7, "an exit status")
expect_equal(start("bash", "-c", "kill -TERM $$").returncode, -signal.SIGTERM, "a signal")
expect_equal(start("no-such-program").returncode, 127, "a program that is not there")
expect_equal(start("/etc/passwd").returncode, 126, "a file that is no program")
expect_equal(start().returncode, 2, "no program")
shell = subprocess.Popen([TOOL, "bash", "-c", "echo $$; read line; echo $line"], env=ENVIRONMENT, stdin=subprocess.PIPE,
                         stdout=subprocess.PIPE, text=True)
expect_equal(shell.communicate("words\n")[0], f"{shell.pid}\nwords\n", "process number, input and output")
# Nobody who learns keeps a stream open: the pipe ends with the program.
reader, writer = os.pipe()
waiting = subprocess.Popen([TOOL, "sleep", "0"], env={**ENVIRONMENT, "XDG_CACHE_HOME": here}, pass_fds=[writer])
os.close(writer)
waiting.wait()
expect_equal(os.read(reader, 1), b"", "the end of a pipe that the program had")

# By a link, first in PATH; and without children.
os.symlink(TOOL, here + "/links/bash")
linked = subprocess.run(["bash", "-c", "echo $BASH_VERSION"], env={**ENVIRONMENT, "PRELINK_RTLD": "verbose",
                        "PATH": here + "/links:" + ENVIRONMENT["PATH"]}, executable=here + "/links/bash", text=True,
                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
expect(linked.stdout.startswith("5.") and "prelink-rtld: " in linked.stderr, f"by a link: {linked}")
children = start("bash", "-c", "bash -c 'echo $LD_AUDIT'; env | grep -c LD_AUDIT")
expect_equal(children.stdout, f"{kit.MODULE}\n1\n", "children have the module")
alone = start("--no-children", "bash", "-c", "env | grep -c LD_AUDIT")
expect_equal(alone.stdout, "0\n", "--no-children")

# What the user set stays.
expect_equal(start("bash", "-c", "echo $GLIBC_TUNABLES", GLIBC_TUNABLES="glibc.malloc.check=1").stdout,
             "glibc.malloc.check=1:glibc.rtld.optional_static_tls=8192\n", "GLIBC_TUNABLES")
other = start("bash", "-c", "echo $LD_AUDIT", LD_AUDIT="/no/such.so")
expect_equal(other.stdout, "/no/such.so\n", "another audit module")
printed = dict(line.split("=", 1) for line in start("--print-env").stdout.splitlines())
expect_equal(printed["LD_AUDIT"], kit.MODULE, "--print-env")

# What was seen and could not be written down (no file may grow) is not lost.
full = here + "/full"
os.mkdir(full)
write(full + "/seen", f"P {program}\n")
done = prelink("--learn", full, status=1, restore_signals=False,
               preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)))
expect("/full/learned: writing the new file beside it: File too large" in done.stderr, f"--learn with a full disk: {done.stderr}")
expect_equal([name for name in os.listdir(full) if not name.startswith("seen")], [], "what it leaves on a full disk")
prelink("--learn", full)
expect_equal((read(full + "/learned"), sorted(os.listdir(full))), (f"P {program}\n".encode(), ["learned", "store", "store.made"]),
             "what was seen before the disk was full")

# What a program writes that had the file open when it was put aside, and read, is not lost, either: LATE writes it in its
# name when the result is written down, or when what was put aside is about to go.
LATE = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
static void write_late(const char *call)
{
	static int written;
	int late = strcmp(call, getenv("LATE_CALL")) || written++ ? -1 : open(getenv("LATE_FILE"), O_WRONLY | O_APPEND);
	if (late >= 0)
		write(late, getenv("LATE_LINE"), strlen(getenv("LATE_LINE")));
}
int fsync(int fd)
{
	write_late("fsync");
	return ((int (*)(int))dlsym(RTLD_NEXT, "fsync"))(fd);
}
int unlinkat(int at, const char *name, int flags)
{
	if (!strcmp(name, "seen.taken"))
		write_late("unlinkat");
	return ((int (*)(int, const char *, int))dlsym(RTLD_NEXT, "unlinkat"))(at, name, flags);
}
"""
shim = compile_c(LATE, here + "/late.so", "-shared", "-fPIC")
for call in "fsync", "unlinkat":
    late = here + "/late " + call
    os.mkdir(late)
    write(late + "/seen", f"P {program}\n")
    prelink("--learn", late, env={**os.environ, "LD_PRELOAD": shim, "LATE_CALL": call, "LATE_FILE": late + "/seen.taken", "LATE_LINE": f"P {many[0]}\n"})
    expect_equal(sorted(os.listdir(late)), ["learned", "seen", "store", "store.made"], "what is there to be learnt once more")
    prelink("--learn", late)
    expect_equal((read(late + "/learned"), sorted(os.listdir(late))),
                 ("".join(f"P {path}\n" for path in sorted((program, many[0]))).encode(), ["learned", "store", "store.made"]), "what came late")

# What can have no plan is known, too, or it would be learnt at each start: here one that lacks a library by now.
lacking = here + "/lacking"
os.makedirs(lacking + "/prelink")
compile_c("int gone(void) { return 0; }", lacking + "/libgone.so", "-shared", "-fPIC")
hopeless = compile_c("int gone(void); int main(void) { return gone(); }", lacking + "/hopeless", "-x", "none", lacking + "/libgone.so")
os.unlink(lacking + "/libgone.so")
write(lacking + "/prelink/seen", f"P {hopeless}\n")
expect("its next start learns" in start("--status", hopeless, XDG_CACHE_HOME=lacking).stdout, "--status of what was only seen")
prelink("--learn", lacking + "/prelink")
expect("its next start learns" not in start("--status", hopeless, XDG_CACHE_HOME=lacking).stdout,
       "what can have no plan is learnt at each start")

# Root with a user's environment leaves nothing where that one could have put links; nor is a directory taken that others write.
if os.geteuid() == 0:
    for owner, mode, made in ((65534, 0o755, False), (0, 0o777, True)):
        theirs = f"{here}/theirs{owner}"
        os.makedirs(theirs + "/prelink" if made else theirs)
        os.chmod(theirs + "/prelink" if made else theirs, mode)
        os.chown(theirs, owner, owner)
        expect_equal(start(program, XDG_CACHE_HOME=theirs, PRELINK_RTLD="verbose").stderr, "", f"what the module says with {theirs}")
        expect_equal(os.listdir(theirs + "/prelink" if made else theirs), [], f"what is left in {theirs}")
    seen = here + "/theirs/seen"
    os.mkdir(here + "/theirs")
    write(seen, "")
    os.chown(seen, 65534, 65534)
    subprocess.run([many[0]], env={**ENVIRONMENT, "LD_AUDIT": kit.MODULE, "PRELINK_LEARN": seen}, stdout=subprocess.DEVNULL, check=False)
    expect_equal(read(seen), b"", "what root wrote to a user's file")

# A log that is no log: what comes after is not read, however much it is, and is not there the next time.
huge = here + "/huge"
os.mkdir(huge)
write(huge + "/seen", f"P {program}\n")
os.truncate(huge + "/seen", 1 << 40)
prelink("--learn", huge, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (2 << 30, 2 << 30)))
expect_equal((read(huge + "/learned"), sorted(os.listdir(huge))), (f"P {program}\n".encode(), ["learned", "store", "store.made"]), "what a hole taught")

# Forgotten.
expect_equal(start("--forget", program).returncode, 0, "--forget")
expect_equal(start("--status", program).returncode, 1, "--status when it is forgotten")
print("learnt, used, learnt anew and forgotten")
