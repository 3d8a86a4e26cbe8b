#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Other people's readers say nothing about a moved library that they did not say about the original; and
debuggers find their way in it with the debug file that was made for the original."""
import os
import re
import shutil
import subprocess

from elf import Elf, to_bend
from harness import compile_c, elf_files, expect, need, read, run, scratch, write
from rewriting import LIBRARY, LOADER, Rewriter, SLOT, build_library, machine

need("eu-elflint", "eu-readelf", "eu-addr2line", "readelf", "objdump", "gdb", "strip", "patchelf")
PT_GNU_PROPERTY, FEATURES = 0x6474e553, b"\0\0\0\xc0\4\0\0\0"  # GNU_PROPERTY_AARCH64_FEATURE_1_AND, of four bytes
directory = scratch()
rewriter = Rewriter()


def complaints(command, path):
    """What COMMAND says is wrong with the file, without its name and numbers."""
    done = run([*command, path], status=None, env={**os.environ, "LC_ALL": "C", "DEBUGINFOD_URLS": ""})
    text = done.stdout if "elflint" in command[0] else done.stderr
    # Offsets into .dynstr, which eu-elflint takes for addresses: small ones look right at address 0.
    text = re.sub(r".*(AUXILIARY|FILTER) value must point into loaded segment\n", "", text)
    return {re.sub(r"0x[0-9a-f]+|\[ *\d+\]|\d+", "N", line.replace(path, "")) for line in text.split("\n")} - {"No errors"}


def instructions(path, objdump):
    """The bytes and mnemonics of each section, without addresses."""
    text = run([objdump, "-d", "--show-raw-insn", path]).stdout
    return re.findall(r"^ *[0-9a-f]+:\t([0-9a-f ]+)", text, re.M)


def check_readers(source, moved, prefix=""):
    """PREFIX: of the machine's own binutils."""
    for command in (["eu-elflint", "--gnu-ld"], ["readelf", "-aW"], ["eu-readelf", "-a"], [prefix + "objdump", "-x"]):
        new = complaints(command, moved) - complaints(command, source)
        expect(not new, f"{command[0]} about {source} moved: {new}")
    expect(instructions(source, prefix + "objdump") == instructions(moved, prefix + "objdump"), f"{source}: objdump -d sees other code")
    for option in ("--print-needed", "--print-soname", "--print-rpath"):
        expect(run(["patchelf", option, source]).stdout == run(["patchelf", option, moved]).stdout,
               f"{source}: patchelf {option}")
    stripped = moved + ".stripped"
    run([prefix + "strip", "-o", stripped, moved])
    new = complaints(["eu-elflint", "--gnu-ld"], stripped) - complaints(["eu-elflint", "--gnu-ld"], source)
    expect(not {line for line in new if "prelink" not in line}, f"{source} moved and stripped: {new}")
    # The record went along, and says that the file is another one now.
    expect(rewriter.undo(stripped, stripped + ".undone") == "failed" or read(stripped) == read(moved),
           f"{source}: a stripped file was undone")
    expect(not os.path.exists(stripped + ".undone"), "something was written")
    return stripped


def symbol(path, name):
    match = re.search(rf"^ *\d+: ([0-9a-f]+) .* {name}$", run(["readelf", "-sW", path]).stdout, re.M)
    return int(match.group(1), 16)


def check_debuggers(target, compiler):
    """A library whose debugging information is in a file of its own, by build-id name and by debuglink."""
    source, moved, debug = (os.path.join(directory, f"debug-{target}" + end) for end in (".so", ".moved", ".debug"))
    text = os.path.join(directory, "source.c")
    write(text, LIBRARY)
    run([compiler, "-g", "-O0", "-shared", "-fPIC", "-o", source, text])
    addresses = [symbol(source, name) for name in ("answer", "thrice", "construct")]
    run(["eu-strip", "-g", "-f", debug, source])
    expect(rewriter.move(source, moved, SLOT[target]) == "ok", "move")
    before = run(["eu-addr2line", "-f", "-e", source, *map(hex, addresses)]).stdout
    expect("source.c:" in before and "thrice" in before, f"eu-addr2line does not find the debug file: {before}")
    after = run(["eu-addr2line", "-f", "-e", moved, *(hex(address + SLOT[target]) for address in addresses)]).stdout
    expect(after == before, f"{target}: eu-addr2line in the moved library:\n{after}\nin the original:\n{before}")
    if target != "x86-64":
        return
    loader = compile_c(LOADER, os.path.join(directory, "loader"), "-g")
    traces = [debug_session(["break thrice", "run", "backtrace", "print hidden", "print thread_hidden", "finish"], path,
                            loader, path) for path in (source, moved)]
    expect(any("thrice (x=1)" in line and "source.c" in line for line in traces[0]), f"gdb: {traces[0]}")
    expect(traces[0] == traces[1], f"gdb in the original: {traces[0]}\nin the moved: {traces[1]}")


