# SPDX-License-Identifier: LGPL-2.1-or-later
"""A scratch root on which the two tools are used as an administrator would: configure, add notes, prelink all."""
import os
import re
import shutil

import harness
import scratch_root
from harness import expect, notegen, prelink, write

CONFIGURATION = """\
-l /usr/bin
-l /usr/sbin
-l /usr/lib
-l /usr/lib32
-l /usr/lib64
-l /usr/libexec
-l /usr/local
-l /opt
"""
# Programs that load plugins: arguments for process.stopped_at_output(), and what they are shown with.
LOADERS = {
    "xine-list": (("xine-list-1.2", "-p"), {}),
    "python3 numpy": (("python3", "-c", "import sys, numpy, numpy.random, lxml.etree, yaml, ssl, sqlite3\n"
                       "print('ready', file=sys.stderr, flush=True)\nsys.stdin.read()"), {"ready": "ready"}),
    "perl XS": (("perl", "-e", "use XML::LibXML; use JSON::XS; use Net::SSLeay; use DBD::SQLite; use POSIX;"
                 "print STDERR 'ready'; <STDIN>"), {"ready": "ready"}),
}
LOADER_SETS = ("xine", "python", "perl")
# Programs that act whatever they are asked, or only on the system as a whole.
LEFT_OUT = {"chroot", "init", "telinit", "reboot", "halt", "poweroff", "shutdown", "runlevel",
            "killall5",  # signals every process it may, whatever it is asked
            "unix_chkpwd", "unix_update"}  # wait ten seconds before they refuse


def _configured(name):
    """A directory by the configuration of this build."""
    with open(os.path.join(harness.BUILD, "Makefile"), encoding="utf-8") as file:
        values = dict(re.findall(r"^(\w+) = (.*)$", file.read(), re.MULTILINE))
    path = values[name]
    while "${" in path:
        path = re.sub(r"\$\{(\w+)\}", lambda found: values[found[1]], path)
    return path


def module():
    """Where programs look for the run-time module."""
    return os.path.join(_configured("prefix"), "lib/prelink-plugins/prelink-rtld.so")


def store():
    """Where prelink --store writes to, and the module looks, if nobody says where."""
    return _configured("localstatedir") + "/lib/prelink/store"


def manifests(own=False):
    """Where prelink looks for installed manifests, those of packages or the administrator's OWN."""
    return _configured("sysconfdir" if own else "datadir") + "/prelink-plugins/manifests"


def root_of(*names, **keywords):
    """scratch_root.make() with a prelink.conf and the run-time module in it; skips, saying why, where none can
    be made."""
    try:
        root = scratch_root.make(*names, **keywords)
    except scratch_root.Unavailable as error:
        harness.skip(" ".join(str(error).split()))
    write(os.path.join(root, "etc/prelink.conf"), CONFIGURATION)
    os.makedirs(os.path.dirname(root + module()), exist_ok=True)
    shutil.copy(os.path.join(harness.BUILD, "prelink-plugins/rtld/prelink-rtld.so"), root + module())
    return root


def installable(table, names):
    """(name, item) of TABLE for each of NAMES, of all where there are none, whose .packages a root can have; of the others it
    is printed why not."""
    for name in names or table:
        try:
            scratch_root.master(*table[name].packages)
        except scratch_root.Unavailable as error:
            print(f"{name} cannot be installed: {' '.join(str(error).split())[-200:]}")
            continue
        yield name, table[name]


def add_notes(root):
    """Adds the notes of all manifests to the hosts that ROOT has; returns the messages."""
    return notegen("add", "-v", "--root", root, "--manifest-dir", os.path.join(harness.SOURCE, "manifests"))


def noted(said):
    """The files that got a note, as `notegen add -v` SAID."""
    return re.findall(r"^(\S+): note added$", said, re.MULTILINE)


def prelink_all(root, *options, **keywords):
    return prelink("--root", root, "--with-plugins", "-a", *options, **keywords)


def undo_all(root, **keywords):
    return prelink("--root", root, "-ua", **keywords)


def temporaries(root):
    """Every file that one of our writers left half done."""
    return [os.path.join(base, name) for base, _, names in os.walk(root) for name in names
            if re.fullmatch(r"\..*\.prelink-[0-9a-f]{16}-[0-9a-f]{16}-[A-Za-z0-9]{6}", name)]


def expect_no_temporaries(root):
    left = temporaries(root)
    expect(not left, f"temporary files left behind: {left[:5]}")
