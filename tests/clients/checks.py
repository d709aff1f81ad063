"""What the clients here share: their settings and how they tell what held."""
import asyncio
import os
import pathlib
import sys
import traceback

CHECK_SECONDS = 15

HOST = os.environ["HOST"]
PORT = int(os.environ["PORT"])
TLS_PORT = int(os.environ["TLS_PORT"])
DOMAIN = os.environ["DOMAIN"]
CA = os.environ["CA"]
SCRATCH = pathlib.Path(os.environ["SCRATCH"])
PASSWORD = os.environ["PASSWORD"]
ALICE = f"{os.environ['ALICE']}@{DOMAIN}"
BOB = f"{os.environ['BOB']}@{DOMAIN}"

FAULTS = os.environ.get("KNOWN_FAULTS", "").split(";")

failures = 0


def has_fault(fault):
    """Is the server at hand known for it? (against_peer names the faults and the paragraph that makes them faults.)"""
    return fault in FAULTS


def report(what, why=None):
    global failures
    failures += why is not None
    print(f"ok {what}" if why is None else f"not ok {what}: {' '.join(str(why).split())[:400]}", flush=True)


def equal(what, got, wanted):
    assert got == wanted, f"{what} is {got!r}, not {wanted!r}"


async def check(what, trial, seconds=CHECK_SECONDS):
    """Runs the awaitable; what it raises is the reason of a failure. True when it held."""
    try:
        await asyncio.wait_for(trial, seconds)
    except asyncio.TimeoutError:
        report(what, f"nothing within {seconds} s")
    except Exception as failure:
        traceback.print_exc(file=sys.stderr)
        report(what, f"{type(failure).__name__}: {failure}")
    else:
        report(what)
        return True
    return False


def skip(what, why):
    print(f"# left out: {what}: {why}", flush=True)


def finish():
    sys.exit(1 if failures else 0)
