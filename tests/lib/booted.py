# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whole machines: a kernel and an image, started by qemu-system, which needs no rights and no processor of that kind.

    image = disk_of(root, directory)
    text = boot("amd64", root + "/vmlinuz", root + "/initrd.img", image, "root=/dev/vda rw", 900)
"""
import os
import shutil
import subprocess

from harness import fail, run, skip

# By Debian's name: what emulates the machine, as what, and what its kernel is to be told: the console, and on a PC not to
# try the timer, which is late where this machine is busy; it takes that for a broken one, and panics.
SYSTEMS = {
    "amd64": (["qemu-system-x86_64", "-cpu", "max"], "ttyS0 no_timer_check"),
    "arm64": (["qemu-system-aarch64", "-machine", "virt", "-cpu", "max,pauth-impdef=on"], "ttyAMA0"),
    "armhf": (["qemu-system-arm", "-machine", "virt,highmem=off", "-cpu", "cortex-a15"], "ttyAMA0"),
    "armhf, LPAE": (["qemu-system-arm", "-machine", "virt", "-cpu", "cortex-a15"], "ttyAMA0"),
    "i386": (["qemu-system-i386", "-cpu", "max"], "ttyS0 no_timer_check"),
    "ppc64el": (["qemu-system-ppc64", "-machine", "pseries", "-cpu", "power9", "-vga", "none"], "hvc0"),
    "riscv64": (["qemu-system-riscv64", "-machine", "virt"], "ttyS0"),
    "s390x": (["qemu-system-s390x", "-machine", "s390-ccw-virtio", "-cpu", "max"], "ttysclp0"),
}


def need_system(machine):
    """Skips, saying so, where nothing here emulates MACHINE."""
    program = SYSTEMS[machine][0][0]
    if not shutil.which(program):
        skip(f"{program} is not installed; Debian has it in the packages qemu-system-*")


def disk_of(root, directory, megabytes=2048, name="disk"):
    """Path of a new ext4 image in DIRECTORY with what the directory ROOT has, owners and all; a sparse file.  All have one UUID."""
    path = os.path.join(directory, name)
    with open(path, "wb") as file:
        file.truncate(megabytes << 20)
    run(["mke2fs", "-q", "-t", "ext4", "-U", "c0ffee00-0000-4000-8000-000000000000", "-d", root, path],
        env={"PATH": "/usr/sbin:/sbin:/usr/bin:/bin"})
    return path


def boot(machine, kernel, initrd, image, append, seconds, *more, memory=1024):
    """Boots KERNEL with INITRD and IMAGE (each may be None) and waits until the machine is turned off or starts again.

    MACHINE is a name of SYSTEMS.  The disk is /dev/vda; APPEND is the kernel's command line without the console; MORE are further arguments of qemu.  Returns what was written to the console,
    with plain line ends; fails, with the end of that, where the machine is still there after SECONDS."""
    command, console = SYSTEMS[machine]
    command = [*command, "-m", memory, "-display", "none", "-serial", "stdio", "-monitor", "none", "-no-reboot", "-net", "none",
               "-kernel", kernel, "-append", f"console={console} {append}", *more]
    if initrd:
        command += ["-initrd", initrd]
    if image:
        command += ["-drive", f"file={image},format=raw,if=virtio,cache=unsafe"]
    process = subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    late = False
    try:
        said, _ = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        late = True
    finally:
        if process.poll() is None:
            process.kill()
    if late:
        said, _ = process.communicate()
    text = said.decode(errors="backslashreplace").replace("\r", "")
    if late or process.returncode:
        fail(f"{command[0]}: {'still there after ' + str(seconds) + ' s' if late else 'status ' + str(process.returncode)}:\n{text[-3000:]}")
    return text
