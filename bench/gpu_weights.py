"""Random weights of PaddleOCR-VL for bench/gpu.py, at full size from its public configuration, or small.

The model answers every crop with the same number of distinct words. So the cost of an answer does not depend on luck,
and no text repeats. For that, the decoder counts: the output row of each word is the embedding of the word before, and
the layers change little of what the embedding says. Everything else is normal noise.

`python bench/gpu_weights.py FOLDER [--small] [--words 128]` writes `vl-paddle` (for Paddle) and `vl` (for vLLM and
Transformers), and, with --layout, `layout`, which needs PyTorch and Transformers; the others do not.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

MODEL = "PaddleOCR-VL-1.6-0.9B"
CHARACTERS = ["\n", " ", *map(chr, range(33, 127))]
_FIRST_CHARACTER = 10
_FIRST_WORD = 200
_UNKNOWN, _BEGIN, _END, _PAD = range(4)
_SYLLABLES = [consonant + vowel for consonant in "bdfgklmnprstvz" for vowel in "aeiou"]
_STD, _RESIDUAL_STD = 0.02, 0.005  # of the weights; the latter of layers that write to the residual stream
_UNUSED_POSITIONS = 32768  # rows of an embedding that no engine uses, and that Paddle's loader expects
_CHUNK = 1 << 24  # random numbers at once

Array = NDArray[Any]


@dataclass(frozen=True, slots=True)
class Size:
    """Sizes of the model, by the names of its public configuration; those of the vision part begin with `v_`."""

    vocab: int = 103_424
    image_token: int = 100_295
    image_start: int = 101_305
    image_end: int = 101_306
    video_token: int = 101_307
    hidden: int = 1024
    intermediate: int = 3072
    layers: int = 18
    heads: int = 16
    kv_heads: int = 2
    head_dim: int = 128
    rope_sections: tuple[int, int, int] = (16, 24, 24)
    v_hidden: int = 1152
    v_intermediate: int = 4304
    v_layers: int = 27
    v_heads: int = 16
    image: int = 384
    patch: int = 14
    positions: int = 131_072
    dtype: str = "bfloat16"


FULL = Size()
SMALL = Size(
    vocab=1024, image_token=6, image_start=7, image_end=8, video_token=9, hidden=128, intermediate=128, layers=2,
    heads=4, kv_heads=2, head_dim=32, rope_sections=(4, 6, 6), v_hidden=64, v_intermediate=128, v_layers=2, v_heads=4,
    image=56, positions=4096, dtype="float32",
)  # fmt: skip


def write(folder: Path, size: Size, words: int, has_paddle: bool) -> Path:
    """Write the weights unless they are there; return their directory.

    words: length of each answer, in tokens. has_paddle: in Paddle's layout, else for vLLM and Transformers.
    """
    folder = folder / ("vl-paddle" if has_paddle else "vl")
    made = {**asdict(size), "words": words, "rope_sections": list(size.rope_sections)}
    stamp = folder / "bench.json"
    if stamp.exists() and json.loads(stamp.read_text(encoding="utf-8")) == made:
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    _write_configuration(folder, size, has_paddle)
    _write_tensors(folder / "model.safetensors", size, words, has_paddle)
    stamp.write_text(json.dumps(made), encoding="utf-8")  # last: the weights are complete
    return folder


def count_parameters(size: Size) -> int:
    """Return the number of parameters, without those that no engine uses."""
    return sum(int(np.prod(shape)) for shape in _shapes(size).values())


# --------------------------------------------------------------------------- tensors


def _shapes(size: Size) -> dict[str, tuple[int, ...]]:
    """Return the shape of each tensor, by its name in the published weights."""
    query, key = size.heads * size.head_dim, size.kv_heads * size.head_dim
    width = size.v_hidden
    shapes: dict[str, tuple[int, ...]] = {
        "model.embed_tokens.weight": (size.vocab, size.hidden),
        "lm_head.weight": (size.vocab, size.hidden),
        "model.norm.weight": (size.hidden,),
    }
    for index in range(size.layers):
        layer = {
            "self_attn.q_proj": (query, size.hidden),
            "self_attn.k_proj": (key, size.hidden),
            "self_attn.v_proj": (key, size.hidden),
            "self_attn.o_proj": (size.hidden, query),
            "mlp.gate_proj": (size.intermediate, size.hidden),
            "mlp.up_proj": (size.intermediate, size.hidden),
            "mlp.down_proj": (size.hidden, size.intermediate),
            "input_layernorm": (size.hidden,),
            "post_attention_layernorm": (size.hidden,),
        }
        shapes |= {f"model.layers.{index}.{name}.weight": shape for name, shape in layer.items()}
    merged = 4 * width  # of 2 x 2 patches
    shapes |= _with_biases({"mlp_AR.pre_norm": (width,), "mlp_AR.linear_1": (merged, merged)})
    shapes |= _with_biases({"mlp_AR.linear_2": (size.hidden, merged)})
    vision = "visual.vision_model."
    shapes |= _with_biases({
        f"{vision}embeddings.patch_embedding": (width, 3, size.patch, size.patch),
        f"{vision}post_layernorm": (width,),
    })  # fmt: skip
    shapes[f"{vision}embeddings.position_embedding.weight"] = ((size.image // size.patch) ** 2, width)
    for index in range(size.v_layers):
        layer = {f"self_attn.{name}_proj": (width, width) for name in ("q", "k", "v", "out")}
        layer |= {"mlp.fc1": (size.v_intermediate, width), "mlp.fc2": (width, size.v_intermediate)}
        layer |= {"layer_norm1": (width,), "layer_norm2": (width,)}
        shapes |= _with_biases({f"{vision}encoder.layers.{index}.{name}": shape for name, shape in layer.items()})
    return shapes


def _unused_shapes(size: Size) -> dict[str, tuple[int, ...]]:
    """Return the shapes of tensors that are in the published weights and that no engine uses."""
    width, vision = size.v_hidden, "visual.vision_model."
    head: dict[str, tuple[int, ...]] = {"mlp.fc1": (size.v_intermediate, width)}
    head |= {"mlp.fc2": (width, size.v_intermediate)}
    head |= {"attention.out_proj": (width, width), "layernorm": (width,)}
    return _with_biases({f"{vision}head.{name}": shape for name, shape in head.items()}) | {
        f"{vision}head.probe": (1, 1, width),
        f"{vision}head.attention.in_proj_weight": (3 * width, width),
        f"{vision}head.attention.in_proj_bias": (3 * width,),
        f"{vision}embeddings.packing_position_embedding.weight": (_UNUSED_POSITIONS, width),
    }


def _with_biases(shapes: dict[str, tuple[int, ...]]) -> dict[str, tuple[int, ...]]:
    weights = {f"{name}.weight": shape for name, shape in shapes.items()}
    return weights | {f"{name}.bias": shape[:1] for name, shape in shapes.items()}


def _write_tensors(path: Path, size: Size, words: int, has_paddle: bool) -> None:
    """Write all tensors, one after another: https://huggingface.co/docs/safetensors/index#format."""
    unused = _unused_shapes(size) if has_paddle else {}
    shapes = _shapes(size) | unused
    kind, width = ("BF16", 2) if size.dtype == "bfloat16" else ("F32", 4)
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for name, shape in shapes.items():
        end = offset + width * int(np.prod(shape))
        header[name] = {"dtype": kind, "shape": shape, "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    with path.open("wb") as file:
        file.write(len(text).to_bytes(8, "little") + text)
        for array in _arrays(shapes, words, set(unused)):
            file.write(_bfloat16(array) if kind == "BF16" else array.tobytes())


def _arrays(shapes: dict[str, tuple[int, ...]], words: int, unused: set[str]) -> Iterator[Array]:
    """Yield the values of each tensor in parts, as float32, in order."""
    random = np.random.default_rng(1)
    answer = range(_FIRST_WORD, _FIRST_WORD + words)
    before = [_FIRST_CHARACTER, *answer]  # the prompt ends with a line break
    previous: Array = np.empty(0)
    for name, shape in shapes.items():
        if name in unused or name.endswith("bias"):
            yield np.zeros(shape, np.float32)
        elif len(shape) == 1:
            yield np.ones(shape, np.float32)
        elif name == "model.embed_tokens.weight":
            embedding = random.standard_normal(shape, np.float32)
            previous = embedding[before]
            yield embedding
        elif name == "lm_head.weight":
            head = random.standard_normal(shape, np.float32)
            head[[*answer, _END]] = previous
            yield head
        else:
            std = _RESIDUAL_STD if name.endswith(("o_proj.weight", "down_proj.weight")) else _STD
            count = int(np.prod(shape))
            for start in range(0, count, _CHUNK):
                yield random.standard_normal(min(_CHUNK, count - start), np.float32) * np.float32(std)


def _bfloat16(array: Array) -> bytes:
    """Return the upper halves of float32 numbers, which are bfloat16."""
    return (array.reshape(-1).view(np.uint32) >> 16).astype(np.uint16).tobytes()


# --------------------------------------------------------------------------- configuration and tokenizer


def _pieces(size: Size) -> list[str]:
    """Return the text of each token: special tokens, characters, and a word for each of the others."""
    special = {
        _UNKNOWN: "<unk>", _BEGIN: "<s>", _END: "</s>", _PAD: "<pad>", 4: "<|begin_of_sentence|>",
        5: "<|end_of_sentence|>", size.image_token: "<|IMAGE_PLACEHOLDER|>", size.image_start: "<|IMAGE_START|>",
        size.image_end: "<|IMAGE_END|>", size.video_token: "<|video_pad|>",
    }  # fmt: skip
    characters = dict(enumerate(CHARACTERS, start=_FIRST_CHARACTER))
    return [special.get(token) or characters.get(token) or _word(token) for token in range(size.vocab)]


def _word(token: int) -> str:
    """Return a word that no other token has, with the space behind it."""
    syllables = []
    for _ in range(3):
        token, place = divmod(token, len(_SYLLABLES))
        syllables.append(_SYLLABLES[place])
    return "".join(syllables) + " "


def _is_special(piece: str) -> bool:
    return len(piece) > 1 and piece.startswith("<")


def _write_configuration(folder: Path, size: Size, has_paddle: bool) -> None:
    """Write all files besides the tensors."""
    pieces = _pieces(size)
    _write_json(folder / "config.json", _flat_config(size) if has_paddle else _nested_config(size))
    _write_json(folder / "generation_config.json", {"bos_token_id": _BEGIN, "eos_token_id": _END, "pad_token_id": _PAD})
    _write_json(folder / "preprocessor_config.json", {
        "image_processor_type": "SiglipImageProcessor" if has_paddle else "PaddleOCRVLImageProcessor",
        "processor_class": "PaddleOCRVLProcessor", "do_convert_rgb": True, "do_normalize": True, "do_rescale": True,
        "do_resize": True, "image_mean": [0.5] * 3, "image_std": [0.5] * 3, "rescale_factor": 1 / 255, "resample": 3,
        "patch_size": size.patch, "temporal_patch_size": 1, "merge_size": 2, "min_pixels": 112_896,
        "max_pixels": 1_003_520,
    })  # fmt: skip
    (folder / "inference.yml").write_text(f"Global:\n  model_name: {MODEL}\n", encoding="utf-8")
    template = _chat_template(size, pieces)
    (folder / "chat_template.jinja").write_text(template, encoding="utf-8")
    _write_json(folder / "tokenizer_config.json", _tokenizer_config(size, pieces, template, has_paddle))
    _write_sentencepiece(folder / "tokenizer.model", pieces)
    if not has_paddle:
        _write_fast_tokenizer(folder / "tokenizer.json", pieces)


def _text_config(size: Size) -> dict[str, Any]:
    return {
        "vocab_size": size.vocab, "hidden_size": size.hidden, "intermediate_size": size.intermediate,
        "num_hidden_layers": size.layers, "num_attention_heads": size.heads, "num_key_value_heads": size.kv_heads,
        "head_dim": size.head_dim, "hidden_act": "silu", "rms_norm_eps": 1e-5,
        "max_position_embeddings": size.positions, "use_bias": False, "tie_word_embeddings": False,
        "pad_token_id": _PAD, "bos_token_id": _BEGIN, "eos_token_id": _END,
    }  # fmt: skip


def _vision_config(size: Size) -> dict[str, Any]:
    return {
        "hidden_size": size.v_hidden, "intermediate_size": size.v_intermediate, "num_hidden_layers": size.v_layers,
        "num_attention_heads": size.v_heads, "num_channels": 3, "image_size": size.image, "patch_size": size.patch,
        "hidden_act": "gelu_pytorch_tanh", "layer_norm_eps": 1e-6, "attention_dropout": 0.0, "spatial_merge_size": 2,
        "temporal_patch_size": 2, "tokens_per_second": 2, "pad_token_id": _PAD,
    }  # fmt: skip


def _common_config(size: Size) -> dict[str, Any]:
    return {
        "architectures": ["PaddleOCRVLForConditionalGeneration"], "model_type": "paddleocr_vl",
        "torch_dtype": size.dtype, "tie_word_embeddings": False, "image_token_id": size.image_token,
        "video_token_id": size.video_token, "vision_start_token_id": size.image_start,
        "vision_end_token_id": size.image_end,
    }  # fmt: skip


def _rope(size: Size) -> dict[str, Any]:
    return {"mrope_section": list(size.rope_sections), "rope_type": "default", "type": "default"}


def _flat_config(size: Size) -> dict[str, Any]:
    """Return the configuration as it is published, which Paddle reads."""
    vision = _vision_config(size) | {"model_type": "paddleocr_vl"}
    more = {
        "rope_theta": 500_000, "rope_scaling": _rope(size), "use_cache": False, "use_flash_attention": False,
        "weight_share_add_bias": True, "compression_ratio": 1.0, "ignored_index": -100,
        "attention_probs_dropout_prob": 0.0, "hidden_dropout_prob": 0.0, "max_sequence_length": None,
    }  # fmt: skip
    return _common_config(size) | _text_config(size) | more | {"vision_config": vision}


def _nested_config(size: Size) -> dict[str, Any]:
    """Return the same for Transformers 5, which misreads `tie_word_embeddings` of a flat one."""
    text = _text_config(size) | {"model_type": "paddleocr_vl_text"}
    text["rope_parameters"] = _rope(size) | {"rope_theta": 500_000}
    vision = _vision_config(size) | {"model_type": "paddleocr_vl_vision"}
    return _common_config(size) | {"text_config": text, "vision_config": vision}


def _chat_template(size: Size, pieces: list[str]) -> str:
    image = "".join(pieces[token] for token in (size.image_start, size.image_token, size.image_end))
    return (
        '{%- if add_generation_prompt is not defined -%}{%- set add_generation_prompt = true -%}{%- endif -%}'
        '{{- "<|begin_of_sentence|>" -}}'
        '{%- for message in messages if message["role"] == "user" -%}{{- "User: " -}}'
        f'{{%- for part in message["content"] if part["type"] == "image" -%}}{{{{- "{image}" -}}}}{{%- endfor -%}}'
        '{%- for part in message["content"] if part["type"] == "text" -%}{{- part["text"] -}}{%- endfor -%}'
        '{{- "\\n" -}}{%- endfor -%}'
        '{%- if add_generation_prompt -%}{{- "Assistant:\\n" -}}{%- endif -%}'
    )  # fmt: skip


def _tokenizer_config(size: Size, pieces: list[str], template: str, has_paddle: bool) -> dict[str, Any]:
    names = {
        "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "<pad>",
        "clean_up_tokenization_spaces": False, "model_max_length": size.positions,
    }  # fmt: skip
    image = pieces[size.image_token]
    if not has_paddle:
        return names | {
            "tokenizer_class": "PreTrainedTokenizerFast", "processor_class": "PaddleOCRVLProcessor",
            "image_token": image, "extra_special_tokens": {"image_token": image}, "chat_template": template,
        }  # fmt: skip
    flags = {"lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True}
    special = {token: piece for token, piece in enumerate(pieces) if _is_special(piece)}
    markers = [special[t] for t in (size.image_token, size.image_start, size.image_end, size.video_token)]
    return names | {
        "tokenizer_class": "LlamaTokenizer", "add_bos_token": False, "add_eos_token": False, "legacy": True,
        "cls_token": "<|begin_of_sentence|>", "sep_token": "<|end_of_sentence|>", "additional_special_tokens": markers,
        "added_tokens_decoder": {str(token): {"content": piece, **flags} for token, piece in special.items()},
    }  # fmt: skip


def _write_sentencepiece(path: Path, pieces: list[str]) -> None:
    from sentencepiece import sentencepiece_model_pb2

    protobuf: Any = sentencepiece_model_pb2  # makes its classes at run time
    model = protobuf.ModelProto()
    kind = model.SentencePiece
    for token, text in enumerate(pieces):
        piece = model.pieces.add()
        piece.piece = text.replace(" ", "\u2581")
        piece.score = 0.0 if _is_special(text) else -1.0
        piece.type = kind.NORMAL
        if _is_special(text) or text == "\n":
            piece.type = kind.UNKNOWN if token == _UNKNOWN else kind.USER_DEFINED if text == "\n" else kind.CONTROL
    trainer, normalizer = model.trainer_spec, model.normalizer_spec
    trainer.model_type, trainer.vocab_size = trainer.UNIGRAM, len(pieces)
    trainer.unk_id, trainer.bos_id, trainer.eos_id, trainer.pad_id = _UNKNOWN, _BEGIN, _END, _PAD
    trainer.unk_piece, trainer.bos_piece, trainer.eos_piece, trainer.pad_piece = pieces[:4]
    normalizer.name, normalizer.add_dummy_prefix = "identity", False
    normalizer.remove_extra_whitespaces, normalizer.escape_whitespaces = False, True
    path.write_bytes(model.SerializeToString())


def _write_fast_tokenizer(path: Path, pieces: list[str]) -> None:
    from tokenizers import AddedToken, Tokenizer, decoders, models

    # The longest pieces win: words are tokens again when a text is counted.
    tokenizer = Tokenizer(models.Unigram([(piece, -1.0) for piece in pieces], unk_id=_UNKNOWN))
    tokenizer.decoder = decoders.Fuse()
    tokenizer.add_special_tokens(
        [AddedToken(piece, special=True, normalized=False) for piece in filter(_is_special, pieces)]
    )
    tokenizer.save(str(path))


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=1), encoding="utf-8")


