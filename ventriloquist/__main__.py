"""The entry point: `vq`, and `python -m ventriloquist` for launchers such as torchrun."""

import os

try:
    from ventriloquist.cli import interrupts
except KeyboardInterrupt:
    os._exit(130)

SPINS = "20000"  # turns of a loop, some tens of microseconds; OpenMP has 300,000
WAITING = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT", "KMP_BLOCKTIME", "KMP_LIBRARY")  # any of them is the user's choice


def main() -> None:
    """Run `vq`. A signal ends it at once while its modules are imported: there is nothing to clean up yet."""
    interrupts.leave_at_once()
    wait_briefly()
    from ventriloquist.cli.app import main as run

    run()


def wait_briefly() -> None:
    """Let the threads of GNU's OpenMP spin briefly before they sleep, unless the user's environment says how they wait.

    By default they spin fifteen times as long. If another program has a core, the others then burn processor time until
    the slowest is done. If they slept at once, training would lose a fifth of its speed to waking them up
    (`benchmarks/waiting.py`). OpenMP reads the variable when torch loads it, and only then.
    """
    if not any(name in os.environ for name in WAITING):
        os.environ["GOMP_SPINCOUNT"] = SPINS


if __name__ == "__main__":
    main()
