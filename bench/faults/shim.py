"""Python's side of shim.c: compiles it, says what is to happen, sees whether it did."""
import errno
import mmap
import pathlib
import shutil
import struct
import subprocess

HERE = pathlib.Path(__file__).resolve().parent
CALLS = ("open", "close", "read", "write", "sync", "truncate", "unlink", "map", "lock", "accept", "send", "receive",
         "wake", "wait")
KINDS = {"tables": 1, "log": 2, "index": 4, "other": 8, "client": 16, "message": 32, "count": 64, "waking": 128,
         "files": 15}
PHASES = {"before": 1, "half": 2, "after": 3}
MODES = {"off": 0, "die": 1, "fail": 2, "space": 3}
FIELDS = ("mode", "call", "kind", "phase", "countdown", "times", "error", "space", "reached")


def missing():
    """Why it cannot be used; empty: it can."""
    return "" if shutil.which("cc") else "no C compiler (cc)"


def names():
    """The header that both sides share."""
    return "".join(f"enum {name} {{ " + ", ".join(f"{name.upper()}_{key.upper()} = {value}" for key, value in pairs)
                   + " };\n" for name, pairs in (
                       ("call", zip(CALLS, range(len(CALLS)))), ("kind", KINDS.items()), ("phase", PHASES.items()),
                       ("mode", MODES.items()), ("field", zip(FIELDS, range(len(FIELDS))))))


def compile_into(folder):
    library = folder / "shim.so"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "names.h").write_text(names())
    subprocess.run(["cc", "-O1", "-Wall", "-Wextra", "-shared", "-fPIC", f"-I{folder}", str(HERE / "shim.c"),
                    "-o", str(library), "-ldl"], check=True)
    return library


class Shim:
    """For one server: server.added_environment = shim.environment."""

    def __init__(self, library, folder):
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "page"
        path.write_bytes(bytes(4096))
        with open(path, "r+b") as file:
            self._page = mmap.mmap(file.fileno(), 4096)
        self.environment = {"LD_PRELOAD": str(library), "DURABILITY_PAGE": str(path)}

    def die(self, call, kind, phase, number):
        """At the number-th such call."""
        self._set(mode=MODES["die"], call=1 << CALLS.index(call), kind=KINDS[kind], phase=PHASES[phase],
                  countdown=number, reached=0)

    def fail(self, calls, kind, number, times, error=errno.EIO):
        """So many calls from the number-th on."""
        self._set(mode=MODES["fail"], call=sum(1 << CALLS.index(call) for call in calls), kind=KINDS[kind],
                  countdown=number, times=times, error=error, reached=0)

    def limit_space(self, octets):
        self._set(mode=MODES["space"], space=octets, reached=0)

    def calm(self):
        self._put("mode", MODES["off"])

    @property
    def reached(self):
        return self._get("reached")

    def _set(self, mode, **fields):
        """The mode last: until then nothing else counts."""
        self.calm()
        for name, value in fields.items():
            self._put(name, value)
        self._put("mode", mode)

    def _put(self, name, value):
        struct.pack_into("q", self._page, 8 * FIELDS.index(name), value)

    def _get(self, name):
        return struct.unpack_from("q", self._page, 8 * FIELDS.index(name))[0]
