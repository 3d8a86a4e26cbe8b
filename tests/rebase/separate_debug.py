#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Debugging information in a file of its own (a debug link, a build-id's place, and dwz's form of it) still names the static
functions of a library that was prelinked since: gdb, eu-addr2line and eu-stack do, and addr2line, which gives no lines.  perf does so with the
originals, as README tells to give it these, and prelink --status -v lists such libraries."""
import json
import os
import re
import shutil
import subprocess

from harness import alone_in_the_system, compile_c, expect, expect_equal, need, prelink, run, scratch

need("gcc", "gdb", "addr2line", "eu-addr2line", "objcopy", "strip", "nm")
alone_in_the_system()
here = scratch()
ADDRESS = 0x3100000000
LIBRARY = """
#include <unistd.h>
static volatile long sum;
__attribute__((noinline)) static void hidden(int stay)
{
	for (long i = 0; i < 60000000; i++)
		sum += i;
	if (stay && write(1, "ready\\n", 6) == 6)
		pause();
}
void seen(int stay) { hidden(stay); }
"""


def build(way):
    """A library whose debugging information was taken out; its path, that of the information, and the function's address."""
    directory = os.path.join(here, way)
    os.makedirs(directory + "/debug/.build-id")
    library = directory + "/libl.so"
    compile_c(LIBRARY, library, "-g", "-O1", "-shared", "-fPIC", "-Wl,-soname,libl.so", "-Wl,--build-id")
    compile_c("int named(void) { return 1; }", directory + "/libnamed.so", "-shared", "-fPIC", "-Wl,-soname,libnamed.so", "-Wl,--build-id")
    compile_c("void seen(int); int named(void); int main(int c, char **v) { seen(c > named()); return 0; }", directory + "/program",
              f"-L{directory}", "-ll", "-lnamed", f"-Wl,-rpath,{directory}")
    if way == "dwz":
        run(["dwz", library])
    address = int(re.search(r"^(\w+) t hidden$", run(["nm", library]).stdout, re.M)[1], 16)
    number = re.search(r"Build ID: (\w+)", run(["readelf", "-n", library]).stdout)[1]
    debug = directory + ("/libl.so.debug" if way != "build-id" else f"/debug/.build-id/{number[:2]}/{number[2:]}.debug")
    os.makedirs(os.path.dirname(debug), exist_ok=True)
    run(["objcopy", "--only-keep-debug", library, debug])
    run(["strip", "-s", library])
    if way != "build-id":
        run(["objcopy", "--add-gnu-debuglink=" + debug, library])
    return directory, library, address


def perf(directory, *options):
    """What perf says of the library in a profile of the program; None where perf does not work."""
    data = directory + "/perf.data"
    if not os.path.exists(data) and subprocess.run(["perf", "record", "-q", "-e", "cpu-clock", "-o", data, directory + "/program"],
                                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode:
        return None
    said = run(["perf", "--buildid-dir", directory + "/ids" + str(len(options)), "report", "-i", data, "--stdio", "-q", *options]).stdout
    return re.findall(r"libl\.so +\[\.\] (\S+)", said)


for way in ["debuglink", "build-id"] + ["dwz"] * bool(shutil.which("dwz")):
    directory, library, address = build(way)
    original = os.path.join(directory, "originals" + library)
    prelink("-r", hex(ADDRESS), "-N", library)
    prelink("-r", hex(ADDRESS + 0x1000000), "-N", directory + "/libnamed.so")
    listed = prelink("--status", "-v", directory + "/program", status=1).stdout
    expect_equal(re.findall(r"^\t(.*)$", listed, re.M), [library], f"{way}: prelink --status -v")
    listed = json.loads(prelink("--status", "-v", "--json", directory + "/program", status=1).stdout)
    expect_equal(listed[0]["nameless"], [library], f"{way}: prelink --status -v --json")
    place = address + ADDRESS
    said = run(["gdb", "-q", "-nx", "-batch", "-iex", f"set debug-file-directory {directory}/debug", "-ex", "info line hidden", library]).stdout
    expect(f"{place:#x} <hidden>" in said, f"{way}: gdb: {said}")
    if way != "build-id":
        for command in ["addr2line", "-f", "-e", library], ["eu-addr2line", "-f", "-e", library]:
            expect_equal(run([*command, hex(place)]).stdout.split("\n")[0], "hidden", f"{way}: {command[0]}")
        if shutil.which("eu-stack"):
            with subprocess.Popen([directory + "/program", "stay"], stdout=subprocess.PIPE) as process:
                process.stdout.readline()
                stack = run(["eu-stack", "-p", str(process.pid)]).stdout
                process.kill()
            expect(re.search(r" hidden\b.*\n.* seen\b", stack), f"{way}: eu-stack: {stack}")
        names = perf(directory) if shutil.which("perf") else None
        if names is None:
            print(f"{way}: perf is left out: it is not installed, or cannot count here")
        else:
            os.makedirs(os.path.dirname(original))
            with open(original, "wb") as file:
                file.write(prelink("-y", library, text=False, errors=None).stdout)
            shutil.copy(library + ".debug", os.path.dirname(original))
            expect("hidden" not in names, f"{way}: perf names it: README says that it does not")
            expect_equal(perf(directory, "--symfs=" + directory + "/originals")[0], "hidden", f"{way}: perf with the original")
    print(f"{way}: the static function is named as before")
