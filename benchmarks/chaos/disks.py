"""Small disks that can lose their power or their room: an ext4 image on a loop device. Needs root; knows no Nexus."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import struct
import subprocess
import time
from pathlib import Path

_SHUTDOWN = 0x8004587D
"""EXT4_IOC_SHUTDOWN, `_IOR('X', 125, __u32)` of fs/ext4/ext4.h: how the kernel's own tests (fstests) pull the plug."""
_NO_LOG_FLUSH = 2
"""EXT4_GOING_FLAGS_NOLOGFLUSH: neither data nor the journal are written any more."""
_UNMOUNT_S = 20.0
MEGABYTE = 1024 * 1024


def why_not() -> str:
    """Why such a disk cannot be made here; empty when it can."""
    if os.geteuid() != 0:
        return "it needs root, to mount a file system"
    for tool in ("mkfs.ext4", "mount", "umount"):
        if shutil.which(tool) is None:
            return f"it needs {tool} (Debian: e2fsprogs, mount)"
    if not Path("/dev/loop-control").exists():
        return "it needs loop devices"
    return ""


class Disk:
    """One image, mounted at `place`. What was not synced when `cut` is called is gone after `mount`.

    The journal is committed by a sync only, not by the clock, and data is written back by the kernel at its leisure:
    what survives without a sync does so as it would on a real machine. What was handed to the device counts as
    written: a device that lies about its cache is not played.
    """

    def __init__(self, directory: Path, size: int, place: Path | None = None) -> None:
        """
        Args:
            directory: where the image lies.
            size: bytes of the image, journal included.
            place: where it is mounted; below `directory` if not told.
        """
        directory.mkdir(parents=True, exist_ok=True)
        self.image = directory / "disk.img"
        self.place = place or directory / "disk"
        self.place.mkdir(mode=0o700, exist_ok=True)
        with self.image.open("wb") as image:
            image.truncate(size)
        _run("mkfs.ext4", "-q", "-F", "-m", "0", "-E", "lazy_itable_init=0,lazy_journal_init=0", str(self.image))
        self._mounted = False

    def __enter__(self) -> Disk:
        self.mount()
        return self

    def __exit__(self, *_: object) -> None:
        self.unmount()
        self.image.unlink(missing_ok=True)

    def mount(self) -> None:
        """As at the boot after a power cut: the journal is replayed."""
        _run("mount", "-o", "loop,commit=300", str(self.image), str(self.place))
        self.place.chmod(0o700)
        self._mounted = True

    def cut(self) -> None:
        """The power goes: nothing is written any more, every call fails, what was not synced is lost."""
        descriptor = os.open(self.place, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, _SHUTDOWN, struct.pack("I", _NO_LOG_FLUSH))
        finally:
            os.close(descriptor)

    def unmount(self) -> None:
        """Waits until nobody has a file open there any more. Raises CalledProcessError when somebody keeps one."""
        give_up = time.monotonic() + _UNMOUNT_S
        while self._mounted:
            done = subprocess.run(["umount", str(self.place)], check=False, capture_output=True, text=True)
            if done.returncode and time.monotonic() > give_up:
                raise RuntimeError(f"cannot unmount {self.place}: {done.stderr.strip()}")
            self._mounted = done.returncode != 0
            if self._mounted:
                time.sleep(0.05)

    def fill(self, leave: int) -> Path:
        """Takes all room but `leave` bytes; the file to delete to give it back."""
        filler = self.place / "filler"
        want = max(0, self.free() - leave)
        with filler.open("wb") as file:
            try:
                os.posix_fallocate(file.fileno(), 0, want)
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
        return filler

    def free(self) -> int:
        """Bytes that are left."""
        status = os.statvfs(self.place)
        return status.f_bavail * status.f_frsize


def _run(*words: str) -> None:
    done = subprocess.run(words, check=False, capture_output=True, text=True, timeout=60)
    if done.returncode:
        raise RuntimeError(f"{words[0]} failed: {done.stderr.strip()[-500:]}")
