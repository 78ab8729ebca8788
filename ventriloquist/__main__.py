"""The entry point: `vq`, and `python -m ventriloquist` for launchers such as torchrun."""

import os

try:
    from ventriloquist.cli import interrupts
except KeyboardInterrupt:
    os._exit(130)


def main() -> None:
    """Run `vq`. A signal ends it at once while its modules are imported: there is nothing to clean up yet."""
    interrupts.leave_at_once()
    from ventriloquist.cli.app import main as run

    run()


if __name__ == "__main__":
    main()
