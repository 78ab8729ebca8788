"""Folders of strangers: each field of each file replaced by each type of JSON, files cut off, empty, of another kind.

    python tests/hostile_folders.py --folders 200     (0: all of them)

Each may fail only as a user is to see it, and nothing beside the weights may be executed. Prints what was tried.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import json
import os
import pickle
import random
import resource
import shutil
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

SECONDS = 10.0  # of CPU, for one folder
GIGABYTES = 2.0  # that the process may grow by
VALUES = (None, True, -1, 0, 200_000_000, 10**400, 0.5, float("inf"), "text", "", "../\x1b[2J", [], [1, "a", None], {},
          {"a": {"b": [1]}}, REMOVED := "\0removed")  # fmt: skip
JSON_FILES = (
    "manifest.json",
    "adapter_config.json",
    "base/config.json",
    "base/generation_config.json",
    "base/tokenizer.json",
    "base/tokenizer_config.json",
    "data.json",
    "settings.json",
)
WEIGHT_FILES = ("adapter_model.safetensors", "base/model.safetensors")
NESTED = {"base/tokenizer.json": "model", "manifest.json": "settings", "base/config.json": "rope_parameters"}
KINDS = ("gpt2", "gpt_neox", "bert", "phi3", "mixtral", "llama", "mamba", "t5", "nothing", "gemma3")


class Case(NamedTuple):
    """One thing that is wrong with one file."""

    file: str
    what: str
    data: bytes


def sound_run(folder: Path) -> Path:
    """Build a run that can be used, with what must never be executed lying beside its weights."""
    from adapter_builder import build_run

    from ventriloquist.train import preset

    run = build_run(folder)
    manifest = json.loads((run / "manifest.json").read_text())
    manifest["settings"] |= {"rank": 4, "alpha": 8, "four_bit": False}
    del manifest["settings"]["rank"]  # the builder's adapter is not one of training's: it has two linears
    (run / "manifest.json").write_text(json.dumps(manifest))
    (run / "data.json").write_text(json.dumps({"data_hash": "h", "rows_per_step": 2}))
    (run / "settings.json").write_text(preset("tiny").model_dump_json())
    return run


def booby_trap(run: Path, marker: Path) -> None:
    """Put code beside the weights: it writes a file when it is run."""
    code = f"open({str(marker)!r}, 'w').close()\n"
    for place in (run, run / "base"):
        for name in ("modeling_evil.py", "configuration_evil.py", "tokenization_evil.py", "conftest.py", "setup.py"):
            (place / name).write_text(code)
        for name in ("pytorch_model.bin", "adapter_model.bin", "training_args.bin", "optimizer.pt", "scheduler.pt"):
            (place / name).write_bytes(pickle.dumps(_Trap(str(marker))))


class _Trap:
    def __init__(self, marker: str) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, tuple[str, str]]:
        return open, (self.marker, "w")


def cases(run: Path) -> Iterator[Case]:
    """Yield everything that can be wrong with one file of a run."""
    for file in JSON_FILES:
        if not (run / file).exists():
            continue
        sound = json.loads((run / file).read_text())
        yield from _of_the_whole(file, (run / file).read_bytes())
        for path in [(name,) for name in sound] + [(inner, name) for inner in (NESTED.get(file),) if inner in sound
                                                   for name in sound[inner]]:  # fmt: skip
            for value in VALUES:
                yield Case(file, f"{'.'.join(path)} = {value!r:.40}", json.dumps(_changed(sound, path, value)).encode())
    sound = json.loads((run / "base/config.json").read_text())
    for kind in KINDS:
        yield Case("base/config.json", f"kind {kind}", json.dumps(sound | {"model_type": kind}).encode())
    for name, value in {
        "auto_map": {"AutoConfig": "configuration_evil.Config", "AutoModelForCausalLM": "modeling_evil.Model"},
        "quantization_config": {"quant_method": "gptq", "bits": 4},
        "attn_implementation": "somebody/kernel",
        "return_dict": False,
        "output_hidden_states": True,
        "num_hidden_layers": 10**9,
    }.items():
        yield Case("base/config.json", f"{name} = {value!r}", json.dumps(sound | {name: value}).encode())
    sound = json.loads((run / "adapter_config.json").read_text())
    for changes in (
        {"target_modules": "(a+)+$"},
        {"target_modules": "all-linear"},
        {"target_modules": ["lm_head"]},
        {"peft_type": "PROMPT_TUNING", "num_virtual_tokens": 10**9},
        {"peft_type": "IA3"},
        {"use_dora": True},
        {"rank_pattern": {"(a+)+$": 9}},
        {"modules_to_save": ["lm_head"]},
        {"layers_to_transform": [0]},
        {"r": 8},
        {"auto_mapping": {"base_model_class": "Evil", "parent_library": "modeling_evil"}},
        {"init_lora_weights": "pissa"},
    ):
        yield Case("adapter_config.json", f"{changes!r:.60}", json.dumps(sound | changes).encode())
    tokens = json.loads((run / "base/tokenizer_config.json").read_text())
    for changes in (
        {"auto_map": {"AutoTokenizer": ["tokenization_evil.T", None]}},
        {"chat_template": "{% for x in range(10**9) %}{{ cycler.__init__.__globals__.os.system('id') }}{% endfor %}"},
        {"tokenizer_class": "LlamaTokenizer"},
        {"tokenizer_class": "BertTokenizer"},
        {"tokenizer_class": "Nothing"},
        {"add_bos_token": True},
        {"add_eos_token": True},
    ):
        yield Case("base/tokenizer_config.json", f"{changes!r:.60}", json.dumps(tokens | changes).encode())
    for file in WEIGHT_FILES:
        yield from _of_weights(file, (run / file).read_bytes())


def _of_the_whole(file: str, data: bytes) -> Iterator[Case]:
    for what, changed in {
        "empty": b"",
        "cut off": data[: len(data) // 2],
        "a list": b"[]",
        "null": b"null",
        "a number": b"7",
        "an object": b"{}",
        "deep": b"[" * 200_000,
        "deep objects": b'{"a":' * 5000 + b"1" + b"}" * 5000,
        "not UTF-8": b'{"a": "\xff\xfe"}',
        "nul": bytes(len(data)),
    }.items():
        yield Case(file, what, changed)


def _of_weights(file: str, data: bytes) -> Iterator[Case]:
    yield from _of_the_whole(file, data)
    length = int.from_bytes(data[:8], "little")
    header, body = json.loads(data[8 : 8 + length]), data[8 + length :]
    first = next(name for name in header if name != "__metadata__")
    yield Case(file, "without its last bytes", data[:-100])
    yield Case(file, "a header without end", (2**62).to_bytes(8, "little") + data[8:])
    for name in ("dtype", "shape", "data_offsets"):
        for value in (*VALUES, "I8", "F8_E4M3", [1], [2**40, 2**40], [-1, 3], [0, 10**18]):
            yield Case(file, f"{name} = {value!r:.40}", _weights(_changed(header, (first, name), value), body))
    for value in VALUES:
        yield Case(file, f"a tensor = {value!r:.40}", _weights(_changed(header, (first,), value), body))
        yield Case(file, f"metadata = {value!r:.40}", _weights(_changed(header, ("__metadata__",), value), body))
    yield Case(file, "a tensor more", _weights({**header, "more": header[first]}, body))
    yield Case(file, "not a number", data[: 8 + length] + b"\xff" * len(body))


def _weights(header: Any, body: bytes) -> bytes:
    text = json.dumps(header).encode()
    return len(text).to_bytes(8, "little") + text + body


def _changed(values: Any, path: tuple[str, ...], value: object) -> Any:
    copy = dict(values)
    if len(path) > 1:
        copy[path[0]] = _changed(values[path[0]], path[1:], value)
    elif value == REMOVED:
        copy.pop(path[0], None)
    else:
        copy[path[0]] = value
    return copy


def use(run: Path) -> None:
    """Do with a run what chat does, what eval and forget read of it, and what going on with it begins with."""
    from ventriloquist.chat import find_voice
    from ventriloquist.errors import ModelError
    from ventriloquist.model.adapter import load_adapter
    from ventriloquist.model.line_writer import LineWriter
    from ventriloquist.train.folder import check_resumable, recorded_settings
    from ventriloquist.transcript import Header, Line, render

    with contextlib.suppress(ModelError):
        check_resumable(run, recorded_settings(run), "h")
    voice = find_voice(run.parent.parent, run.name)
    adapter = load_adapter(run)
    session = LineWriter(adapter.model, adapter.tokenizer, max_tokens=4)
    context = render(Header("dm", ("Robin Oak", "Kim"), "2024-03-15"), [Line("Kim", "<1m", "hey")])
    names = list(dict.fromkeys([*voice.people[:2], "Kim"]))
    for _ in session.write([f"{line}\n" for line in context.split("\n") if line], names):
        pass


def try_folders(count: int, folder: Path, *, seed: int = 0) -> dict[str, Any]:
    """Use so many damaged runs, or all there are for 0; return what came of it.

    Raises:
        AssertionError: one ended otherwise than with two lines, took too long, or had code of its own executed.
    """
    from ventriloquist.errors import VentriloquistError

    marker = folder / "executed"
    sound = sound_run(folder / "home" / "runs" / "sound")
    booby_trap(sound, marker)
    use(sound)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    every = list(cases(sound))
    chosen = random.Random(seed).sample(every, count) if count else every
    bad: list[str] = []
    refused: Counter[str] = Counter()
    slowest = (0.0, "")
    for case in chosen:
        run = folder / "home" / "runs" / "stranger"
        shutil.copytree(sound, run, copy_function=os.link)
        (run / case.file).unlink()
        (run / case.file).write_bytes(case.data)
        begin = time.process_time()
        try:
            use(run)
        except VentriloquistError as error:
            refused[case.file] += 1
            if "\n" in error.what + error.hint:
                bad.append(f"{case.file}: {case.what}: {error.what!r} {error.hint!r}")
        except BaseException as error:  # also Rust's panics
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise
            bad.append(f"{case.file}: {case.what}:\n{''.join(traceback.format_exception(error)[-4:])}")
        slowest = max(slowest, (time.process_time() - begin, f"{case.file}: {case.what}"))
        if marker.exists():
            bad.append(f"{case.file}: {case.what}: code was executed")
            marker.unlink()
        shutil.rmtree(run)
        gc.collect()  # an error keeps what it was raised in
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 2**20
    assert not bad, f"{len(bad)} of {len(chosen)}:\n" + "\n".join(bad)
    assert slowest[0] < SECONDS, slowest
    assert grown < GIGABYTES, grown
    return {
        "folders": len(chosen),
        "refused": sum(refused.values()),
        "used": len(chosen) - sum(refused.values()),
        "refused_by_file": dict(refused),
        "slowest_cpu_seconds": round(slowest[0], 2),
        "slowest": slowest[1],
        "grown_gib": round(grown, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folders", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        print(json.dumps(try_folders(asked.folders, Path(name), seed=asked.seed)), flush=True)


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    main()