def check_marks(compiler):
    """What ld.so reads of BTI, PAC and GCS in an aarch64 object before it runs any of it: there, and as it was."""
    def marks(path):
        elf = Elf(path)
        segment, section = elf.segment(PT_GNU_PROPERTY), next(one for one in elf.sections if one.name == ".note.gnu.property")
        expect((segment.vaddr, segment.filesz) == (section.addr, section.size), f"{path}: the note's segment is {segment}")
        return segment.vaddr, bytes(elf.data[elf.offset(segment.vaddr):][:segment.filesz])

    path, moved = os.path.join(directory, "marked.so"), os.path.join(directory, "marked.moved")
    build_library(path, "-mbranch-protection=standard", "-nostartfiles", compiler=compiler)
    bent = to_bend(path)
    at = bent.data.index(FEATURES)
    bent.data[at + len(FEATURES)] = 7  # GCS, which not every compiler knows
    bent.save()
    expect(rewriter.move(path, moved, SLOT["aarch64"]) == "ok", "move")
    (was, note), (now, same) = marks(path), marks(moved)
    expect(now == was + SLOT["aarch64"] and note == same and FEATURES + b"\7" in note, f"the note at {was:x}: {note}, at {now:x}: {same}")


def debug_session(commands, name, *program):
    """What gdb says of values and frames, without addresses and NAME."""
    commands = ["set breakpoint pending on", "set debuginfod enabled off", *commands]
    done = run(["gdb", "-nx", "-batch", *(word for command in commands for word in ("-ex", command)), "--args", *program],
               stdin=subprocess.DEVNULL)
    return [re.sub(r"0x[0-9a-f]+", "N", line).replace(name, "FILE") for line in done.stdout.split("\n")
            if re.match(r"#|\$|Value returned|Breakpoint 1, ", line)]


PROGRAM = r"""
#include <stdio.h>
static __thread int thread_hidden = 5;
__attribute__((noipa)) static int inner(int x) { return thread_hidden + x; }
int main(int argc, char **argv) { printf("%d %d\n", inner(argc), argv[argc] == NULL); return 0; }
"""


def check_program(kind, tags):
    """An executable that was given room at the front."""
    path, grown, debug = (os.path.join(directory, "program" + kind + end) for end in ("", ".grown", ".debug"))
    text = os.path.join(directory, "program.c")
    write(text, PROGRAM)
    run(["gcc", "-g", "-O0", kind, "-o", path, text])
    run(["eu-strip", "-g", "-f", debug, path])
    expect(rewriter.ask("grow", path, grown, f"{tags:x}") == "ok", f"grow {kind}")
    sessions = [debug_session(["break inner", "run", "backtrace", "print thread_hidden", "finish"], file, file)
                for file in (path, grown)]
    expect(len(sessions[0]) >= 5 and sessions[0] == sessions[1], f"gdb: {sessions}")
    places = [run(["eu-addr2line", "-f", "-e", file, hex(symbol(file, "inner"))]).stdout for file in (path, grown)]
    expect("program.c" in places[0] and places[0] == places[1], f"eu-addr2line: {places}")
    new = complaints(["eu-elflint", "--gnu-ld"], grown) - complaints(["eu-elflint", "--gnu-ld"], path)
    expect(not new, f"eu-elflint about {kind}: {new}")
    run(["strip", "-o", grown + ".stripped", grown])
    for file in (grown, grown + ".stripped"):
        expect(run([file, "x"]).stdout == "7 1\n", f"{file} does not work")
    # The kernel puts the first page into core files, for the sake of the build-id.
    notes = re.findall(r"NOTE +0x([0-9a-f]+)", run(["readelf", "-lW", grown]).stdout)
    expect(notes and all(int(offset, 16) < 4096 for offset in notes), f"{kind}: notes at {notes}")
    ids = [re.findall(r"Build ID: (.*)", run(["readelf", "-nW", file]).stdout) for file in (path, grown)]
    expect(ids[0] and ids[0] == ids[1], f"{kind}: build-ids {ids}")


files = [path for path in elf_files("/usr/lib/x86_64-linux-gnu") if ".so" in path and os.path.getsize(path) < 2e6]
if not os.environ.get("LONG"):
    files = files[::120]
checked = 0
for path in files:
    moved = os.path.join(directory, "moved")
    if rewriter.move(path, moved, SLOT[machine(path)]) == "ok":
        check_readers(path, moved)
        checked += 1
loader = compile_c(LOADER, os.path.join(directory, "loader"))
for linker in ("bfd", "gold", "lld", "mold"):
    if not shutil.which(linker if linker == "mold" else "ld." + linker):
        print(f"{linker} is not installed")
        continue
    path, moved = os.path.join(directory, linker + ".so"), os.path.join(directory, linker + ".moved")
    build_library(path, "-DIFUNC", f"-fuse-ld={linker}")
    expect(rewriter.move(path, moved, SLOT["x86-64"]) == "ok", linker)
    stripped = check_readers(path, moved)
    expect(run([loader, stripped]).stdout == "42 0\n", f"{linker}: moved and stripped, it does not work")
    checked += 1
for target, prefix in {"x86-64": "", "i386": "i686-linux-gnu-", "aarch64": "aarch64-linux-gnu-", "arm": "arm-linux-gnueabihf-",
                       "riscv64": "riscv64-linux-gnu-"}.items():
    compiler = prefix + "gcc"
    if shutil.which(compiler):
        if target == "aarch64":
            check_marks(compiler)
        check_debuggers(target, compiler)
        path, moved = os.path.join(directory, target + ".so"), os.path.join(directory, target + ".moved")
        build_library(path, "-DIFUNC", compiler=compiler)
        expect(rewriter.move(path, moved, SLOT[target]) == "ok", target)
        check_readers(path, moved, prefix)
        checked += 1
for kind in ("-pie", "-no-pie"):
    for tags in (2, 40):
        check_program(kind, tags)
rewriter.close()
print(f"{checked} libraries looked at with eu-elflint, readelf, eu-readelf, objdump, patchelf, strip; "
      "debug files of libraries and programs with eu-addr2line and gdb")
