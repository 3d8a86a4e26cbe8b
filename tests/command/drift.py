#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""--help, the man page, bash and zsh completion know the same options, for prelink and for each notegen command."""
import os
import re
import shutil

from harness import SOURCE, expect, expect_equal, read, run, tool

OPTION = re.compile(r"(?<![\w-])(--?[A-Za-z0-9?][\w-]*)")
ALWAYS = {"-?", "--help", "--usage", "-V", "--version"}


def of_help(*command):
    """Options of --help: the first column of its lines."""
    text = run([tool(command[0]), *command[1:], "--help=all" if command == ("prelink",) else "--help"]).stdout
    return {o for line in text.splitlines() if re.match(r" {2,6}-", line)
            for o in OPTION.findall(re.match(r"(-\S+,? ?)+", line.strip())[0])}


def of_man(path, section=None):
    """Options that have a paragraph of their own (.TP) in the man page, or in its .SS SECTION."""
    lines = read(path).decode().replace("\\-", "-").splitlines()
    found, inside = set(), section is None
    for line, following in zip(lines, lines[1:] + [""]):
        if line.startswith((".SS", ".SH")) and section:
            inside = line.split(maxsplit=1)[1].strip('"') == section
        if line == ".TP" and inside:
            found |= set(OPTION.findall(re.sub(r"\\f.|\\", "", re.sub(r"^\.[A-Z]+ ", "", following))
                                        .replace('"', "")))
    return found


def of_bash(script, function, *words):
    """What bash offers after WORDS for a dash, and for two."""
    offered = set()
    for dash in ("-", "--"):
        program = f'compopt() {{ :; }}; . "$1"; COMP_WORDS=({" ".join(words)} {dash}); ' \
                  f'COMP_CWORD={len(words)}; {function}; printf "%s\\n" "${{COMPREPLY[@]}}"'
        offered |= set(run(["bash", "-c", program, "bash", script]).stdout.split())
    return offered


def of_zsh(text):
    """Options in the specifications of a zsh completion file, braces expanded."""
    found = set()
    for line in text.splitlines():
        line = re.sub(r"'\([^)]*\)", "'", line)
        match = re.search(r"\{(-[^}]*)\}", line) or re.search(r"'\*?(--[\w-]+)", line)
        if match:
            found |= {re.sub(r"\+$|=-?$|\\", "", o) for o in match.group(1).split(",")}
    return found


def agree(what, **sources):
    wanted = sources.pop("help") | ALWAYS
    expect(len(wanted) > len(ALWAYS) or what.split()[-1] in ("remove", "suggest"), f"{what}: no options found in --help")
    for name, seen in sources.items():
        missing, unknown = sorted(wanted - seen), sorted(seen - wanted)
        expect(not missing and not unknown, f"{what}, {name}: without {missing}, unknown to --help {unknown}")
    return len(wanted)


def completion(shell, name):
    return os.path.join(SOURCE, "prelink-plugins/completion", shell, name)


# What --help does not list, as it is the default.
hidden = {f"--{name}" for name in re.findall(r'\{ "([\w-]+)", [^}]*OPTION_HIDDEN',
                                             read(SOURCE + "/prelink-plugins/options.c").decode())}
count = agree("prelink", help=of_help("prelink"), man=of_man(SOURCE + "/prelink-plugins/prelink.8") - hidden,
              bash=of_bash(completion("bash", "prelink"), "_prelink", "prelink"),
              zsh=of_zsh(read(completion("zsh", "_prelink")).decode()))

commands = re.findall(r"^  ([a-z]+) {2,}", run([tool("notegen"), "--help"]).stdout, re.M)
expect({"add", "show", "remove", "check"} <= set(commands), f"notegen --help lists {commands}")
zsh = read(completion("zsh", "_notegen")).decode()
parts = dict(re.findall(r"^local -a (\w+)=\(\n(.*?)^\)", zsh, re.M | re.S))
offered = run(["bash", "-c", f'compopt() {{ :; }}; . {completion("bash", "notegen")}; COMP_WORDS=(notegen ""); '
               'COMP_CWORD=1; _notegen; echo "${COMPREPLY[@]}"']).stdout.split()
expect_equal(sorted(offered), sorted(commands), "commands that bash offers")
for name in commands:
    expect(f"'{name}[" in zsh, f"zsh does not offer notegen {name}")
    count += agree(f"notegen {name}", help=of_help("notegen", name),
                   man=of_man(SOURCE + "/notegen/notegen.1", name) | ALWAYS,
                   bash=of_bash(completion("bash", "notegen"), "_notegen", "notegen", name),
                   zsh=of_zsh(parts["common"] + parts.get(name, "")))

pages = ["prelink-plugins/prelink.8", "prelink-plugins/prelink.conf.5", "notegen/notegen.1"]
for page in pages:
    warnings = run(["man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", os.path.join(SOURCE, page)],
                   env={**os.environ, "MANROFFSEQ": "", "LC_ALL": "C.UTF-8"}).stderr if shutil.which("man") else ""
    expect_equal(warnings, "", f"what man says about {page}")
for shell, option in (("bash", "-n"), ("zsh", "-n")):
    if shutil.which(shell):
        for name in (("prelink", "notegen") if shell == "bash" else ("_prelink", "_notegen")):
            run([shell, option, completion(shell, name)])
print(f"{count} options agree between --help, man pages, bash and zsh completion")
