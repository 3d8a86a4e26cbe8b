#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""perl-, php-, python- and ruby-plugin-manifest run nothing but the interpreter and its own library: no module where they
are called or in what the environment names, nothing of a virtual environment, no interpreter of another tree or user.
Ruby and PHP in a root of their packages with LONG=1."""
import os
import shutil
import sys
import tempfile

from harness import SOURCE, expect, need, run, scratch, write
from scratch_root import Unavailable, chroot, make

HELPERS = os.path.join(SOURCE, "ebuild-helpers/interpreters")
PYTHON = ("sitecustomize", "usercustomize", "json", "os", "site", "stat", "sysconfig", "glob", "encodings/__init__", "re")
PERL = ("Config", "Cwd", "strict", "warnings", "Evil", "List/Util", "XSLoader")
RUBY = ("rbconfig", "rubygems", "evil", "monitor", "did_you_mean")


def trap(directory, mark):
    """Fills DIRECTORY with modules of names that could be loaded, which leave MARK; the environment that names it."""
    for names, suffix, text in ((PYTHON, ".py", "open({mark!r}, 'w').close()\n"), (PERL, ".pm", "open(F, '>', '{mark}'); 1;\n"),
                                (RUBY, ".rb", "File.write('{mark}', '')\n"), (("evil", "php"), ".php", "<?php touch('{mark}');\n")):
        for name in names:
            os.makedirs(os.path.dirname(f"{directory}/{name}"), exist_ok=True)
            write(f"{directory}/{name}{suffix}", text.format(mark=mark))
    write(f"{directory}/sitecustomize.pl", f"open(F, '>', '{mark}');\n")
    write(f"{directory}/php.ini", f"auto_prepend_file={directory}/evil.php\n")
    write(f"{directory}/Gemfile", f"File.write('{mark}', '')\n")
    return {"PYTHONPATH": directory, "PYTHONSTARTUP": directory + "/json.py", "PYTHONUSERBASE": directory,
            "PERL5LIB": directory, "PERLLIB": directory, "PERL5OPT": "-MEvil", "PERL5DB": "BEGIN { require Evil }",
            "RUBYLIB": directory, "RUBYOPT": "-revil", "RUBYGEMS_GEMDEPS": directory + "/Gemfile", "PHPRC": directory,
            "PHP_INI_SCAN_DIR": directory, "HOME": directory, "GEM_HOME": directory}


def describe(name, *arguments, status=0, **keywords):
    return run([f"{HELPERS}/{name}-plugin-manifest", *arguments], status=status, **keywords)


def check_environment():
    directory = scratch()
    mark = directory + "/mark"
    environment = {"PATH": os.environ["PATH"], **trap(directory, mark)}
    for name, interpreter in (("python", "/usr/bin/python3"), ("perl", "/usr/bin/perl")):
        for arguments in [], [interpreter]:
            describe(name, *arguments, cwd=directory, env=environment)
            expect(not os.path.exists(mark), f"{name}-plugin-manifest {arguments}: something of {directory} was run")
    run([*"env PYTHONPATH= PYTHONHOME=/nonexistent".split(), HELPERS + "/python-plugin-manifest", "/usr/bin/python3"])


def check_venv():
    """A virtual environment whose files say what to run: its home, its .pth files, what is installed in it."""
    directory = scratch()
    venv, mark = directory + "/venv", directory + "/mark"
    run([sys.executable, "-m", "venv", "--without-pip", venv])
    packages = f"{venv}/lib/python{sys.version_info[0]}.{sys.version_info[1]}/site-packages"
    evil = f"{directory}/evil/lib/python{sys.version_info[0]}.{sys.version_info[1]}"
    for where in packages, evil, venv + "/bin":
        os.makedirs(where, exist_ok=True)
        trap(where, mark)
    os.makedirs(directory + "/more-packages")
    write(packages + "/evil.pth", f"import json; open({mark!r}, 'w')\nimport\tjson\n{directory}/more-packages\n")
    os.mkfifo(packages + "/fifo.pth")
    write(venv + "/pyvenv.cfg", f"home = {directory}/evil/bin\ninclude-system-site-packages = false\nversion = 3\n")
    said = describe("python", venv + "/bin/python", cwd=venv + "/bin").stdout
    expect(not os.path.exists(mark), "something of the virtual environment was run")
    expect(packages in said and directory + "/more-packages" in said and venv in said, f"it says {said}")


def check_foreign():
    """An interpreter of a tree that is not the system, of another user, and one that others can write."""
    directory = scratch()
    mark, tree = directory + "/mark", directory + "/root/usr/bin"
    os.makedirs(tree)
    for name in ("python", "perl"):
        program = f"{tree}/{name}"
        write(program, f"#!/bin/sh\n: >{mark}\n")
        os.chmod(program, 0o777)
        link = f"{directory}/{name}"
        os.symlink(program, link)
        for path in program, link, f"/usr/../{program}":
            done = describe(name, path, status=1)
            expect("starting the interpreter" in done.stderr and len(done.stderr.splitlines()) == 1, done.stderr)
        done = describe(name, "/usr/bin/nonexistent", status=1)
        # In a place that is trusted, but in the tree of another system.
        if os.getuid() == 0:
            with tempfile.TemporaryDirectory(dir="/root") as image:
                shutil.copytree(directory + "/root", image, dirs_exist_ok=True)
                os.chmod(f"{image}/usr/bin/{name}", 0o755)
                done = describe(name, f"{image}/usr/bin/{name}", status=1)
                expect("another system" in done.stderr, done.stderr)
        expect(not os.path.exists(mark), f"{name}-plugin-manifest ran {program}")
    if os.getuid() == 0:
        # The same for a user, whom root's files and his own are no danger.
        os.chmod(directory, 0o755)
        own = directory + "/own"
        shutil.copytree(HELPERS, own)
        user = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"]
        os.chown(tree, 1234, 1234)
        for name in ("python", "perl"):
            os.chmod(f"{tree}/{name}", 0o755)
            done = run([*user, f"{own}/{name}-plugin-manifest", f"{tree}/{name}"], status=1)
            expect("belongs to somebody else" in done.stderr and not os.path.exists(mark), done.stderr)
            run([*user, f"{own}/{name}-plugin-manifest", "/usr/bin/" + name.replace("python", "python3")])


def check_in_root():
    try:
        root = make("ruby", "ruby-json", "ruby-nokogiri", "php8.2-cli", "php8.2-xml")
    except Unavailable as error:
        print(f"ruby and php are left out: {error}")
        return
    directory = root + "/tmp/trap"
    os.makedirs(directory)
    environment = {"PATH": "/usr/bin:/bin", **trap(directory, "/tmp/mark")}
    environment = {key: value.replace(root, "") for key, value in environment.items()}
    write(directory + "/php.ini", "auto_prepend_file=/tmp/trap/evil.php\n")
    for name in ("ruby", "php"):
        run(["cp", f"{HELPERS}/{name}-plugin-manifest", root + "/tmp/"])
        write(f"{root}/tmp/{name}", "#!/bin/sh\n: >/tmp/mark\n")
        os.chmod(f"{root}/tmp/{name}", 0o755)
        for arguments, status in (("", 0), (f"/usr/bin/{name}", 0), (f"/tmp/{name}", 1)):
            done = chroot(root, "sh", "-c", f"cd /tmp/trap && /tmp/{name}-plugin-manifest {arguments}", env=environment)
            expect(done.returncode == status, f"{name}-plugin-manifest {arguments}: {done.stdout}{done.stderr}")
            expect(not os.path.exists(root + "/tmp/mark"), f"{name}-plugin-manifest {arguments}: something was run")
    print("ruby and php run nothing of their environment")


need("perl")
check_environment()
check_venv()
check_foreign()
if os.environ.get("LONG"):
    check_in_root()
else:
    print("ruby and php: with LONG=1")
