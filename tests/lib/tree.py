# SPDX-License-Identifier: LGPL-2.1-or-later
"""Two directory trees compared as a backup would be: contents, modes, owners, times, extended attributes,
links of both kinds, device numbers.  Written to share nothing with the tools under test."""
import hashlib
import os
import stat


def _digest(path):
    digest = hashlib.sha1()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def snapshot(root, content=True, without=()):
    """{path inside ROOT: {property: value}} of everything below it, but for the directories WITHOUT.

    The time of a directory is left out (whoever replaces a file in it changes that), and so is ctime, which nobody
    can set.  `link` is the first name of the same inode, so hard links are compared as groups."""
    found, first = {}, {}
    for base, directories, files in os.walk(os.fsencode(root)):
        directories[:] = [name for name in directories
                          if os.fsdecode(os.path.relpath(os.path.join(base, name), os.fsencode(root))) not in without]
        for name in sorted(directories + files):
            path = os.path.join(base, name)
            inside = os.fsdecode(os.path.relpath(path, os.fsencode(root)))
            status = os.lstat(path)
            entry = {"mode": oct(status.st_mode), "owner": (status.st_uid, status.st_gid)}
            if not stat.S_ISDIR(status.st_mode):
                inode = (status.st_dev, status.st_ino)
                entry["time"] = status.st_mtime_ns
                entry["link"] = first.setdefault(inode, inside)
                entry["links"] = status.st_nlink
            if stat.S_ISLNK(status.st_mode):
                entry["target"] = os.readlink(path)
            else:
                entry["xattrs"] = {name: os.getxattr(path, name) for name in os.listxattr(path)}
            if stat.S_ISREG(status.st_mode):
                entry["size"] = status.st_size
                if content:
                    # One digest for all names of an inode.
                    entry["content"] = (found[entry["link"]]["content"] if entry["link"] in found
                                        else _digest(path))
            if stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode):
                entry["device"] = status.st_rdev
            found[inside] = entry
    return found


def differences(before, after, limit=20):
    """What is not the same in two snapshots, as lines of text, at most LIMIT and a count of the rest."""
    lines = []
    for path in sorted(before.keys() | after.keys()):
        if path not in after:
            lines.append(f"{path}: is gone")
        elif path not in before:
            lines.append(f"{path}: is new")
        else:
            for name in sorted(before[path].keys() | after[path].keys()):
                old, new = before[path].get(name), after[path].get(name)
                if old != new:
                    lines.append(f"{path}: {name} was {old}, is {new}")
    if len(lines) > limit:
        lines[limit:] = [f"... and {len(lines) - limit} more"]
    return lines
