#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""LONG=1: a Debian that boots, with its own kernel, by qemu: with a store that services are told of, and prelinked, every unit
comes up as it did untouched, and does after a reload, a re-execution and a restart of all services; people log in, services
are sandboxed, cron and D-Bus start programs, nothing new is in the journal, and it shuts down.

WAY... on the command line: only those, besides untouched; SHOW=1: what each machine said."""
import glob
import os
import re
import shutil
import sys

import booted
import rooted
import scratch_root
import whole_root
from harness import BUILD, SOURCE, expect, need, prelink, run, scratch, skip, tool, write

if not os.environ.get("LONG"):
    skip("LONG=1 boots a Debian four times")
if os.geteuid() != 0:
    skip("scratch roots need the root user")
need("debootstrap", "mke2fs")
booted.need_system("amd64")
if whole_root.module().startswith("/tmp/"):
    skip("configured for a prefix below /tmp, which a system empties when it boots")
PACKAGES = """systemd-sysv udev dbus libpam-systemd libnss-systemd libnss-resolve systemd-resolved systemd-timesyncd polkitd cron rsyslog
    openssh-server openssh-client nginx python3 perl procps iproute2 kmod initramfs-tools linux-image-cloud-amd64""".split()
# What the machine does when it is up; each part's lines are compared.
SCRIPT = r"""#!/bin/sh
exec >/said 2>&1 </dev/null
export LC_ALL=C.UTF-8 HOME=/root
part() { echo "== $*"; }
becomes() { # COMMAND...: waits until it succeeds
	for attempt in $(seq 300); do "$@" >/dev/null 2>&1 && return; sleep 0.5; done; echo "never: $*"; }
no_jobs() { systemctl list-jobs | grep -q '^No jobs'; }
units() { becomes no_jobs; systemctl list-units --all --no-legend --plain | awk '{ print $1, $2, $3, $4 }' | sed -E 's/session-c?[0-9]+/session-N/' | sort -u; }
running() { systemctl list-units --type=service --state=running --no-legend --plain | awk '$1 !~ /^(tried|user@)/ { print $1 }'; }
is_member() { "$@" | grep -q member; }
part state; systemctl is-system-running --wait; systemctl --failed --no-legend --plain; units
part reload; systemctl daemon-reload; echo $?; units
part reexec; systemctl daemon-reexec; echo $?; becomes systemctl is-system-running; units
part restart; for unit in $(running); do systemctl restart $unit; echo "$unit $?"; done; systemctl is-system-running --wait; units
part login
becomes su - member -c true
su - member -c 'id; echo $HOME; python3 -c "import ssl, sqlite3, ctypes; print(6 * 7)"; perl -MPOSIX -MSocket -e "print POSIX::floor(3.5)"; echo'
install -d -o member -m 700 /home/member/.ssh; ssh-keygen -q -t ed25519 -N '' -f /root/key; install -o member /root/key.pub /home/member/.ssh/authorized_keys
becomes ssh -i /root/key -o StrictHostKeyChecking=no member@localhost true
ssh -i /root/key member@localhost 'id; echo $XDG_RUNTIME_DIR; systemctl --user is-system-running --wait; systemd-run --user --wait -q -P echo of a user; loginctl session-status | grep -c sshd' 2>&1
becomes is_member loginctl list-users
part services
becomes python3 -c 'import urllib.request as u; u.urlopen("http://localhost/")'; nginx -t; nginx -s reload 2>/dev/null; echo $?
python3 -c 'import urllib.request as u; print(len(u.urlopen("http://localhost/").read()) > 99)'
getent hosts localhost; getent passwd member root; getent group nogroup; resolvectl query localhost | grep -c ::1
hostnamectl hostname; timedatectl show -p Timezone; busctl --no-pager list | grep -c org.freedesktop; pkaction | wc -l; udevadm trigger; udevadm settle; echo $?
udevadm info -q property /dev/vda | grep -c ID_; journalctl --verify >/dev/null 2>&1; echo $?; systemd-analyze verify default.target; echo $?
printf '* * * * * root python3 -c "print(42)" >/run/by-cron\n' >/etc/cron.d/tried; becomes test -s /run/by-cron; cat /run/by-cron
logger -p user.info word; becomes grep -q word /var/log/syslog; rm /etc/cron.d/tried
part sandboxes
for property in DynamicUser=yes PrivateUsers=yes ProtectSystem=strict ProtectHome=yes PrivateTmp=yes PrivateDevices=yes MemoryDenyWriteExecute=yes LockPersonality=yes \
	SystemCallFilter=@system-service SystemCallFilter=~@privileged SystemCallFilter=~@resources SystemCallFilter=~@mount SystemCallArchitectures=native RestrictNamespaces=yes \
	NoNewPrivileges=yes CapabilityBoundingSet= LimitAS=1G LimitNOFILE=8 LimitSTACK=256K MemoryMax=64M TasksMax=1 ProcSubset=pid ProtectProc=invisible TemporaryFileSystem=/var \
	"InaccessiblePaths=/var /home" Personality=x86-64 UMask=0777 RestrictRealtime=yes User=member; do
	echo "$property: $(systemd-run -q --wait -P -p "$property" python3 -c 'import ssl, sqlite3, decimal; print(decimal.Decimal(1) / 4)' 2>&1)"
