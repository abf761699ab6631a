"""granite-embedding-30m-english out of its pack: a BERT that gives what the RoBERTa it was gives."""

import json
from pathlib import Path

import pytest
import torch
from tokenizers import Tokenizer
from transformers import BertConfig, BertModel, RobertaConfig, RobertaModel

from models.errors import ArtifactError
from training import granite
from training.encoders import encoder_weights
from training.granite import published_pack, unpacked, write_granite
from training.variations import WORDS, near_words

TEXT = "the waiter couldn't find our booking – naïve, and 40 minutes late!"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("granite")
    write_granite(path)
    return path


@pytest.fixture(scope="module")
def tokenizer(folder: Path) -> Tokenizer:
    return Tokenizer.from_file(str(folder / "tokenizer.json"))


def _as_it_was() -> tuple[Tokenizer, RobertaModel]:
    """The model as its makers describe it, on all of its vocabulary."""
    header, tokenizer, tensors = unpacked(published_pack())
    shape = header["arch"]
    model = RobertaModel(
        RobertaConfig(
            vocab_size=shape["vocab"],
            hidden_size=shape["hidden"],
            num_hidden_layers=shape["layers"],
            num_attention_heads=shape["heads"],
            intermediate_size=shape["intermediate"],
            max_position_embeddings=shape["max_positions"],
            type_vocab_size=shape["type_vocab"],
            layer_norm_eps=shape["layer_norm_eps"],
        ),
        add_pooling_layer=False,
    )
    # The tests' own table of names: l0.ao.w is encoder.layer.0.attention.output.dense.weight.
    short = {
        "word_emb": "embeddings.word_embeddings.weight",
        "pos_emb": "embeddings.position_embeddings.weight",
        "type_emb": "embeddings.token_type_embeddings.weight",
        "emb_ln": "embeddings.LayerNorm",
        "ao": "attention.output.dense",
        "aln": "attention.output.LayerNorm",
        "f1": "intermediate.dense",
        "f2": "output.dense",
        "fln": "output.LayerNorm",
    }
    kinds = {"w": "weight", "b": "bias"}
    weights = {}
    for name, value in tensors.items():
        match name.split("."):
            case [part]:
                weights[short[part]] = value
            case ["emb_ln", kind]:
                weights[f"{short['emb_ln']}.{kinds[kind]}"] = value
            case [layer, "qkv", kind]:
                for part, own in zip(("query", "key", "value"), value.split(384), strict=True):
                    weights[f"encoder.layer.{layer[1:]}.attention.self.{part}.{kinds[kind]}"] = own
            case [layer, part, kind]:
                weights[f"encoder.layer.{layer[1:]}.{short[part]}.{kinds[kind]}"] = value
    model.load_state_dict(weights)
    return Tokenizer.from_str(json.dumps(tokenizer)), model.eval()


@torch.inference_mode()
def test_as_a_bert_it_gives_what_it_gives_as_a_roberta(folder: Path, tokenizer: Tokenizer) -> None:
    old_tokenizer, roberta = _as_it_was()
    bert = BertModel(BertConfig(**json.loads((folder / "config.json").read_text())), add_pooling_layer=False)
    bert.load_state_dict(encoder_weights(folder))
    ids = [tokenizer.token_to_id("[CLS]"), *tokenizer.encode(TEXT).ids, tokenizer.token_to_id("[SEP]")]
    old_ids = old_tokenizer.encode(" " + TEXT).ids
    assert ids != old_ids
    assert [old_tokenizer.id_to_token(old) for old in old_ids[1:-1]] == tokenizer.encode(TEXT).tokens
    expected = roberta(torch.tensor([old_ids])).last_hidden_state
    found = bert.eval()(torch.tensor([ids])).last_hidden_state
    assert expected.std() > 0.1
    torch.testing.assert_close(found, expected, atol=1e-4, rtol=1e-4)


def test_capitals_read_as_small_letters_and_keep_their_places(tokenizer: Tokenizer) -> None:
    shouted = tokenizer.encode("NOBODY told Me.")
    assert shouted.ids == tokenizer.encode("nobody told me.").ids
    assert shouted.offsets == [(0, 6), (7, 11), (12, 14), (14, 15)]


def test_every_byte_can_be_read(tokenizer: Tokenizer) -> None:
    text = "\x07 é 漢字 🦕 Ünïcødé \u200d"
    assert tokenizer.token_to_id("[UNK]") not in tokenizer.encode(text).ids
    assert tokenizer.decode(tokenizer.encode(text).ids).strip() == text.lower()


def test_near_words_are_of_whole_words(folder: Path, tokenizer: Tokenizer) -> None:
    near = near_words(tokenizer, encoder_weights(folder)[WORDS])
    assert {"slow", "delayed"} & set(near["late"]) or "later" in near["late"]
    assert all(word.isalpha() for words in near.values() for word in words)


def test_an_altered_pack_is_refused_and_a_missing_one_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "pretend" / "packs").mkdir(parents=True)
    (tmp_path / "pretend" / "__init__.py").touch()
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(granite, "_PACKAGE", "pretend")
    with pytest.raises(ArtifactError, match="is missing"):
        published_pack()
    (tmp_path / "pretend" / "packs" / granite.PACK).write_bytes(b"other")
    with pytest.raises(ArtifactError, match="its sha256 differs"):
        published_pack()
    monkeypatch.setattr(granite, "_PACKAGE", "pretend_absent")
    with pytest.raises(ArtifactError, match=r"pip install -e '\.\[granite\]'"):
        published_pack()
