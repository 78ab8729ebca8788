"""Take the pictures of the page of `vq serve` in docs: light, dark, and on a phone.

    make demo
    .venv/bin/python benchmarks/page_pictures.py --home DEMO   # the folder that the demo names
    .venv/bin/python benchmarks/page_pictures.py --home DEMO --sans "Inter"

The script copies the home, serves the copy, chats in a headless Chromium, and takes the pictures. The model writes the
answers; the messages before them are the demo's own. Use the demo's home alone: pictures show what people wrote.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "tests"))

from browser import Browser, browser  # noqa: E402

WHOM = "Maya"
GROUP = "Sunday climbers"
SAID = ("are you home yet?", "what should i bring on sunday?")
ASKED = "who is driving on sunday?"
FONTS = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><include>/etc/fonts/fonts.conf</include><match target="pattern"><edit name="family" mode="prepend"
binding="strong"><string>{}</string></edit></match></fontconfig>"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True, help="a home with a trained adapter of the demo's cast")
    parser.add_argument("--output", type=Path, default=ROOT / "docs")
    parser.add_argument("--sans", help="the font of the pictures, where the system has none of its own")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    with TemporaryDirectory() as folder:
        home = shutil.copytree(arguments.home, Path(folder) / "home")
        if arguments.sans:
            fonts = Path(folder) / "fonts.conf"
            fonts.write_text(FONTS.format(arguments.sans))
            os.environ["FONTCONFIG_FILE"] = str(fonts)
        server = subprocess.Popen(
            [sys.executable, "-m", "ventriloquist", "serve", "--no-open", "--port", "0", "--seed", str(arguments.seed)],
            env={**os.environ, "VQ_HOME": str(home)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        try:
            assert server.stdout
            url = next(found[0] for line in server.stdout if (found := re.search(r"http://\S+token=\S+", line)))
            with browser() as page:
                take(page, url, arguments.output)
        finally:
            server.terminate()
            server.communicate()


def take(page: Browser, url: str, output: Path) -> None:
    page.size(1100, 720)
    page.open(url)
    page.shows(".past .bubble")
    choose(page, WHOM)
    for text in SAID:
        send(page, text)
    page.picture(output / "page-light.png")
    choose(page, GROUP)
    send(page, ASKED)
    page.prefer(color_scheme="dark")
    page.picture(output / "page-dark.png")
    choose(page, WHOM)
    page.prefer()
    page.size(390, 844, scale=2, phone=True)
    page.wait("document.activeElement.blur() || true")
    page.picture(output / "page-phone.png")


def choose(page: Browser, name: str) -> None:
    page.js(f"[...document.querySelectorAll('.entry')].find((one) => one.innerText.includes({name!r})).click()")
    page.wait(f"document.querySelector('#name').innerText === {name!r}")
    page.shows(".past .bubble")


def send(page: Browser, text: str) -> None:
    """Send a message, and wait until its answer is finished."""
    page.say(text)
    page.wait("document.querySelector('.stop').checkVisibility()")
    page.wait("!document.querySelector('.stop').checkVisibility()", seconds=300)


if __name__ == "__main__":
    main()
