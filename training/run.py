"""One run of the workshop from end to end: read, train, round, export, calibrate, examine, write the papers."""

import hashlib
import json
import random
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import torch
from tokenizers import Tokenizer

from evaluation.frozen import refuse_seen
from evaluation.gold import LabelledComment
from models import taxonomy
from models.artifact import LEARNT, MANIFEST, EncoderConfig, content_version, seal, write_config, write_json
from models.encoder import Encoder, Windows
from models.errors import ArtifactError, InputError
from models.heads import Calibration, Layout, Scores
from models.loading import facts_of
from models.network import Network
from models.packing import Batch, collate
from models.pipeline import Pipeline, read
from models.runtime_openvino import OpenVinoRuntime
from models.schema import Comment
from models.taxonomy import Taxonomy
from models.weights import load_weights, round_weights, save_weights
from training.calibrate import calibrate
from training.card import write_card
from training.config import RunConfig
from training.data import Corpus, learnt_from
from training.emoji import add_emoji, with_emoji
from training.encoders import encoder_weights, pretrained, shape_of, with_base
from training.examples import Example, make_examples, make_unlabelled
from training.export import SAMPLES, agreement, export_onnx
from training.loop import CHECKPOINTS, Progress, Report, Trainer, predict
from training.teaching import refuse_strangers, taught
from training.variations import WORDS, near_words, vary

Say = Callable[[str], None]
_SOFT = "soft.safetensors"


@dataclass(frozen=True)
class _Base:
    """The pretrained encoder as the run takes it up: where it lies, and how texts come to it."""

    folder: Path
    tokenizer: Tokenizer
    emoji: Mapping[int, list[int]]
    """The tokens that emoji are given: id, and the ids of the words whose vectors they begin with."""
    shape: EncoderConfig
    windows: Windows

    @classmethod
    def of(cls, output: Path, config: RunConfig) -> Self:
        folder, architecture = pretrained(config.network.base, output)
        tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        emoji = add_emoji(tokenizer)
        shape = shape_of(folder, architecture, config.network, more=len(emoji))
        return cls(folder, tokenizer, emoji, shape, Windows(tokenizer, shape))


def train(
    corpus: Corpus,
    output: Path,
    config: RunConfig,
    *,
    tax: Taxonomy | None = None,
    start: Path | None = None,
    teachers: Sequence[Path] = (),
    exam: Sequence[LabelledComment] = (),
    say: Say = lambda text: None,
    report: Report = lambda step, steps, loss: None,
) -> str:
    """Make an artifact in `output` and return its version.

    `start` is a model whose weights to go on from, in place of the pretrained ones; `teachers` are models to learn
    from beside the labels. `exam` are labelled comments that only measure: their figures go into the card, nothing
    else does. A run that was interrupted goes on where it was. Raises `InputError` (code "output_exists") rather
    than overwrite a model or if there is nothing to learn from (code "nothing_to_train": no epochs and no `start`; with
    one, its weights are exported, calibrated and examined anew), "trained_on" if the exam holds what is learnt,
    `ArtifactError` if `start` is of another shape, `TaxonomyError` if it or a teacher tells other labels than `tax`.
    """
    _refuse(output, config, start)
    config = with_base(config, start)
    tax = tax or taxonomy.load()
    refuse_strangers([*([start] if start else []), *teachers], tax)
    learnt, silent = learnt_from(corpus, [*([start] if start else []), *teachers])
    refuse_seen(exam, learnt, "the exam", "this model")
    output.mkdir(parents=True, exist_ok=True)
    base, layout = _Base.of(output, config), Layout(tax)
    fingerprint = _fingerprint(corpus, config, tax, [start] if start else [], teachers)
    asked = teachers if config.loop.epochs else []  # without an epoch nobody hears what they would say
    varied = _variations(corpus, base, config) if asked else []
    plenty = replace(corpus, unlabelled=[*corpus.unlabelled, *varied])
    training = _examples(plenty, base.windows, tax, output, asked, fingerprint, config, say)
    held = make_examples(corpus.held_out, base.windows, tax)
    say(f"{len(training)} comments to train on, {len(held)} held out")

    network = _network(base, layout, config, start)
    trainer = Trainer(network, layout, config, output, fingerprint=fingerprint, report=report, say=say)
    progress = trainer.fit(training, held)
    if progress.epoch:
        say(
            f"best epoch {progress.best_epoch + 1} of {progress.epoch}: held-out mAP {progress.best_score:.3f}"
        )

    # From here on the weights are those that are stored, rounded: every figure below is theirs.
    network.load_state_dict(round_weights(network.state_dict()))
    _write_content(output, network, base, tax)
    difference = export_onnx(network, _samples(training, seed=config.seed), output / "model.onnx")
    finished, same = _calibrated(output, base.windows, corpus, tax, predict(network, held, layout), config)
    say(
        f"{finished.version}: ONNX against torch differs by {difference:.1e}, int8 agrees on {same:.2%} of decisions"
    )
    record = _record(progress, difference, same, start)
    write_card(output, finished, corpus=corpus, config=config, training=record, exam=exam)
    _write_learnt(output, learnt, silent, say)
    seal(output)  # last of all: without its papers it is no finished model
    _clear(output, config)
    return finished.version


def _refuse(output: Path, config: RunConfig, start: Path | None) -> None:
    if not config.loop.epochs and not start:
        raise InputError("loop.epochs: 0 epochs need a model to start from", code="nothing_to_train")
    if (output / MANIFEST).exists():
        raise InputError(f"{output}: there is a model already; choose another folder", code="output_exists")


