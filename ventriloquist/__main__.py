"""The entry point: `vq`, and `python -m ventriloquist` for launchers such as torchrun."""

from ventriloquist.cli.app import main

if __name__ == "__main__":
    main()
