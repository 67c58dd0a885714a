"""What an attacker would try who has taken over ffmpeg: run in its place, it tries each thing once and writes what came
of it to standard error, in the few words that a job's detail holds: the number of the error that refused it, or 0.

It talks to the kernel itself where Python has no function for a call.
"""

import ctypes
import errno
import os
import platform
import re
import resource
import signal
import socket
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

# x86_64, aarch64.
NUMBERS = {
    "bpf": (321, 280),
    "clone": (56, 220),
    "clone3": (435, 435),
    "execveat": (322, 281),
    "fcntl": (72, 25),
    "io_uring_setup": (425, 425),
    "keyctl": (250, 219),
    "landlock_create_ruleset": (444, 444),
    "memfd_create": (319, 279),
    "mount": (165, 40),
    "openat2": (437, 437),
    "perf_event_open": (298, 241),
    "pidfd_getfd": (438, 438),
    "pidfd_open": (434, 434),
    "prctl": (157, 167),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "ptrace": (101, 117),
    "rt_sigqueueinfo": (129, 138),
    "seccomp": (317, 277),
    "tgkill": (234, 131),
    "unshare": (272, 97),
    "userfaultfd": (323, 282),
}
AT_EMPTY_PATH, AT_FDCWD, SIGCHLD = 0x1000, -100, 17
PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_CHILD_SUBREAPER = 1, 4, 36
PTRACE_SEIZE, SECCOMP_SET_MODE_FILTER = 0x4206, 1
F_SETOWN, F_SETSIG = 8, 10

PARENT, FOLDER, SURVIVOR = os.getppid(), Path(sys.argv[0]).parent, "survivor-of-ffmpeg"
libc = ctypes.CDLL(None, use_errno=True)
architecture = ("x86_64", "aarch64").index(platform.machine())


def call(name: str, *arguments: object) -> int:
    given = [ctypes.c_long(each) if isinstance(each, int) else each for each in arguments]
    result = libc.syscall(ctypes.c_long(NUMBERS[name][architecture]), *given)
    if result < 0:
        raise OSError(ctypes.get_errno(), name)
    return result


def vector(buffer: ctypes.Array, address: int) -> tuple[ctypes.Array, ctypes.Array]:
    """A local and a remote part of memory."""
    pair = ctypes.c_uint64 * 2
    return pair(ctypes.addressof(buffer), len(buffer)), pair(address, len(buffer))


def heap_of(pid: int) -> int:
    return int(re.search(r"^([0-9a-f]+)-\S+ rw", Path(f"/proc/{pid}/maps").read_text(), re.M)[1], 16)


def memory() -> None:
    with open(f"/proc/{PARENT}/mem", "rb", buffering=0) as file:
        file.seek(heap_of(PARENT))
        file.read(4096)


def others() -> None:
    """An environment with keys to AWS, of whatever else runs. Browsers have processes without rights, which anybody may read."""
    for entry in os.scandir("/proc"):
        if entry.name.isdecimal() and int(entry.name) != os.getpid():
            with suppress(OSError):
                if b"AWS_SECRET_ACCESS_KEY=" in Path(entry.path, "environ").read_bytes():
                    return
    raise OSError(errno.EACCES, "none")


def remote(*names: str) -> None:
    """Reads some of the parent's heap, and then writes what was read."""
    # The kernel looks at the right before it looks at the address.
    local, far = vector(ctypes.create_string_buffer(64), 0x10000)
    with suppress(OSError):
        far[0] = heap_of(PARENT)
    for name in names:
        call(name, PARENT, local, 1, far, 1, 0)


def connect() -> None:
    """To anything that listens here: AWS's emulator and the Lambda Runtime API are among it."""
    ports = re.findall(r"^ *\d+: 0100007F:([0-9A-F]{4}) 00000000:0000 0A", Path("/proc/net/tcp").read_text(), re.M)
    for port in ports:
        with socket.socket() as client, suppress(ConnectionError):
            client.connect(("127.0.0.1", int(port, 16)))
            return
    raise OSError(errno.ECONNREFUSED, "none")


def unix() -> None:
    with socket.socket(socket.AF_UNIX) as client:
        client.bind(f"\0{os.getpid()}")


