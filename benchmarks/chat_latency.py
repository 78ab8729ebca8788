"""Measure how soon an answer begins, with and without the key/value cache, and what name guidance and the grammar cost.

    python benchmarks/chat_latency.py --model smollm2

The script prints CPU-seconds, because other work on the machine does not change them. It measures the time until the
first character of an answer after 100 messages, once for a session that has followed the conversation and once for a
session that reads all of it, and once without name guidance. It also prints the time of the grammar per token, beside
the time of a forward pass, and of a pass with the second row that name guidance reads.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from pathlib import Path

from ventriloquist.model.base import best_device, load_base, load_tokenizer, require_torch, resolve
from ventriloquist.model.line_writer import LineWriter
from ventriloquist.model.sampling import Sampling
from ventriloquist.settings import load_settings
from ventriloquist.transcript import DELTAS, Header, Line, render_header, render_line

TEXT = "i you the to it a that and is of in what but for my just have do so we was not on me be like this at ok lol"
WORDS = TEXT.split()
MEMBERS = ("Robin", "Kim")
REPEATS = 5
TOKENS = 100


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="smollm2", help="a base model; an adapter costs the same share more in all")
    parser.add_argument("--models", type=Path, default=None, help="the folder of converted models")
    parser.add_argument("--messages", type=int, default=99)
    arguments = parser.parse_args()
    require_torch()
    base = resolve(arguments.model, arguments.models or load_settings().models)
    model, tokenizer = load_base(base), load_tokenizer(base)
    context = conversation(arguments.messages)
    session = LineWriter(model, tokenizer)
    unguided = LineWriter(model, tokenizer, sampling=Sampling(name_guidance=0))
    first_character(session, context[:-2])  # the first pass of all warms up
    cached, uncached, plain = [], [], []
    for repeat in range(REPEATS):
        message = render_line(Line(MEMBERS[0], "<1m", f"and then? {repeat}")) + "\n"
        first_character(session, context)
        cached.append(first_character(session, [*context, message]))
        uncached.append(first_character(LineWriter(model, tokenizer), [*context, message]))
        first_character(unguided, context)
        plain.append(first_character(unguided, [*context, message]))
    forward, guided, grammar = per_token(session, context)
    figures = {
        "model": arguments.model,
        "device": best_device(),
        "context_tokens": sum(session.count_tokens(text) for text in context),
        "first_character_cached_s": round(median(cached), 3),
        "first_character_uncached_s": round(median(uncached), 3),
        "times_sooner": round(median(uncached) / median(cached), 1),
        "first_character_without_guidance_s": round(median(plain), 3),
        "forward_ms_a_token": round(forward * 1000, 2),
        "with_guidance_ms_a_token": round(guided * 1000, 2),
        "guidance_times": round(guided / forward, 2),
        "grammar_ms_a_token": round(grammar * 1000, 3),
        "grammar_share": round(grammar / forward, 4),
    }
    print(json.dumps(figures, indent=2))


def conversation(messages: int) -> list[str]:
    """Return a rendered conversation of made-up words, about as long as people's messages are."""
    rng = random.Random(0)
    lines = (
        Line(rng.choice(MEMBERS), rng.choice(DELTAS[:3]), " ".join(rng.choices(WORDS, k=rng.randint(2, 14))))
        for _ in range(messages)
    )
    return [render_header(Header("dm", MEMBERS, "2024-03-15")) + "\n", *(render_line(line) + "\n" for line in lines)]


def first_character(session: LineWriter, context: list[str]) -> float:
    """Return the CPU seconds until the first character of the next line."""
    session.count_tokens(context[-1])  # encoding is not what is measured
    session._grammar.begin((MEMBERS[1],))  # nor is building the grammar of a name
    started = time.process_time()
    pieces = session.write(context, (MEMBERS[1],))
    next(pieces)
    taken = time.process_time() - started
    pieces.close()
    return taken


def per_token(session: LineWriter, context: list[str]) -> tuple[float, float, float]:
    """Return CPU seconds a token: of the forward pass, of one with two rows, and of the grammar with its mask."""
    matcher = session._grammar.begin((MEMBERS[1],))
    ids = [token for text in context for token in session._encode(text)]
    line = session._encode(render_line(Line(MEMBERS[1], "<1m", " ".join(WORDS * 4))) + "\n")
    session.logits_after(ids)
    both = session._prefixes.read(ids).fork([(0, len(ids))] * 2)
    forward = guided = grammar = 0.0
    for index, token in enumerate(line[:TOKENS]):
        started = time.process_time()
        session.logits_after([*ids, *line[: index + 1]])
        between = time.process_time()
        matcher.forced()
        matcher.allowed()
        matcher.take([token])
        grammar += time.process_time() - between
        forward += between - started
        started = time.process_time()
        both.feed([[token]] * 2)
        guided += time.process_time() - started
    return forward / TOKENS, guided / TOKENS, grammar / TOKENS


def median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


if __name__ == "__main__":
    main()