done
part journal; journalctl -b -q -p warning -o short --no-hostname | cut -c17- | sed -E 's/0x[0-9a-f]+|[0-9]+/N/g' | grep -vE '^kernel: (APIC calibr|clocksource|hrtimer|tsc|TSC)|is taking a long time' | sort -u # the emulated machine is late
part quiet; journalctl -b -q | grep -cE 'ld\.so|prelink-rtld'
part programs; for process in /proc/[0-9]*; do readlink -e $process/exe >/dev/null && echo "$(cat $process/comm) $(grep -c prelink-rtld $process/maps) $(grep -cE '^3[0-9a-f]{9}-.*r-xp.*\.so' $process/maps)"; done | sort -u
cat /said >/dev/ttyS0; sync; systemctl reboot
"""
UNIT = "[Unit]\nDescription=What is tried\n[Service]\nExecStart=/tried\n[Install]\nWantedBy=multi-user.target\n"


def start(root, work):
    """What a machine with ROOT says, as parsed() has it."""
    image = booted.disk_of(root, work)
    kernel, initrd = (glob.glob(f"{root}/boot/{name}-*")[0] for name in ("vmlinuz", "initrd.img"))
    text = booted.boot("amd64", kernel, initrd, image, "root=/dev/vda rw systemd.show_status=1 panic=-1", 3000)
    os.unlink(image)
    if os.environ.get("SHOW"):
        print(text, flush=True)
    return parsed(text)


def parsed(text):
    """{part: lines} of what a machine wrote to its console, which has to end with a shutdown."""
    expect("== programs" in text, f"the machine did not get to its end:\n{text[-3000:]}")
    expect(re.search(r"Reached target.*(Reboot|reboot)", text.split("== programs")[1]) and "reboot: Restarting system" in text, f"it did not shut down: {text[-2000:]}")
    parts = {}
    for part in text[text.index("== state"):].split("== ")[1:]:
        name, *lines = part.split("\n")
        parts[name] = [line for line in lines if not re.match(r"\[ *[\d.]+\]|.*\[(  OK  |FAILED)|^ +(Start|Stop|Unmount)", line)]
    return parts


def programs(said):
    """[(program, whether it has the module, libraries at slots)]"""
    return [(words[0], words[-2] != "0", int(words[-1])) for words in map(str.split, said["programs"]) if len(words) > 2 and words[-1].isdigit()]


def differences(known, said):
    """What SAID has that neither of KNOWN, untouched machines, has, and lacks that both have."""
    for name in known[0]:
        if name == "programs":
            continue
        one, other, now = (set(parts.get(name, [])) for parts in (*known, said))
        yield from (f"{name}: new: {line}" for line in sorted(now - one - other))
        if name != "journal":
            yield from (f"{name}: gone: {line}" for line in sorted(one & other - now))


try:
    root = scratch_root.copy(scratch_root.debootstrapped("bookworm", *PACKAGES), os.path.join(scratch("services-"), "root"))
except scratch_root.Unavailable as error:
    skip(" ".join(str(error).split()))
work = os.path.dirname(root)
write(root + "/etc/prelink.conf", whole_root.CONFIGURATION)
write(root + "/tried", SCRIPT)
write(root + "/etc/systemd/system/tried.service", UNIT)
write(root + "/etc/hosts", "127.0.0.1 localhost tried\n::1 localhost\n")
write(root + "/etc/hostname", "tried\n")
os.chmod(root + "/tried", 0o755)
os.symlink("../tried.service", root + "/etc/systemd/system/multi-user.target.wants/tried.service")
run(["chroot", root, "useradd", "-m", "-s", "/bin/sh", "member"], env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
rooted.install_module(root)
shutil.copytree(SOURCE + "/manifests", root + whole_root.manifests(), ignore=lambda _, names: [name for name in names if not name.endswith(".yaml")])
untouched = [start(root, work), start(root, work)]
print(f"untouched: {', '.join(f'{len(lines)} lines of {name}' for name, lines in untouched[0].items())}; system {untouched[0]['state'][0]}; "
      f"two boots differ in {len(list(differences([untouched[0]] * 2, untouched[1])))} lines", flush=True)
wrong = []
for way in sys.argv[1:] or ["store", "slots"]:
    if way == "store":  # as an administrator of an image does it
        said = run([BUILD + "/ebuild-helpers/image/prelink-image", root, "store"], env={**os.environ, "PRELINK": tool("prelink")})
        expect(os.path.exists(root + "/etc/systemd/system.conf.d/prelink.conf"), f"services are not told of the store: {said.stdout}{said.stderr}")
    else:
        prelink("--root", root, "-a")
    seen = start(root, work)
    if way == "store":
        for path in "/etc/systemd/system.conf.d/prelink.conf", "/etc/profile.d/prelink.sh", whole_root.store():
            os.unlink(root + path)
    names = [name for name, module, _ in programs(seen) if module]
    placed = [name for name, _, slots in programs(seen) if slots]
    print(f"{way}: {len(programs(seen))} programs run at the end, {len(names)} with the module, {len(placed)} with libraries at their slots", flush=True)
    expect("sshd" in names or "python3" in names or "cron" in names, f"{way}: no service has the module: {seen['programs']}")
    expect(way == "store" or "systemd" in placed, f"systemd has no library at its slot: {seen['programs']}")
    wrong += [f"{way}: {line}" for line in differences(untouched, seen)]
expect(not wrong, f"{len(wrong)} lines differ:\n" + "\n".join(wrong))