def _calibrated(
    output: Path, windows: Windows, corpus: Corpus, tax: Taxonomy, reference: Scores, config: RunConfig
) -> tuple[Pipeline, float]:
    """The model as it serves, and the share of decisions on which it agrees with `reference`, torch's logits."""
    serving = _pipeline(output, windows, tax)
    logits = serving.pooled([comment.comment for comment in corpus.held_out])
    # A comment without words has no example.
    worded = [place for place, labelled in enumerate(corpus.held_out) if read(labelled.comment).spans]
    same = agreement(logits[worded], reference, len(Layout(tax).detected))
    calibration, thresholds = calibrate(logits, corpus.held_out, tax)
    write_json(output / "calibration.json", calibration.to_dict())
    write_json(output / "thresholds.json", thresholds)
    version = content_version(output)
    finished = Pipeline(serving.scorer, tax, version=version, calibration=calibration, thresholds=thresholds)
    return finished, same


def _write_learnt(output: Path, learnt: set[str], silent: Sequence[Path], say: Say) -> None:
    """Only a whole list is written: one that lacks a parent's texts would let them pass as unseen."""
    if not silent:
        (output / LEARNT).write_text("\n".join(sorted(learnt)) + "\n", encoding="ascii")
        return
    names = ", ".join(model.name for model in silent)
    say(f"{LEARNT} is not written, for it would not be whole: what {names} learnt from is not known")


def _clear(output: Path, config: RunConfig) -> None:
    for scratch in (*CHECKPOINTS, config.network.base):
        shutil.rmtree(output / scratch, ignore_errors=True)
    (output / _SOFT).unlink(missing_ok=True)


def _examples(
    corpus: Corpus,
    windows: Windows,
    tax: Taxonomy,
    output: Path,
    teachers: Sequence[Path],
    fingerprint: str,
    config: RunConfig,
    say: Say,
) -> list[Example]:
    """Labelled comments, texts of known polarity and unlabelled ones, all with what the teachers say of them."""
    comments = [labelled.comment for labelled in corpus.training] + corpus.polar + corpus.unlabelled
    examples = make_examples(corpus.training, windows, tax)
    examples += make_unlabelled(corpus.polar, windows, tax, corpus.polarities)
    examples += make_unlabelled(corpus.unlabelled, windows, tax)
    if not teachers:
        return examples
    worded = [comment for comment in comments if read(comment).spans]
    threads = config.loop.threads
    return taught(
        examples, worded, teachers, output / _SOFT, threads=threads, fingerprint=fingerprint, say=say
    )


def _variations(corpus: Corpus, base: _Base, config: RunConfig) -> list[Comment]:
    if not config.data.variations:
        return []
    near = near_words(base.tokenizer, encoder_weights(base.folder)[WORDS])
    comments = [labelled.comment for labelled in corpus.training] + corpus.polar
    return vary(comments, count=config.data.variations, near=near, seed=config.data.draw)


def _samples(training: Sequence[Example], seed: int) -> list[Batch]:
    """Some comments to fit the serving file on, each by itself, so that no padding is among the values."""
    chosen = random.Random(seed).sample(training, min(SAMPLES, len(training)))
    return [collate([example.window]) for example in chosen]


def _network(base: _Base, layout: Layout, config: RunConfig, start: Path | None) -> Network:
    """With the pretrained encoder's weights, or those of the model that the run goes on from."""
    torch.manual_seed(config.seed)
    network = Network(base.shape, layout.width, dropout=config.loop.dropout)
    network.encoder.load_state_dict(with_emoji(encoder_weights(base.folder), base.emoji))
    if start is None:
        return network
    try:
        network.load_state_dict(with_emoji(load_weights(start / "weights.safetensors"), base.emoji))
    except RuntimeError as error:  # torch names every tensor that does not fit: too long for a message
        raise ArtifactError(
            f"model {start.name}: its weights are of another shape than this run's"
        ) from error
    return network


def _write_content(output: Path, network: Network, base: _Base, tax: Taxonomy) -> None:
    save_weights(network.state_dict(), output / "weights.safetensors")
    base.tokenizer.save(str(output / "tokenizer.json"))
    write_config(output, base.shape)
    (output / "taxonomy.json").write_text(tax.to_json(), encoding="utf-8")


def _pipeline(output: Path, windows: Windows, tax: Taxonomy) -> Pipeline:
    scorer = Encoder(windows, OpenVinoRuntime(output / "model.onnx", threads=2))
    return Pipeline(scorer, tax, version="unsealed", calibration=Calibration(), thresholds={})


def _fingerprint(corpus: Corpus, config: RunConfig, tax: Taxonomy, *models: Sequence[Path]) -> str:
    """Of all that a run rests on: what was kept of one is never joined to the texts or labels of another."""
    names = [[facts_of(str(model)).version for model in group] for group in models]
    parts = [corpus.fingerprint, config.to_dict(), tax.to_json(), names]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _record(progress: Progress, difference: float, same: float, start: Path | None) -> dict[str, Any]:
    return {
        "start": _lineage(start) if start else None,
        "epochs": progress.epoch,
        "best_epoch": progress.best_epoch + bool(progress.epoch),
        "history": progress.history,
        "onnx_float32_largest_difference": difference,
        "int8_agreement_with_torch": same,
    }


def _lineage(start: Path) -> dict[str, Any]:
    """How the model that a run went on from was made itself."""
    papers = start / "card.json"
    card = json.loads(papers.read_text(encoding="utf-8")) if papers.exists() else {}
    return {"version": facts_of(start).version, **{part: card.get(part) for part in ("config", "training")}}
