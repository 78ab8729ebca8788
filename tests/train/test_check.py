"""What does not fit is refused before a step is taken, and before a run folder is left behind."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from pydantic import ValidationError
from safetensors.torch import load_file, save_file
from stages import train
from tokenizers import Tokenizer, normalizers, pre_tokenizers, processors

from ventriloquist.errors import ModelError
from ventriloquist.model.base import Base
from ventriloquist.model.corpus import Corpus
from ventriloquist.model.manifest import read_manifest
from ventriloquist.store import Connection
from ventriloquist.train import TrainSettings, plan, preset
from ventriloquist.train.folder import DATA, begin, check_resumable

QUICK = preset("tiny").changed(
    max_steps=1, max_length=512, targets_per_window=8, context=8, window=9, rank=4, alpha=8, validations=0
)


@pytest.fixture
def model_folder(base: Base, tmp_path: Path) -> Path:
    """Return a folder with a base model of the user's own."""
    return Path(shutil.copytree(base.source, tmp_path / "base"))


def change(path: Path, **changes: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def refused(db: Connection, home: Path, folder: Path, said: str) -> None:
    """Check that the plan refuses a base model in one line and a hint, and that nothing stays."""
    with pytest.raises(ModelError, match=said) as caught:
        plan(db, QUICK.changed(model=str(folder)), home=home)
    assert "\n" not in caught.value.what + caught.value.hint
    assert not list((home / "runs").glob("*"))


def test_a_base_that_lacks_a_weight_is_refused(prepared: Connection, home: Path, model_folder: Path) -> None:
    weights = load_file(model_folder / "model.safetensors")
    weights.pop("model.layers.2.mlp.up_proj.weight")
    save_file(weights, model_folder / "model.safetensors")
    refused(prepared, home, model_folder, r"1 of \d+ weights are missing, model.layers.2.mlp.up_proj.weight")


def test_fused_projections_are_refused(prepared: Connection, home: Path, model_folder: Path) -> None:
    change(model_folder / "config.json", model_type="phi3", architectures=["Phi3ForCausalLM"])
    refused(prepared, home, model_folder, "kind 'phi3', .* its layers do not consist of q_proj")


def test_ids_beyond_the_vocabulary_are_refused(prepared: Connection, home: Path, model_folder: Path) -> None:
    tokenizer = Tokenizer.from_file(str(model_folder / "tokenizer.json"))
    tokenizer.add_tokens(["zzyzx"])
    tokenizer.save(str(model_folder / "tokenizer.json"))
    refused(prepared, home, model_folder, "tokens, the model")


def test_a_tokenizer_that_joins_lines_is_refused(prepared: Connection, home: Path, model_folder: Path) -> None:
    tokenizer = Tokenizer.from_file(str(model_folder / "tokenizer.json"))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.ByteLevel(add_prefix_space=True, use_regex=False)]
    )
    tokenizer.save(str(model_folder / "tokenizer.json"))
    refused(prepared, home, model_folder, r"The tokenizer of .* (does not decode|encodes a line differently)")


def test_a_tokenizer_that_changes_a_name_is_refused(prepared: Connection, home: Path, model_folder: Path) -> None:
    tokenizer = Tokenizer.from_file(str(model_folder / "tokenizer.json"))
    tokenizer.normalizer = normalizers.Replace("Aidan", "Adrian")
    tokenizer.save(str(model_folder / "tokenizer.json"))
    refused(prepared, home, model_folder, "spells a name differently")


def test_rows_are_cut_to_what_the_base_reads_and_the_plan_says_so(
    prepared: Connection, home: Path, model_folder: Path
) -> None:
    change(model_folder / "config.json", max_position_embeddings=256)
    summary = train(prepared, QUICK.changed(model=str(model_folder)), home=home)
    assert "rows are cut from 512 to 256 tokens" in summary.plan.advice[0]
    manifest = read_manifest(Path(summary.run))
    assert manifest.max_length == manifest.settings["max_length"] == 256  # chat shows it no more either
    change(model_folder / "config.json", max_position_embeddings=20)
    with pytest.raises(ModelError, match="reads 20 tokens, too few"):
        plan(prepared, QUICK.changed(model=str(model_folder)), home=home)


def test_the_manifest_says_of_which_kind_the_base_is_and_how_it_encodes(
    prepared: Connection, home: Path, model_folder: Path
) -> None:
    from ventriloquist.model.adapter import load_adapter

    run = Path(train(prepared, QUICK.changed(model=str(model_folder)), home=home).run)
    assert read_manifest(run).base_kind == "qwen3"
    load_adapter(run)
    config = json.loads((model_folder / "config.json").read_text())
    (model_folder / "config.json").write_text(json.dumps(config | {"model_type": "llama"}))
    with pytest.raises(ModelError):  # the same shapes but for the norms of queries and keys
        load_adapter(run)
    (model_folder / "config.json").write_text(json.dumps(config))
    template = processors.TemplateProcessing(single="<|endoftext|> $A", special_tokens=[("<|endoftext|>", 0)])
    tokenizer = Tokenizer.from_file(str(model_folder / "tokenizer.json"))
    tokenizer.post_processor = template
    tokenizer.save(str(model_folder / "tokenizer.json"))
    with pytest.raises(ModelError, match="another tokenizer"):
        load_adapter(run)


def test_an_adapter_that_is_not_whole_or_damaged_is_not_trained_on(
    prepared: Connection, home: Path, model_folder: Path
) -> None:
    settings = QUICK.changed(model=str(model_folder))
    first = Path(train(prepared, settings, home=home).run)
    later = settings.changed(continue_from=first.name)
    weights = load_file(first / "adapter_model.safetensors")
    whole = (first / "adapter_model.safetensors").read_bytes()
    save_file(dict(list(weights.items())[1:]), first / "adapter_model.safetensors")
    with pytest.raises(ModelError, match="incomplete: 1 of"):
        plan(prepared, later, home=home)
    (first / "adapter_model.safetensors").write_bytes(whole)
    manifest = read_manifest(first)
    for damage in ({}, {"model": str(model_folder), "rank": 4, "alpha": "8"}, {"model": str(model_folder), "rank": []}):
        manifest.model_copy(update={"settings": damage}).write(first)
        with pytest.raises(ModelError):
            plan(prepared, later, home=home)
    assert [path.name for path in (home / "runs").iterdir()] == [first.name]


@pytest.mark.parametrize("data", ["{}", "[]", "", "7", '{"data_hash": 1}', "[" * 100_000])
def test_a_run_whose_data_file_is_damaged_is_not_gone_on_with(home: Path, data: str) -> None:
    folder = home / "runs" / "begun"
    begin(folder, QUICK, "hash")
    (folder / DATA).write_text(data)
    with pytest.raises(ModelError, match="damaged"):
        check_resumable(folder, QUICK, "hash")


def test_the_rank_is_bounded() -> None:
    with pytest.raises(ValidationError):
        TrainSettings(rank=200_000_000)


def test_a_corpus_begins_every_document_as_its_tokenizer_does(corpus: Corpus) -> None:
    conversation = corpus.conversations[0]
    header = corpus.header(conversation, 0)
    assert corpus.tokenizer.decode(corpus.header_tokens(conversation, 0).tolist()) == header
