#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""prelink-run --print-env in all its forms, read by those that they are for; and programs of the other class, which print
nothing where the module's directory has one for them, be it one that does nothing."""
import os
import re
import shutil
import subprocess

import kit
from harness import BUILD, compile_c, expect, expect_equal, i386_runner, need, read, run, scratch, write
from prelink_run_tool import build as build_tool

need("gcc", "bash")
here = scratch()
modules = here + "/it's 100% a $HOME"
own = re.search("^RTLD_LIB = (.*)$", read(BUILD + "/Makefile").decode(), re.M)[1]
os.makedirs(f"{modules}/{own}")
shutil.copy(kit.MODULE, f"{modules}/{own}/prelink-rtld.so")
TOOL = build_tool(here + "/prelink-run", kit.MODULE, f"{BUILD}/prelink-plugins/prelink", modules)
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith(("LD_", "PRELINK_", "GLIBC_", "XDG_"))}
ENVIRONMENT = {**CLEAN, "XDG_CACHE_HOME": here}
WANTED = {"LD_AUDIT": modules + "/$LIB/prelink-rtld.so", "PRELINK_STORE": here + "/prelink/store",
          "PRELINK_LEARN": here + "/prelink/seen", "GLIBC_TUNABLES": "glibc.rtld.optional_static_tls=8192"}
SYSTEM = {name: value for name, value in WANTED.items() if not name.startswith("PRELINK_")}


def print_env(form=None, status=0):
    return run([TOOL, "--print-env" + (f"={form}" if form else "")], status=status, env=ENVIRONMENT).stdout


def variables(text):
    return {name: value for name, _, value in (line.partition("=") for line in text.split("\n") if line) if name in WANTED}


expect_equal(variables(print_env()), WANTED, "--print-env")
expect_equal(print_env("plain"), print_env(), "--print-env=plain")
print_env("nonsense", status=2)
write(here + "/profile", print_env("shell"))
expect_equal(variables(run(["bash", "-c", f". {here}/profile; env"], env=CLEAN).stdout), WANTED, "a shell's environment")
# The module is found through $LIB, and does its work.
done = run(["env", *print_env().splitlines(), "PRELINK_RTLD=verbose", "/bin/true"], env=CLEAN)
expect("libc.so.6: none" in done.stderr, f"with what is printed: {done.stderr}")

GENERATOR = "/usr/lib/systemd/user-environment-generators/30-systemd-environment-d-generator"
if os.path.exists(GENERATOR):
    os.makedirs(here + "/home/environment.d")
    write(here + "/home/environment.d/60-prelink.conf", print_env("environment.d"))
    seen = run([GENERATOR], env={**CLEAN, "HOME": here, "XDG_CONFIG_HOME": here + "/home"}).stdout
    # Some releases print what a shell would read.
    seen = run(["bash", "-c", "set -a; LIB='$LIB'; " + "\n".join(f"printf '%s\\n' {line}" for line in seen.splitlines())], env=CLEAN).stdout \
        if "\\" in seen or '"' in seen else seen
    expect_equal(variables(seen), WANTED, "a session's environment")
else:
    print("no systemd: environment.d is not read")
# What systemd makes of Environment=, in a drop-in: its own parser, by systemd-analyze.
drop_in = print_env("systemd")
expect_equal(drop_in.split("\n")[0], "[Service]", "the drop-in's section")
values = dict(re.fullmatch(r'Environment="(\w+)=(.*)"', line).groups() for line in drop_in.splitlines()[1:])
expect_equal({name: value.replace("%%", "%") for name, value in values.items()}, SYSTEM, "a service's environment")
if shutil.which("systemd-analyze"):
    os.makedirs(here + "/units/fast.service.d")
    write(here + "/units/fast.service", "[Service]\nType=oneshot\nExecStart=/bin/true\n")
    write(here + "/units/fast.service.d/prelink.conf", drop_in)
    done = subprocess.run(["systemd-analyze", "verify", here + "/units/fast.service"], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, env={**CLEAN, "SYSTEMD_UNIT_PATH": here + "/units:"})
    expect("prelink.conf" not in done.stdout, f"what systemd says of the drop-in: {done.stdout}")
values = dict(re.fullmatch(r'ENV "(\w+)=(.*)"', line).groups() for line in print_env("docker").splitlines())
expect_equal({name: value.replace("\\$", "$") for name, value in values.items()}, SYSTEM, "an image's environment")

# A program of the other class, as a child; where only qemu runs it, with what it would have inherited.
runner = i386_runner()
if runner is not None and shutil.which("i686-linux-gnu-gcc"):
    program = compile_c("int main(void) { return 5; }", here + "/other", compiler="i686-linux-gnu-gcc")
    command = [*runner, program] if runner else [TOOL, "bash", "-c", program]

    def said():
        return run(command, status=5, env={**ENVIRONMENT, **WANTED}).stderr

    expect("cannot be loaded as audit interface" in said(), f"without a module for it: {said()!r}")
    for lib in ("lib/i386-linux-gnu", "lib32", "lib"):
        os.makedirs(f"{modules}/{lib}", exist_ok=True)
        shutil.copy(BUILD + "/prelink-plugins/rtld/i386/stub.so", f"{modules}/{lib}/prelink-rtld.so")
    expect_equal(said(), "", "with one that does nothing")
else:
    print("no i386 program runs here, or none can be built")
