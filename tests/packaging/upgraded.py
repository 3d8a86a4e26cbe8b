#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The day after: with PRELINKING=yes and nothing but installed manifests, a system is laid out, the packages of programs that
load plugins are unpacked anew as an upgrade does, and the package manager's hook runs.  As many plugins are on the fast path
as before, and nobody typed anything.  With apt and packages that differ: plugins_kept.py."""
import json
import os
import re
import shutil
import subprocess

import scratch_root
import whole_root
from harness import BUILD, SOURCE, expect, expect_equal, need, prelink, run, skip, write

if os.geteuid() != 0:
    skip("scratch roots need the root user")
need("dpkg-deb", "tar")
root = whole_root.root_of(*whole_root.LOADER_SETS)
shutil.copytree(SOURCE + "/manifests", root + whole_root.manifests(), ignore=shutil.ignore_patterns("*.mk", "README"))
os.makedirs(root + "/etc/default", exist_ok=True)
write(root + "/etc/default/prelink", "PRELINKING=yes\nPRELINK_OPTS=\n")
# The last three load plugins of the libc.
HOSTS = ["/usr/bin/" + name for name in ("python3.11", "perl", "xine-list-1.2", "xine", "perl5.36-x86_64-linux-gnu", "bash", "find",
                                         "fc-list")]
UPGRADED = (r"(python3\.11-minimal|libpython3\.11-stdlib|perl-base|perl|libperl5\.36|libxine2|libxine2-bin|xine-ui|libc6|zlib1g|bash|"
            r"findutils|fontconfig)_")


def maintain(*options):
    run([BUILD + "/ebuild-helpers/keep-fresh/prelink-maintain", "--root", root, *options],
        env={"PATH": f"{BUILD}/prelink-plugins:{os.environ['PATH']}", "JOURNAL_STREAM": "8:1"})


def plugins():
    rows = json.loads(prelink("--root", root, "--status", "--json", *HOSTS, status=None).stdout)
    return {row["program"]: (row["state"], row["planned"], row["plugins"]) for row in rows}


maintain()
before = plugins()
for program, (state, planned, count) in before.items():
    expect(state == "fast" and planned == count > 10, f"{program}: {state}, {planned} of {count} plugins")
packages = sorted({name for group in whole_root.LOADER_SETS for name in scratch_root.SETS[group]} | set(scratch_root.BASE))
try:
    debs = [deb for deb in scratch_root._download(packages, "bookworm", scratch_root.machine_arch())
            if re.match(UPGRADED, os.path.basename(deb))]
except scratch_root.Unavailable as error:
    skip(" ".join(str(error).split()))
maintain("--mark-pending")
for deb in debs:
    content = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", deb], stdout=subprocess.PIPE)
    run(["tar", "-x", "-p", "--keep-directory-symlink", "-C", root, "-f", "-"], stdin=content.stdout)
    expect_equal(content.wait(), 0, f"exit status of dpkg-deb for {deb}")
lost = plugins()
expect(all(state == "no plan" for state, _, _ in lost.values()), f"unpacked, and not prelinked: {lost}")
maintain("--if-pending")
expect_equal(plugins(), before, "what is on the fast path after the upgrade")
print(f"{len(debs)} packages upgraded; plugins on the fast path before and after: {before}")