def child(pid: int) -> None:
    """Lives on under another name, in a session of its own."""
    if pid == 0:
        with suppress(OSError):
            os.setsid()
        os.closerange(0, 3)
        os.execv("/bin/sleep", [SURVIVOR, "600"])


def spawned() -> None:
    os.posix_spawn("/bin/sleep", [SURVIVOR, "600"], {}, file_actions=[(os.POSIX_SPAWN_CLOSE, n) for n in range(3)])


def written(path: Path, flags: int) -> None:
    os.write(os.open(path, flags | os.O_WRONLY, 0o600), b"x")


def executed(descriptor: int) -> None:
    """What is no program; the kernel says so where it would execute one."""
    call("execveat", descriptor, b"", 0, 0, AT_EMPTY_PATH)


def owned() -> None:
    """Lets the kernel send a signal."""
    call("fcntl", 0, F_SETSIG, signal.SIGCONT)
    call("fcntl", 0, F_SETOWN, PARENT)


def inherited() -> None:
    """What else is open."""
    for entry in os.listdir("/proc/self/fd"):
        if int(entry) > 2:
            with suppress(FileNotFoundError):
                if not os.readlink(f"/proc/self/fd/{entry}").startswith(f"/proc/{os.getpid()}/fd"):
                    return
    raise OSError(errno.ENOENT, "none")


def how(buffer: int) -> ctypes.Array:
    return (ctypes.c_uint64 * 3)(buffer, 0o600, 0)


