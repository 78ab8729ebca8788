"""Merge an adapter into its base model: a plain folder that other programs can load, serve or convert."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from ventriloquist.errors import ModelError, StorageError
from ventriloquist.fs import new_folder, size, write_json
from ventriloquist.model.adapter import load_adapter
from ventriloquist.model.gate import CONFIG, read_json
from ventriloquist.model.manifest import MERGED, Manifest, read_manifest
from ventriloquist.model.sampling import MIN_P, REPEAT_PENALTY, TEMPERATURE, TOP_K, TOP_P
from ventriloquist.model.tokens import adds_bos
from ventriloquist.transcript import Header, Line, render

GGUF = "model.gguf"
TOKENIZER_CONFIG = "tokenizer_config.json"
CONTEXT_TOKENS = 4096  # of a server, at least: `vq chat --endpoint` sends no more unless a manifest says so
GGUF_TYPE = "q8_0"  # half of 16 bits, and needs no calibration; llama.cpp's own tool makes smaller files of it

CARD = """\
# A private model

This model was fine-tuned on private messages of {owner} with {others}. It imitates them, but they did not write what it
writes. It can also repeat their own words. Keep it to yourself: do not publish it, and tell anyone who talks to it what
it is.

`vq merge` made it from the run {run}, trained on {base}. It is a completion model: it continues a transcript.

    {example}
"""


@dataclass(frozen=True, slots=True)
class MergePlan:
    """A merge that can start."""

    run: Path  # the folder of a finished run
    folder: Path  # of the merged model; does not exist yet
    manifest: Manifest
    converter: Path | None


@dataclass(frozen=True, slots=True)
class MergeSummary:
    """What was written."""

    folder: str
    run: str
    base: str
    people: list[str]
    gigabytes: float
    gguf: str | None


def plan(run: Path, folder: Path, converter: Path | None = None) -> MergePlan:
    """Plan to write the merged model of a run into a folder that does not exist yet.

    Args:
        converter: llama.cpp's `convert_hf_to_gguf.py`, to write a GGUF file as well.

    Raises:
        ModelError: the run is not finished or merged already, or the converter is missing.
        StorageError: the folder exists.
    """
    if os.path.lexists(folder):
        raise StorageError(f"{folder} exists already.", hint="Name another folder with --output.")
    if converter and not converter.is_file():
        hint = "Name llama.cpp's convert_hf_to_gguf.py; see docs/merge.md."
        raise ModelError(f"{converter} is not a file.", hint=hint)
    manifest = read_manifest(run)
    if manifest.base_model == MERGED:
        raise ModelError(f"{run} is merged already.", hint="Name the run it was made from with --run.")
    return MergePlan(run, folder, manifest, converter)


def run(plan: MergePlan) -> MergeSummary:
    """Write the merged model, its tokenizer, a manifest, a card and a Modelfile. The folder appears when it is whole.

    Raises:
        MissingExtraError: the `train` extra is not installed.
        ModelError: the adapter or its base cannot be used, or the converter fails.
        StorageError: the folder cannot be written.
    """
    adapter = load_adapter(plan.run, to_merge=True).merged()
    from safetensors import SafetensorError

    folder, manifest, converter = plan.folder, plan.manifest, plan.converter
    try:
        with new_folder(folder) as growing:
            adapter.model.save_pretrained(growing)
            adapter.tokenizer.save_pretrained(growing)
            _suit_older_readers(growing, bos=adds_bos(adapter.tokenizer))
            manifest.model_copy(update={"base_model": MERGED, "base_revision": None}).write(growing)
            if converter:
                _convert(growing, converter, name=folder.name)
            _describe(growing, plan.run, manifest)
            for path in growing.iterdir():
                path.chmod(0o600)  # whatever the umask
    except (OSError, SafetensorError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or error
        raise StorageError(
            f"{folder} cannot be written: {why}.", hint="Free some space, or name another folder with --output."
        ) from None
    return MergeSummary(
        folder=str(folder),
        run=plan.run.name,
        base=_base_name(manifest),
        people=manifest.people,
        gigabytes=round(size(folder) / 1e9, 2),
        gguf=str(folder / GGUF) if converter else None,
    )


def _suit_older_readers(folder: Path, *, bos: bool) -> None:
    """Add the keys of transformers 4, which other programs still look for.

    Without `rope_theta` some of them take 10,000 and write nonsense. No other program knows the tokenizer's class.
    llama.cpp's converter does not read from tokenizer.json whether BOS comes first, but from `add_bos_token`.
    Remove this when vLLM and mlx_lm read `rope_parameters` for every model.
    """
    config = read_json(folder / CONFIG)
    rope = config.get("rope_parameters") or {}
    if "rope_theta" in rope:
        config["rope_theta"] = rope["rope_theta"]
        if rope.get("rope_type", "default") != "default":
            config["rope_scaling"] = rope
    if "dtype" in config:
        config["torch_dtype"] = config["dtype"]
    write_json(folder / CONFIG, config, indent=2)
    tokenizer = read_json(folder / TOKENIZER_CONFIG)
    if tokenizer.get("tokenizer_class") == "TokenizersBackend":
        tokenizer["tokenizer_class"] = "PreTrainedTokenizerFast"
    tokenizer |= {"add_bos_token": bos, "add_eos_token": False}
    for ours in ("is_local", "local_files_only", "backend"):
        tokenizer.pop(ours, None)
    write_json(folder / TOKENIZER_CONFIG, tokenizer, indent=2)


def _convert(folder: Path, converter: Path, *, name: str) -> None:
    command = [sys.executable, str(converter), str(folder), "--outfile", str(folder / GGUF), "--outtype", GGUF_TYPE]
    command += ["--model-name", name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # the user named it
    if done.returncode or not (folder / GGUF).exists():
        last = (done.stderr.strip() or "it gave no reason").split("\n")[-1]
        raise ModelError(
            f"The converter failed: {last}", hint="Merge without --gguf; docs/merge.md says which converter fits."
        )


def _describe(folder: Path, run: Path, manifest: Manifest) -> None:
    owner, *others = manifest.people or ["somebody"]
    header = Header("dm", (owner, others[0] if others else owner), "2024-03-15")
    card = CARD.format(
        owner=owner,
        others=", ".join(others) or "others",
        run=run.name,
        base=_base_name(manifest),
        example=render(header, [Line(owner, "<1m", "hey")]).replace("\n", "\n    ").rstrip(),
    )
    (folder / "README.md").write_text(card, encoding="utf-8")
    parameters = {
        "temperature": TEMPERATURE,
        "min_p": MIN_P,
        "top_p": TOP_P,
        "top_k": TOP_K,
        "repeat_penalty": REPEAT_PENALTY,
        "stop": '"\n"',  # a completion is one line; Ollama reads \n in quotes as a backslash and an n
        "num_ctx": max(CONTEXT_TOKENS, manifest.max_length),
    }
    modelfile = [
        f"FROM ./{GGUF}" if (folder / GGUF).exists() else "FROM .",
        'TEMPLATE """{{ .Prompt }}"""',  # the bare prompt: the model continues a transcript and knows no chat roles
        *(f"PARAMETER {name} {value}" for name, value in parameters.items()),
    ]
    (folder / "Modelfile").write_text("\n".join(modelfile) + "\n", encoding="utf-8")


def _base_name(manifest: Manifest) -> str:
    return str(manifest.settings.get("model", manifest.base_model))
