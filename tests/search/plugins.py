#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""The machine's own plugins (Python's, Perl's, glibc's, Qt's ... whatever is installed), each loaded by a program
whose note names them: the same scope as LD_DEBUG=scopes prints for the dlopen, which is ended before any code of
the plugin runs.  LONG=1 takes all; else some 400."""
import os
import re

import harness
import oracle

PATTERNS = ["/usr/lib/python3*/**/*.so", "/usr/lib/*/perl*/**/*.so", "/usr/lib/*/gconv/*.so", "/usr/lib/*/qt*/**/*.so",
            "/usr/lib/*/xine/**/*.so", "/usr/lib/*/gstreamer-1.0/*.so", "/usr/lib/*/security/*.so", "/usr/lib/*/gio/**/*.so",
            "/usr/lib/*/ossl-modules/*.so", "/usr/lib/*/engines-3/*.so", "/usr/lib/*/vlc/**/*.so", "/usr/lib/git-core/**/*.so",
            "/usr/lib/*/ruby/**/*.so", "/usr/lib/*/gdk-pixbuf-2.0/**/*.so", "/usr/lib/*/ImageMagick-*/**/*.so",
            "/usr/lib/*/sasl2/*.so", "/usr/lib/*/dri/*.so", "/usr/lib/apache2/**/*.so", "/usr/lib/php/**/*.so"]
SOURCE = """
#include <dlfcn.h>
#include <stdio.h>
int main(int argc, char **argv)
{
	if (argc > 1 && !dlopen(argv[1], RTLD_LAZY))
		puts(dlerror());
	return 0;
}
"""
directory = os.path.realpath(harness.scratch())
opener = harness.compile_c(SOURCE, directory + "/opener")
manifest = directory + "/manifest.yaml"
harness.write(manifest, "manifest: 1\napplication: test\nhosts:\n  - path: " + opener + "\nplugins:\n" +
              "".join(f"  - {{feature: f, path: '{pattern}'}}\n" for pattern in PATTERNS))
harness.notegen("add", "--manifest", manifest)
scopes, totals = oracle.driver("--with-plugins", opener, status=None)
mine = {path: members for path, host, members in scopes[opener].plugins}
plugins = sorted(mine)
if not os.environ.get("LONG"):
    plugins = plugins[::max(1, len(plugins) // 400)]
reals = {}


def real(path):
    return reals.setdefault(path, os.path.realpath(path))


def compare(plugin):
    """None where equal, else (plugin, what ld.so says, what we say); "refused" where it cannot be loaded."""
    text, _ = oracle.scopes_until([opener, plugin], f"object={plugin} ")
    match = text and re.findall(r"scope \d+: (.*?) *\n", text.partition("object=")[2].partition("object=")[0])
    if not match:
        return "refused"
    members = [real(path) for path in match[-1].split()]
    return None if members == mine[plugin] else (plugin, members, mine[plugin])


results = oracle.in_parallel(compare, plugins)
wrong = [result for result in results if isinstance(result, tuple)]
print(totals)
print(f"compared {results.count(None) + len(wrong)} plugins of {len(mine)}; {results.count('refused')} that ld.so does "
      f"not load; {len(wrong)} differences")
for plugin, theirs, ours in wrong[:10]:
    print(f"{plugin}\n    ld.so: {theirs}\n    ours:  {ours}")
harness.expect(not wrong, "scopes differ")
harness.expect(results.count(None) > 20, "too few plugins compared to mean anything")
