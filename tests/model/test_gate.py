"""Folders of strangers: what is refused before a library reads it, and in which words."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from adapter_builder import build_run
from hostile_folders import try_folders
from safetensors.torch import load_file, save_file

from ventriloquist.errors import ModelError
from ventriloquist.model.adapter import load_adapter
from ventriloquist.model.base import Base, load_base, load_tokenizer
from ventriloquist.model.configs import KINDS, LINEARS, MAX_RANK, read_adapter_config
from ventriloquist.model.gate import explained
from ventriloquist.model.header import read_header
from ventriloquist.model.manifest import read_manifest


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_run(tmp_path_factory.mktemp("runs") / "built")


@pytest.fixture
def run(built: Path, tmp_path: Path) -> Path:
    """Return a copy of a run that can be used."""
    return Path(shutil.copytree(built, tmp_path / "run"))


def change(path: Path, **changes: object) -> None:
    """Change fields of a JSON file; None removes one."""
    values = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({name: value for name, value in values.items() if value is not None}))


def change_weights(path: Path, changed: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    save_file({name: weight.contiguous() for name, weight in changed(load_file(path)).items()}, path)


def refusal(run: Path) -> str:
    """Load an adapter that cannot be used, and return the two lines."""
    with pytest.raises(ModelError) as caught:
        load_adapter(run)
    assert "\n" not in caught.value.what + caught.value.hint
    return f"{caught.value.what}\n{caught.value.hint}"


@pytest.mark.slow
def test_no_folder_of_a_stranger_ends_in_a_traceback_a_hang_or_code(tmp_path: Path) -> None:
    found = try_folders(25, tmp_path, seed=int(os.environ.get("HOSTILE_SEED", "1")))
    assert 0 < found["refused"] < found["folders"]


@pytest.mark.parametrize("kind", ["gpt2", "gpt_neox", "bert", "phi3", "mixtral", "nothing"])
def test_a_kind_of_model_without_the_seven_linears_is_refused_by_its_name(run: Path, kind: str) -> None:
    change(run / "base/config.json", model_type=kind)
    what, hint = refusal(run).split("\n")
    assert f"of the kind {kind!r}" in what
    assert "qwen3" in hint


def test_every_kind_that_is_offered_has_the_seven_linears_in_every_layer() -> None:
    from transformers import AutoConfig

    from ventriloquist.model.fit import linears, skeleton

    for kind in KINDS:
        config = AutoConfig.for_model(
            kind,
            hidden_size=64,
            intermediate_size=96,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            vocab_size=300_000,  # beyond the ids that some have for padding
            head_dim=16,
        )
        assert {linear for _, linear, _, _ in linears(skeleton(config, kind))} == set(LINEARS)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"hidden_size": "192"}, "hidden_size"),
        ({"num_hidden_layers": 10**9}, "num_hidden_layers"),
        ({"vocab_size": 10**9}, "vocab_size"),
        ({"num_attention_heads": True}, "num_attention_heads"),
        ({"num_attention_heads": 3}, "not fit its config.json"),
        ({"hidden_act": "nothing"}, "nothing"),
        ({"quantization_config": {"quant_method": "gptq", "bits": 4}}, "quantised"),
        ({"attn_implementation": "somebody/kernel"}, "code of the hub"),
        ({"layer_types": ["full_attention"] * 10_000}, "too long"),
        ({"num_hidden_layers": 5, "layer_types": None}, "missing"),
        ({"num_hidden_layers": 3, "layer_types": None}, "unknown to the model"),
        ({"intermediate_size": 577}, "not fit its config.json"),
        ({"vocab_size": 300}, "tokens, the model 300"),
    ],
)
def test_a_configuration_that_no_model_has_or_that_its_weights_do_not_fit_is_refused(
    run: Path, changes: dict[str, object], said: str
) -> None:
    change(run / "base/config.json", **changes)
    assert said in refusal(run)


def test_a_configuration_that_turns_outputs_the_other_way_can_be_used(run: Path) -> None:
    change(run / "base/config.json", return_dict=False, output_hidden_states=True, use_cache=False)
    load_adapter(run)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"peft_type": "PROMPT_TUNING", "num_virtual_tokens": 8}, "PROMPT_TUNING"),
        ({"target_modules": "(a+)+$"}, "target_modules: input should be a valid list"),
        ({"target_modules": ["lm_head"]}, "lm_head"),
        ({"target_modules": []}, "target_modules"),
        ({"lora_alpha": "16"}, "lora_alpha"),
        ({"lora_alpha": float("inf")}, "lora_alpha"),
        ({"r": 200_000_000}, "less than or equal to 1024"),
        ({"r": True}, "r:"),
        ({"r": 8}, "is 4 x"),
        ({"use_dora": True}, "use_dora"),
        ({"init_lora_weights": "pissa"}, "changed the base model's own weights"),
        ({"init_lora_weights": ["x"]}, "changed the base model's own weights"),
        ({"rank_pattern": {"(a+)+$": 4}}, "rank_pattern"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
        ({"bias": "all"}, "bias"),
        ({"a_later_kind_of_lora": {"x": 1}}, "a_later_kind_of_lora"),
    ],
)
def test_an_adapter_that_is_not_plain_lora_of_a_bounded_rank_is_refused(
    run: Path, changes: dict[str, object], said: str
) -> None:
    change(run / "adapter_config.json", **changes)
    assert said in refusal(run)


def test_plain_lora_with_a_list_of_modules_is_read(run: Path) -> None:
    config = read_adapter_config(run)
    assert (config.r, sorted(config.target_modules)) == (4, ["q_proj", "v_proj"])
    assert config.r <= MAX_RANK


@pytest.mark.parametrize("place", ["adapter_model.safetensors", "base/model.safetensors"])
@pytest.mark.parametrize("kept", [0, 4, 100, -100])
def test_weights_that_are_cut_off_are_refused(run: Path, place: str, kept: int) -> None:
    path = run / place
    path.write_bytes(path.read_bytes()[:kept])
    assert path.name in refusal(run)


def test_a_header_that_lies_about_its_tensors_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.safetensors"
    for entry, said in (
        ({"dtype": "F32", "shape": [2**40, 2**40], "data_offsets": [0, 4]}, "does not have the length"),
        ({"dtype": "F32", "shape": [1], "data_offsets": [0, 400]}, "cut off"),
        ({"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}, "does not describe"),
        ({"dtype": "I8", "shape": [4], "data_offsets": [0, 4]}, "quantised"),
        ([], "does not describe"),
    ):
        header = json.dumps({"weight": entry}).encode()
        path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
        with pytest.raises(ValueError, match=said):
            read_header(path)


def test_an_adapter_with_a_tensor_less_more_or_of_another_shape_is_an_error(run: Path) -> None:
    path = run / "adapter_model.safetensors"
    whole = path.read_bytes()
    change_weights(path, lambda weights: dict(list(weights.items())[2:]))
    assert "incomplete: 2 of 16" in refusal(run)
    path.write_bytes(whole)
    change_weights(path, lambda weights: {name.replace("v_proj", "k_proj"): weight for name, weight in weights.items()})
    assert "which has no" in refusal(run)
    path.write_bytes(whole)
    change_weights(path, lambda weights: {f"x.{name}": weight for name, weight in weights.items()})
    assert "another base model" in refusal(run)
    path.write_bytes(whole)
    change_weights(path, lambda weights: {name: weight * float("nan") for name, weight in weights.items()})
    assert "not finite" in refusal(run)


def test_fewer_modules_than_the_manifest_says_were_trained_are_an_error(run: Path) -> None:
    """The file and its configuration agree, and half of what was learnt is gone."""
    manifest = read_manifest(run)
    settings = manifest.settings | {"rank": 4, "alpha": 8, "top_layers": None}
    manifest.model_copy(update={"settings": settings}).write(run)
    assert "was changed after training" in refusal(run)


def test_a_base_of_another_kind_or_with_another_tokenizer_is_an_error(run: Path) -> None:
    from ventriloquist.model.tokens import sample_hash

    base = Base(str(run / "base"))
    manifest = read_manifest(run)
    manifest.model_copy(update={"base_kind": "qwen3", "tokens_hash": sample_hash(load_tokenizer(base))}).write(run)
    load_adapter(run)
    manifest.model_copy(update={"base_kind": "llama"}).write(run)
    assert "of the kind 'llama'" in refusal(run)
    manifest.model_copy(update={"tokens_hash": "0"}).write(run)
    assert "another tokenizer" in refusal(run)


def test_a_base_that_lacks_a_weight_is_an_error(run: Path) -> None:
    change_weights(run / "base/model.safetensors", lambda weights: dict(list(weights.items())[:-1]))
    assert "incomplete: 1 of" in refusal(run)
    with pytest.raises(ModelError, match="incomplete"):
        load_base(Base(str(run / "base")), device="cpu")


def test_a_base_whose_weights_are_no_numbers_is_an_error(run: Path) -> None:
    change_weights(
        run / "base/model.safetensors",
        lambda weights: {name: weight * float("nan") for name, weight in weights.items()},
    )
    assert "computes NaN" in refusal(run)


def test_a_tokenizer_that_carries_no_grammar_is_refused(run: Path) -> None:
    from ventriloquist.model.grammar import LineGrammar

    slow = SimpleNamespace(get_vocab=lambda: {"a": 0}, eos_token_id=0)  # no tokens of bytes can be had of it
    with pytest.raises(ModelError, match="grammar of a line cannot be built"):
        LineGrammar(slow, 10)


def test_a_pipe_in_a_folder_is_not_opened(run: Path) -> None:
    (run / "base/config.json").unlink()
    os.mkfifo(run / "base/config.json")
    assert "it is a pipe, a socket or a device" in refusal(run)


def test_an_index_may_not_name_files_elsewhere(run: Path) -> None:
    (run / "base/model.safetensors").unlink()
    index = run / "base/model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"model.norm.weight": "../adapter_model.safetensors"}}))
    assert "outside of its folder" in refusal(run)
    index.write_text(json.dumps({"weight_map": {"model.norm.weight": "missing.safetensors"}}))
    assert "missing.safetensors" in refusal(run)


def test_a_panic_of_rust_is_two_lines_and_its_report_is_not_shown(run: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = run / "base/tokenizer.json"
    tokenizer = json.loads(path.read_text())
    tokenizer["model"]["continuing_subword_prefix"] = "longer than a token"
    path.write_text(json.dumps(tokenizer))
    assert "PanicException" in refusal(run)
    assert "panicked" not in capfd.readouterr().err


def test_whatever_a_library_raises_becomes_two_lines() -> None:
    class PanicException(BaseException):
        """As Rust's panics reach Python."""

    for raised in (
        KeyError("x"),
        RecursionError("deep"),
        PanicException("called unwrap\non None"),
        ZeroDivisionError(),
    ):
        with pytest.raises(ModelError, match="The folder cannot be read: ") as caught:
            with explained("The folder cannot be read", "Use another."):
                raise raised
        assert "\n" not in caught.value.what
    with pytest.raises(KeyboardInterrupt):
        with explained("", ""):
            raise KeyboardInterrupt
    assert torch.is_grad_enabled()
