"""Merge an adapter into its base model: one plain folder that other programs can load, serve or convert."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ventriloquist.errors import ModelError, StorageError
from ventriloquist.fs import new_folder
from ventriloquist.model.adapter import load_adapter
from ventriloquist.model.manifest import MERGED, Manifest
from ventriloquist.model.tokens import adds_bos
from ventriloquist.transcript import Header, Line, render

GGUF = "model.gguf"
CONTEXT_TOKENS = 4096  # a server is given at least so many: what it is asked for where no manifest says less
GGUF_TYPE = "q8_0"  # half of 16 bits, and no calibration needed; llama.cpp's own tool makes smaller ones of it

CARD = """\
# A private model

This model was fine-tuned on private messages of {owner} with {others}, and imitates them. They said none of what it
writes, and it can repeat what they wrote. Keep it to yourself: do not publish it, and tell whoever talks to it what
it is.

Made by `vq merge` of the run {run}, trained on {base}. It is a completion model: give it a transcript and it goes on.

    {example}
"""

# The template is the bare prompt: a transcript is text to be continued, not a chat of roles. A line is one completion.
# Ollama takes what stands between quotes as it is: \n there is a backslash and an n.
MODELFILE = """\
FROM {source}
TEMPLATE \"\"\"{{{{ .Prompt }}}}\"\"\"
PARAMETER temperature 0.9
PARAMETER min_p 0.05
PARAMETER top_p 1
PARAMETER top_k 0
PARAMETER repeat_penalty 1
PARAMETER stop "
"
PARAMETER num_ctx {context}
"""


@dataclass(frozen=True, slots=True)
class MergeSummary:
    """What was written."""

    folder: str
    run: str
    base: str
    people: list[str]
    gigabytes: float
    gguf: str | None


def merge(run: Path, folder: Path, *, converter: Path | None = None) -> MergeSummary:
    """Write the merged model, its tokenizer, a manifest, a card and a Modelfile into a new folder.

    Args:
        run: the folder of a finished run.
        folder: must not exist; appears whole or not at all.
        converter: llama.cpp's `convert_hf_to_gguf.py`, to write a GGUF file as well.

    Raises:
        MissingExtraError: the `train` extra is not installed.
        ModelError: the run or its base cannot be used, or the converter fails.
        StorageError: the folder exists or cannot be written.
    """
    if os.path.lexists(folder):
        raise StorageError(f"{folder} exists already.", hint="Name another folder with --output.")
    if converter and not converter.is_file():
        raise ModelError(f"{converter} is no file.", hint="Name llama.cpp's convert_hf_to_gguf.py; see docs/merge.md.")
    adapter = load_adapter(run, to_merge=True)
    from safetensors import SafetensorError

    manifest = adapter.manifest
    if manifest.base_model == MERGED:
        raise ModelError(f"{run} is merged already.", hint="Name the run it was made from with --run.")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with new_folder(folder) as growing:
            adapter.model.merge_and_unload().save_pretrained(growing)
            adapter.tokenizer.save_pretrained(growing)
            _suit_older_readers(growing, bos=adds_bos(adapter.tokenizer))
            manifest.model_copy(update={"base_model": MERGED, "base_revision": None}).write(growing)
            if converter:
                _convert(growing, converter, name=folder.name)
            _describe(growing, run, manifest)
            for path in growing.iterdir():
                path.chmod(0o600)  # whatever the umask
    except (OSError, SafetensorError) as error:
        why = (error.strerror if isinstance(error, OSError) else None) or error
        raise StorageError(
            f"{folder} cannot be written: {why}.", hint="Free some space, or name another folder with --output."
        ) from None
    written = sum(path.stat().st_size for path in folder.iterdir())
    return MergeSummary(
        str(folder),
        run.name,
        _base_name(manifest),
        manifest.people,
        round(written / 1e9, 2),
        str(folder / GGUF) if converter else None,
    )


def _suit_older_readers(folder: Path, *, bos: bool) -> None:
    """Say what transformers 5 says in the words of transformers 4, too, which other programs still look for.

    Without `rope_theta` some of them take 10,000 and write nonsense, and no other program knows the tokenizer's class.
    What is put before a prompt stands in tokenizer.json; llama.cpp's converter reads `add_bos_token` and would guess.
    To be removed when vLLM and mlx_lm read `rope_parameters` for every model.
    """
    path = folder / "config.json"
    config: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    rope = config.get("rope_parameters") or {}
    if "rope_theta" in rope:
        config["rope_theta"] = rope["rope_theta"]
        if rope.get("rope_type", "default") != "default":
            config["rope_scaling"] = rope
    if "dtype" in config:
        config["torch_dtype"] = config["dtype"]
    path.write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
    path = folder / "tokenizer_config.json"
    tokenizer: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if tokenizer.get("tokenizer_class") == "TokenizersBackend":
        tokenizer["tokenizer_class"] = "PreTrainedTokenizerFast"
    tokenizer |= {"add_bos_token": bos, "add_eos_token": False}
    for ours in ("is_local", "local_files_only", "backend"):
        tokenizer.pop(ours, None)
    path.write_text(json.dumps(tokenizer, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def _convert(folder: Path, converter: Path, *, name: str) -> None:
    """Run llama.cpp's converter, a program of its own, on the folder."""
    command = [sys.executable, str(converter), str(folder), "--outfile", str(folder / GGUF), "--outtype", GGUF_TYPE]
    command += ["--model-name", name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  # the user named it
    if done.returncode or not (folder / GGUF).exists():
        last = (done.stderr.strip() or "it says nothing").split("\n")[-1]
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
    source = f"./{GGUF}" if (folder / GGUF).exists() else "."
    modelfile = MODELFILE.format(source=source, context=max(CONTEXT_TOKENS, manifest.max_length))
    (folder / "Modelfile").write_text(modelfile, encoding="utf-8")


def _base_name(manifest: Manifest) -> str:
    return str(manifest.settings.get("model", manifest.base_model))