ATTEMPTS: dict[str, Callable[[], object]] = {
    # Keys and memory.
    "read the parent's environment": lambda: Path(f"/proc/{PARENT}/environ").read_bytes(),
    "read anybody's environment": others,
    "read the parent's memory": memory,
    "read the parent's maps": lambda: Path(f"/proc/{PARENT}/maps").read_bytes(),
    "open the parent's files": lambda: os.open(f"/proc/{PARENT}/fd/1", os.O_RDONLY),
    "read the parent's folder": lambda: os.listdir(f"/proc/{PARENT}/cwd/."),
    "process_vm_readv": lambda: remote("process_vm_readv"),
    "process_vm_writev": lambda: remote("process_vm_readv", "process_vm_writev"),
    "ptrace": lambda: call("ptrace", PTRACE_SEIZE, PARENT, 0, 0),
    "pidfd_open": lambda: call("pidfd_open", PARENT, 0),
    "pidfd_getfd": lambda: call("pidfd_getfd", 0, 0, 0),
    "use what it inherited": inherited,
    # The network.
    "connect": connect,
    "IPv6 socket": lambda: socket.socket(socket.AF_INET6, socket.SOCK_DGRAM),
    "unix socket": unix,
    "netlink socket": lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
    "socket pair": socket.socketpair,
    # Other processes.
    "fork": lambda: child(os.fork()),
    "clone": lambda: child(call("clone", SIGCHLD, 0, 0, 0, 0)),
    "clone3": lambda: child(call("clone3", (ctypes.c_uint64 * 8)(0, 0, 0, 0, SIGCHLD, 0, 0, 0), 64)),
    "spawn": spawned,
    "new session": os.setsid,
    "new group": lambda: os.setpgid(0, PARENT),
    "signal the parent": lambda: os.kill(PARENT, signal.SIGCONT),
    "signal the parent's group": lambda: os.killpg(os.getpgid(PARENT), 0),
    "signal the parent's thread": lambda: call("tgkill", PARENT, PARENT, signal.SIGCONT),
    "queue a signal": lambda: call("rt_sigqueueinfo", PARENT, 0, ctypes.create_string_buffer(128)),
    "signal by fcntl": owned,
    "limit the parent": lambda: resource.prlimit(PARENT, resource.RLIMIT_CORE),
    "slow the parent down": lambda: os.setpriority(os.PRIO_PROCESS, PARENT, 19),
    "move the parent": lambda: os.sched_setaffinity(PARENT, os.sched_getaffinity(0)),
    "outlive the parent": lambda: call("prctl", PR_SET_PDEATHSIG, 0, 0, 0, 0),
    "adopt orphans": lambda: call("prctl", PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0),
    "write to the parent": lambda: open(f"/proc/{PARENT}/oom_score_adj", "w").close(),
    # Files.
    "create a file": lambda: written(FOLDER / "new", os.O_CREAT),
    "create a file in /tmp": lambda: written(Path("/tmp/of-ffmpeg"), os.O_CREAT),
    "create shared memory": lambda: written(Path("/dev/shm/of-ffmpeg"), os.O_CREAT),
    "create a file without a name": lambda: written(FOLDER, os.O_TMPFILE),
    "write a file": lambda: written(FOLDER / "there", 0),
    "truncate a file": lambda: os.truncate(FOLDER / "there", 0),
    "empty a file": lambda: os.open(FOLDER / "there", os.O_TRUNC),
    "open a file both ways": lambda: os.open(FOLDER / "there", os.O_RDWR),
    "write by openat2": lambda: call("openat2", AT_FDCWD, bytes(FOLDER / "there"), how(os.O_WRONLY), 24),
    "rename": lambda: os.rename(FOLDER / "there", FOLDER / "elsewhere"),
    "unlink": lambda: os.unlink(FOLDER / "there"),
    "link": lambda: os.link(FOLDER / "there", FOLDER / "also"),
    "symlink": lambda: os.symlink("there", FOLDER / "link"),
    "mkdir": lambda: os.mkdir(FOLDER / "folder"),
    "rmdir": lambda: os.rmdir(FOLDER / "empty"),
    "mkfifo": lambda: os.mkfifo(FOLDER / "fifo"),
    "chmod": lambda: os.chmod(FOLDER / "there", 0o777),
    "chown": lambda: os.chown(FOLDER / "there", os.getuid(), -1),
    "utime": lambda: os.utime(FOLDER / "there"),
    "setxattr": lambda: os.setxattr(FOLDER / "there", "user.x", b"x"),
    "mount": lambda: call("mount", b"none", bytes(FOLDER / "empty"), b"tmpfs", 0, 0),
    "chroot": lambda: os.chroot("/"),
    # Programs that are no file, and the kernel's less trodden paths.
    "memfd_create": lambda: call("memfd_create", b"x", 0),
    "execveat": lambda: executed(os.open(FOLDER / "there", os.O_RDONLY)),
    "io_uring": lambda: call("io_uring_setup", 4, ctypes.create_string_buffer(120)),
    "bpf": lambda: call("bpf", 5, ctypes.create_string_buffer(128), 128),
    "userfaultfd": lambda: call("userfaultfd", 1),
    "keyctl": lambda: call("keyctl", 0, -3, 1, 0, 0),
    "perf_event_open": lambda: call("perf_event_open", ctypes.create_string_buffer(128), 0, -1, -1, 0),
    "unshare": lambda: call("unshare", 0x10000000),
    "landlock": lambda: call("landlock_create_ruleset", 0, 0, 1),
    "another filter": lambda: call("seccomp", SECCOMP_SET_MODE_FILTER, 0, 0),
    "undo undumpable": lambda: call("prctl", PR_SET_DUMPABLE, 1, 0, 0, 0),
}


def outcome(attempt: Callable[[], object]) -> int:
    try:
        attempt()
    except OSError as error:
        return error.errno
    return 0


def thread() -> None:
    made = threading.Thread(target=lambda: None)
    made.start()
    made.join()


def state() -> dict[str, int]:
    """What it was started with."""
    fields = dict(line.partition(":\t")[::2] for line in Path("/proc/self/status").read_text().splitlines())
    rights = int(fields["CapPrm"], 16) | int(fields["CapEff"], 16) | int(fields["CapInh"], 16)
    found = {"environment": len(Path("/proc/self/environ").read_bytes()), "rights": rights, "filter": int(fields["Seccomp"])}
    return {**found, "no new privileges": int(fields["NoNewPrivs"]), "thread": outcome(thread)}


def main() -> None:
    tried = [outcome(attempt) for attempt in ATTEMPTS.values()]
    print("tried", *tried, "state", *state().values(), "end", file=sys.stderr, flush=True)
    # Gone without those that it left behind.
    os._exit(1)


if __name__ == "__main__":
    main()
