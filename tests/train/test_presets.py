"""Presets are data with reasons; flags stand over a configuration, and that over the model's preset."""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import pytest

from ventriloquist import train
from ventriloquist.chat.stage import START_MESSAGES
from ventriloquist.errors import SettingsError
from ventriloquist.train import TrainSettings
from ventriloquist.train.presets import MEMORY, PRESETS, preset, resolve_settings
from ventriloquist.windows import WINDOW_SIZE

FOLDER = Path(train.__file__).parent / "presets"
TOKENS_OF_A_MESSAGE = 33
QWEN_8B = "unsloth/Qwen3-8B-Base"


@pytest.mark.parametrize("name", PRESETS)
def test_every_value_of_a_preset_says_why(name: str) -> None:
    text = (FOLDER / f"{name}.toml").read_text(encoding="utf-8")
    for line in text.splitlines():
        key = line.split(" = ")[0]
        assert line.startswith("#") or "  # " in line or key in ("model", MEMORY), line
    assert set(tomllib.loads(text)) - {MEMORY} <= set(TrainSettings.model_fields)


def test_every_preset_file_is_listed() -> None:
    assert {path.stem for path in FOLDER.glob("*.toml")} == set(PRESETS)


def test_rank_and_alpha_are_the_recipes_unless_a_preset_is_for_a_cpu() -> None:
    shapes = {name: (p.settings.rank, p.settings.alpha) for name, p in PRESETS.items() if name.startswith("qwen")}
    assert set(shapes.values()) == {(128, 256)}


@pytest.mark.parametrize(
    ("memory", "name"),
    [(None, "80gb"), (79.1, "80gb"), (47.5, "32gb"), (31.4, "32gb"), (23.6, "24gb"), (15.6, "16gb"), (11.0, "16gb")],
)
def test_the_device_decides_among_the_presets_of_a_model(memory: float | None, name: str) -> None:
    assert preset(QWEN_8B, memory) == PRESETS[f"qwen3-8b-{name}"].settings


def test_a_model_without_a_preset_gets_the_default_models() -> None:
    for memory in (None, 12, 24):  # whatever the card: it may be a small model
        assert preset("somebody/else", memory).changed(model=QWEN_8B) == PRESETS["qwen3-8b-80gb"].settings


@pytest.mark.parametrize(
    ("model", "same_as"),
    [
        ("Qwen/Qwen3-8B-Base", QWEN_8B),
        ("qwen/qwen3-8b-BASE", QWEN_8B),
        ("Qwen/Qwen3-8B", QWEN_8B),  # trained further: the same shape
        ("somebody/Qwen3-1.7B-Base", "unsloth/Qwen3-1.7B-Base"),
        ("HuggingFaceTB/SmolLM2-135M", "smollm2"),
    ],
)
@pytest.mark.parametrize("memory", [None, 8, 16, 24, 40, 80])
def test_a_model_of_another_owner_gets_the_same_preset(model: str, same_as: str, memory: float | None) -> None:
    assert preset(model, memory) == preset(same_as, memory).changed(model=model)


@pytest.mark.parametrize("model", ["somebody/tiny", "somebody/Qwen3-8B-Base-GGUF", "Qwen/Qwen3-14B-Base", "Qwen3-8B/x"])
def test_a_model_that_only_sounds_alike_has_no_preset(model: str) -> None:
    assert preset(model, 24) == preset(QWEN_8B).changed(model=model)


def test_a_folder_is_known_by_its_configuration_and_not_by_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "Qwen3-8B-Base"
    folder.mkdir()
    shape = {"model_type": "qwen3", "hidden_size": 2560, "intermediate_size": 9728, "num_hidden_layers": 36}
    (folder / "config.json").write_text(json.dumps(shape), encoding="utf-8")
    assert preset(str(folder), 16) == preset("unsloth/Qwen3-4B-Base", 16).changed(model=str(folder))
    for text in ("{", json.dumps({**shape, "hidden_size": [2560]}), json.dumps({**shape, "num_hidden_layers": 35})):
        (folder / "config.json").write_text(text, encoding="utf-8")
        assert preset(str(folder), 16) == preset("somebody/else").changed(model=str(folder))


@pytest.mark.parametrize("name", ["~no-such-user/Qwen3-8B-Base", f"{'a' * 300}/Qwen3-8B-Base"])
def test_a_name_that_no_folder_can_have_gets_a_preset_all_the_same(name: str) -> None:
    assert resolve_settings(None, {"model": name}, memory_gib=24) == preset(QWEN_8B, 24).changed(model=name)


def test_a_configuration_of_an_unknown_user_is_one_line() -> None:
    with pytest.raises(SettingsError, match="neither a preset nor a file"):
        resolve_settings("~no-such-user/settings.toml", {})


def test_weights_in_four_bits_are_for_cuda_unless_they_are_asked_for() -> None:
    qwen_4b = "unsloth/Qwen3-4B-Base"
    assert preset(qwen_4b, 16).four_bit
    assert not preset(qwen_4b).four_bit
    assert not resolve_settings("qwen3-8b-16gb", {}).four_bit
    assert resolve_settings(None, {"model": qwen_4b, "four_bit": True}).four_bit