# --------------------------------------------------------------------------- the layout model, for Transformers

_LABEL_NAMES = (
    "abstract algorithm aside_text chart content display_formula doc_title figure_title footer footer_image footnote"
    " formula_number header header_image image inline_formula number paragraph_title reference reference_content seal"
    " table text vertical_text vision_footnote"
)
_LABELS = _LABEL_NAMES.split()
_NO_DETECTION = -8.0  # logit of each score of the layout model


def write_layout(folder: Path) -> Path:
    """Write random weights of PP-DocLayoutV3 at full size unless they are there; return their directory.

    The model runs in full and detects nothing: with scores at random it would detect 300 blocks a page, and to trace
    the outlines of their masks takes seconds of a processor.
    Needs PyTorch and Transformers. There is no way to write it for Paddle, whose layout model is a compiled graph.
    """
    folder = folder / "layout"
    if (folder / "inference.yml").exists():
        return folder
    import torch
    from transformers import PPDocLayoutV3Config, PPDocLayoutV3ForObjectDetection

    folder.mkdir(parents=True, exist_ok=True)
    torch.manual_seed(2)
    numbers = {name: number for number, name in enumerate(_LABELS)}
    config = PPDocLayoutV3Config(id2label=dict(enumerate(_LABELS)), label2id=numbers)
    model = PPDocLayoutV3ForObjectDetection(config)
    for layer in (model.model.enc_score_head, model.model.decoder.class_embed):  # one layer, if the weights are tied
        torch.nn.init.zeros_(layer.weight)
        torch.nn.init.constant_(layer.bias, _NO_DETECTION)
    model.save_pretrained(folder)
    _write_json(folder / "preprocessor_config.json", {
        "image_processor_type": "PPDocLayoutV3ImageProcessor", "do_resize": True, "do_rescale": True,
        "do_normalize": True, "rescale_factor": 1 / 255, "image_mean": [0, 0, 0], "image_std": [1, 1, 1],
        "resample": 3, "size": {"height": 800, "width": 800},
    })  # fmt: skip
    for name in ("inference.json", "inference.pdiparams"):  # of Paddle's layout, whose presence is checked
        (folder / name).write_text("{}", encoding="utf-8")
    labels = "".join(f"- {name}\n" for name in _LABELS)
    (folder / "inference.yml").write_text(
        "Global:\n  model_name: PP-DocLayoutV3\nPreprocess:\n- type: Resize\n  target_size: [800, 800]\n"
        f"  keep_ratio: false\n  interp: 2\ndraw_threshold: 0.5\nlabel_list:\n{labels}",
        encoding="utf-8",
    )
    return folder


def main() -> None:
    """Write the weights and print their number of parameters."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--words", type=int, default=128, help="length of each answer, in tokens")
    parser.add_argument("--layout", action="store_true", help="the layout model, too")
    arguments = parser.parse_args()
    size = SMALL if arguments.small else FULL
    for has_paddle in (True, False):
        print(write(arguments.folder, size, arguments.words, has_paddle))
    if arguments.layout:
        print(write_layout(arguments.folder))
    print(f"{count_parameters(size) / 1e6:.1f} million parameters")


if __name__ == "__main__":
    main()
