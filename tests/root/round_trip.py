#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""All programs of a root that answer --version, or --help (a fifth of them is asked one or the other), answer the same prelinked;
prelinking again changes nothing; -n foretells how many files are written; undoing gives back every file, bit for bit, with
mode, owner, time, attributes and hard links.

With LONG=1 both, and much more of Debian 12, 13 and sid, some 30 GB; SUITES=NAME: of that release alone."""
import os
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor

import scratch_root
from harness import elf_files, expect, expect_equal, fail, lint, need, notegen, prelink
from tree import differences
from tree import snapshot as snapshot_of
from whole_root import LEFT_OUT, LOADER_SETS, add_notes, expect_no_temporaries, noted, prelink_all, root_of, undo_all

LONG, OPTIONS = bool(os.environ.get("LONG")), ("--version", "--help")
OFTEN = 20  # times that a program is asked again that answered otherwise

# What LONG=1 adds to the tools, in each of the releases.
MUCH = """
    libc-devtools gcc g++ gfortran gdb git subversion clang lld cmake valgrind strace ltrace perl python3 ruby php-cli lua5.4
    r-base-core octave-dev nodejs ocaml guile-3.0 tcl tk erlang-base swi-prolog-nox gnuplot-nox graphviz ghostscript
    poppler-utils imagemagick ffmpeg mpv vlc audacity inkscape gimp krita blender scribus kate okular dolphin konsole kdenlive
    evince nautilus gnome-calculator gedit gnumeric libreoffice-writer chromium firefox-esr thunderbird evolution pidgin
    transmission-gtk wireshark tshark nmap mutt irssi emacs-nox vim-nox texlive-binaries pandoc
    postgresql mariadb-server-core redis-server sqlite3 nginx-core apache2-bin bind9 dovecot-core exim4-daemon-heavy
    openssh-server openssh-client rsync squid openvpn samba cups sane-utils bluez network-manager systemd udev lvm2
    cryptsetup-bin btrfs-progs xfsprogs smartmontools libvirt-daemon qemu-system-x86 qemu-utils qemu-user lxc xterm xserver-xorg-core
    weston sway mutter mesa-utils vulkan-tools gstreamer1.0-tools pipewire wireplumber pulseaudio alsa-utils bind9-dnsutils
""".split()
SUITES = os.environ.get("SUITES", "bookworm trixie sid").split()


def snapshot(root):
    """The root, but for /tmp, where the programs that are asked leave caches of their own, and prelink's cache."""
    return {path: entry for path, entry in snapshot_of(root, without=("tmp",)).items()
            if not path.startswith("etc/prelink.cache")}


def ask(root, program, option):
    """What the program answers, or None where it does not end by itself."""
    try:
        done = scratch_root.chroot(root, "timeout", "-s", "KILL", "20", program, option, unprivileged=True,
                                   text=False, cwd="/")
    except subprocess.TimeoutExpired:
        return None
    return None if done.returncode in (124, 137) else (done.returncode, done.stdout, done.stderr)


def answers(root, asked):
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(lambda pair: ask(root, *pair), asked))


def lint_programs(root):
    """What eu-elflint says of each program: it takes a string's offset (glibc, elf/dl-load.c) for an address, which looks
    right at address 0."""
    paths = list(elf_files(os.path.join(root, "usr/bin"), os.path.join(root, "usr/sbin")))
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return dict(zip(paths, pool.map(lambda path: lint(path, "AUDIT value must point into loaded segment$"), paths)))


def summary(said):
    """How many files were, or would be, written, and why others were not."""
    return said.stdout[re.search(r"^(would have )?prelinked ", said.stdout, re.MULTILINE).start():]


def check(root):
    inside = len(os.path.realpath(root))
    paths = [path[inside:] for path in elf_files(os.path.join(root, "usr/bin"), os.path.join(root, "usr/sbin"))
             if os.path.basename(path) not in LEFT_OUT and os.access(path, os.X_OK)]
    asked = [(path, option) for number, path in enumerate(paths)
             for option in (OPTIONS if LONG else OPTIONS[number % 2:][:1] if number % 5 == 0 else ())]
    first, second = answers(root, asked), answers(root, asked)
    # Some print a time, a process number or an address: they differ from themselves.
    steady = {question: answer for question, answer, again in zip(asked, first, second) if answer and answer == again}
    programs = len(paths)
    expect(len(steady) > len(asked) // 2, f"only {len(steady)} of {len(asked)} answers are steady")

    pristine = snapshot(root)
    hosts = noted(add_notes(root).stdout)
    expect(len(hosts) >= 3, f"only {hosts} got a note")
    with_notes, linted = snapshot(root), lint_programs(root)
    foretold = summary(prelink_all(root, "-n"))
    lines = differences(with_notes, snapshot(root))
    expect(not lines, "who only asked changed:\n" + "\n".join(lines))
    done = summary(prelink_all(root))
    expect_equal(foretold, "would have " + done, "what -n said would be done")
    expect_no_temporaries(root)
    prelinked = snapshot(root)
    changed = sum(1 for path in with_notes if prelinked[path] != with_notes[path])
    expect(changed > programs, f"prelink -a changed only {changed} files")
    new = {path: said - linted[path] for path, said in lint_programs(root).items() if said - linted[path]}
    expect(not new, f"eu-elflint finds more in {len(new)} of {len(linted)} programs: {list(new.items())[:5]}")

    # A few end while a thread of theirs still writes: what they say seldom, they say without us, too.
    suspect = {question: {answer, *answers(root, [question] * OFTEN)}
               for question, answer in zip(steady, answers(root, steady)) if answer != steady[question]}

    prelink_all(root)
    lines = differences(prelinked, snapshot(root))
    expect(not lines, "prelinking again changed:\n" + "\n".join(lines))

    foretold = prelink("--root", root, "-ua", "-n").stdout
    expect_equal(foretold, "would have " + undo_all(root).stdout, "what -ua -n said would be done")
    expect_no_temporaries(root)
    lines = differences(with_notes, snapshot(root))
    expect(not lines, "undoing left:\n" + "\n".join(lines))
    wrong = [f"{' '.join(question)}: was {steady[question]}, is {new}" for question, prelinked_answers in suspect.items()
             for new in prelinked_answers - {steady[question], *answers(root, [question] * OFTEN)}]
    if wrong:
        fail(f"{len(wrong)} of {len(steady)} answers changed:\n" + "\n".join(line[:600] for line in wrong[:10]))
    print(f"{programs} programs, {len(steady)} answers the same ({len(asked) - len(steady)} unsteady ones left out; "
          f"{len(suspect)} asked {OFTEN} times)")
    notegen("remove", *hosts)
    lines = differences(pristine, snapshot(root))
    expect(not lines, "removing the notes left:\n" + "\n".join(lines))
    print(f"{changed} files prelinked and given back bit for bit, {len(pristine)} compared; "
          f"eu-elflint says nothing new of {len(linted)} programs")


need("eu-elflint")
check(root_of("tools", *LOADER_SETS))
if LONG:
    for suite in SUITES:
        check(root_of("tools", *LOADER_SETS, *MUCH, suite=suite))