def test_flags_stand_over_the_configuration_and_that_over_the_preset(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('model = "tiny"\nrank = 8\nlearning_rate = 0.5  # mine\n', encoding="utf-8")
    settings = resolve_settings(str(file), {"learning_rate": 0.25, "epochs": None})
    assert (settings.model, settings.learning_rate, settings.rank, settings.alpha) == ("tiny", 0.25, 8, 16)
    assert settings.max_steps == PRESETS["tiny"].settings.max_steps
    assert resolve_settings(str(file), {"rank": 4}).alpha == 8
    assert resolve_settings(str(file), {"model": "smollm2"}).context == PRESETS["smollm2"].settings.context


@pytest.mark.parametrize("name", [name for name in PRESETS if name.startswith("qwen")])
def test_a_block_of_a_preset_for_a_gpu_has_context_as_a_chat_shows_it(name: str) -> None:
    settings = PRESETS[name].settings
    assert settings.context == START_MESSAGES - 1  # before the message that a chat writes first
    contexts = range(settings.context, settings.context + settings.targets_per_window)
    assert sum(context < WINDOW_SIZE for context in contexts) > 0.75 * len(contexts)
    assert contexts.stop * TOKENS_OF_A_MESSAGE < 0.95 * settings.max_length  # and a block fits into a row


@pytest.mark.parametrize("name", [name for name in PRESETS if name.startswith("qwen")])
def test_one_target_per_window_gives_literal_windows_of_a_hundred_messages(name: str, tmp_path: Path) -> None:
    by_flag = resolve_settings(name, {"targets_per_window": 1})
    by_model = resolve_settings(None, {"model": PRESETS[name].settings.model, "targets_per_window": 1})
    file = tmp_path / "mine.toml"
    file.write_text(f'model = "{by_flag.model}"\ntargets_per_window = 1\n', encoding="utf-8")
    for settings in (by_flag, by_model, resolve_settings(str(file), {})):
        assert (settings.context, settings.targets_per_window, settings.window) == (99, 1, 100)


def test_one_target_per_window_has_the_presets_own_window_and_a_context_that_is_set_stays(tmp_path: Path) -> None:
    assert resolve_settings("smollm2", {"targets_per_window": 1}).context == PRESETS["smollm2"].settings.window - 1
    file = tmp_path / "mine.toml"
    file.write_text("targets_per_window = 1\ncontext = 20\n", encoding="utf-8")
    assert resolve_settings(str(file), {}).context == 20
    file.write_text('targets_per_window = 1\nwindow = "wide"\n', encoding="utf-8")
    with pytest.raises(SettingsError, match="window"):
        resolve_settings(str(file), {})


def test_a_presets_name_and_an_earlier_runs_settings_are_configurations(tmp_path: Path) -> None:
    chosen = resolve_settings("qwen3-8b-16gb", {"seed": 7}, memory_gib=80)
    assert chosen == PRESETS["qwen3-8b-16gb"].settings.changed(seed=7)
    file = tmp_path / "settings.json"
    file.write_text(chosen.model_dump_json(), encoding="utf-8")
    assert resolve_settings(str(file), {}) == chosen


@pytest.mark.parametrize("said", [True, False])
@pytest.mark.parametrize("suffix", [".toml", ".json"])
def test_settings_of_0_1_0_are_read_under_their_names_of_then(tmp_path: Path, suffix: str, said: bool) -> None:
    file = tmp_path / f"mine{suffix}"
    table = {"model": "tiny", "recompute": said}
    text = json.dumps(table) if suffix == ".json" else f'model = "tiny"\nrecompute = {str(said).lower()}\n'
    file.write_text(text, encoding="utf-8")
    assert resolve_settings(str(file), {}).gradient_checkpointing is said
    assert TrainSettings.model_validate(table).gradient_checkpointing is said
    assert "recompute" not in resolve_settings(str(file), {}).model_dump()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("rank = 0", "rank"),
        ("seed = -1", "seed"),
        ("ranks = 3", "ranks"),
        ('recompute = "maybe"', "gradient_checkpointing"),
        ("rank = ", "neither a preset nor a file"),
        ('learning_rate = "high"', "learning_rate"),
        ('rank = "many"', "rank"),
        ("learning_rate = inf", "learning_rate"),
        ("learning_rate = 1e300", "learning_rate"),
        ("max_minutes = inf", "max_minutes"),
        ("max_grad_norm = nan", "max_grad_norm"),
    ],
)
def test_a_configuration_that_makes_no_sense_is_refused_by_name(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "mine.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(SettingsError, match=says):
        resolve_settings(str(file), {})


def test_a_configuration_that_is_not_there_names_the_presets() -> None:
    with pytest.raises(SettingsError) as error:
        resolve_settings("qwen3-9b", {})
    assert "qwen3-8b-24gb" in error.value.hint


def test_a_table_is_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "mine.json"
    file.write_text(json.dumps([1]), encoding="utf-8")
    with pytest.raises(SettingsError, match="no table"):
        resolve_settings(str(file), {})
