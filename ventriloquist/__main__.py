"""The entry point: `vq`, and `python -m ventriloquist` for launchers such as torchrun."""

import os

try:
    from ventriloquist.cli import interrupts
except KeyboardInterrupt:
    os._exit(130)

WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "KMP_LIBRARY")  # any of them is the user's choice


def main() -> None:
    """Run `vq`. A signal ends it at once while its modules are imported: there is nothing to clean up yet."""
    interrupts.leave_at_once()
    wait_passively()
    from ventriloquist.cli.app import main as run

    run()


def wait_passively() -> None:
    """Let OpenMP's threads sleep while they wait, unless the user's environment says how they wait.

    By default they spin. If another program has a core, the others then burn processor time until the slowest is done.
    OpenMP reads these variables when torch loads it, and only then.
    """
    if not any(name in os.environ for name in WAITING):
        os.environ["OMP_WAIT_POLICY"] = "PASSIVE"


if __name__ == "__main__":
    main()
