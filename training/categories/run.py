"""One run for a person's own categories from end to end: make, round, export, calibrate, write the papers."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from models.artifact import MANIFEST, content_version, seal, write_config, write_json
from models.category_network import CONTEXT, CONTEXT_EXCLUSIVE
from models.encoder import Encoder
from models.errors import InputError
from models.heads import Calibration, Layout, Scores
from models.network import Network
from models.packing import collate
from models.pipeline import Pipeline
from models.runtime_openvino import OpenVinoRuntime
from models.taxonomy import Taxonomy
from models.weights import round_weights, save_weights
from training.categories.calibration import Found, fixed, measured
from training.categories.card import write_card
from training.categories.encoder import CategoryEncoder, open_encoder, ordinary_feedback
from training.categories.lessons import Lessons, Stage, endless, unseen
from training.categories.making import Made, Maker
from training.categories.tuning import of_categories
from training.config import RunConfig
from training.encoders import with_base
from training.export import SAMPLES, export_onnx
from training.loop import Report
from training.run import Say


def train_categories(
    tax: Taxonomy,
    lessons: Lessons,
    output: Path,
    config: RunConfig,
    *,
    stage: Stage,
    why: str,
    files: Sequence[dict[str, Any]] = (),
    encoder: CategoryEncoder | None = None,
    say: Say = lambda text: None,
    report: Report = lambda step, steps, loss: None,
) -> str:
    """Make an artifact in `output` and return its version.

    `encoder` is the one that `config` names unless given. A run that was interrupted goes on where it was. Raises
    `InputError` (code "output_exists") rather than overwrite a model, "invalid_config" for an unknown encoder,
    "too_few_comments" for comments that all say the same.
    """
    if (output / MANIFEST).exists():
        raise InputError(f"{output}: there is a model already; choose another folder", code="output_exists")
    config = with_base(config)
    output.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(config.loop.threads)
    say(f"stage {stage}: {why}")
    if lessons.comments and (without := unseen(lessons, tax)):
        say(f"no comment shows {', '.join(without)}: the description alone speaks for each")
    if one_sided := endless(lessons, tax):
        say(
            f"every comment has {', '.join(one_sided)}: the description alone speaks for each; "
            "counter-examples or comments without it would show where it ends"
        )
    encoder = encoder or open_encoder_for(tax, stage, config, output / "making")
    maker = Maker(tax, encoder, config, output / "making", report)
    made = maker.make(stage, lessons)
    made.network.load_state_dict(round_weights(made.network.state_dict()))
    difference = _write(output, made.network, encoder, tax)
    calibration, thresholds = _calibrated(output, tax, encoder, maker, made)
    write_json(output / "calibration.json", calibration.to_dict())
    write_json(output / "thresholds.json", thresholds)
    version = content_version(output)
    write_card(
        output,
        version=version,
        tax=tax,
        lessons=lessons,
        calibration=calibration,
        stage=stage,
        why=why,
        files=files,
        config=config,
        record=made.record | {"onnx_float32_largest_difference": difference},
    )
    seal(output)  # last of all: without its papers it is no finished model
    maker.clear()
    return version


def open_encoder_for(tax: Taxonomy, stage: Stage, config: RunConfig, scratch: Path) -> CategoryEncoder:
    """The encoder that `config` names, set up for a stage."""
    if stage == "described":  # an encoder that was never taught what a question is had better not read it
        config = replace(config, network=replace(config.network, max_question_tokens=0))
    context = CONTEXT_EXCLUSIVE if tax.exclusive else CONTEXT
    return open_encoder(config, scratch, context=context)


def _write(output: Path, network: Network, encoder: CategoryEncoder, tax: Taxonomy) -> float:
    save_weights(network.state_dict(), output / "weights.safetensors")
    encoder.tokenizer.save(str(output / "tokenizer.json"))
    write_config(output, encoder.config)
    (output / "taxonomy.json").write_text(tax.to_json(), encoding="utf-8")
    read = encoder.first_windows(ordinary_feedback(SAMPLES))
    samples = [collate([window]) for window in read if window is not None]
    return export_onnx(network, samples, output / "model.onnx")


def _calibrated(output: Path, tax: Taxonomy, encoder: CategoryEncoder, maker: Maker, made: Made) -> Found:
    if made.unseen is None:
        return fixed(tax, maker.start.logits(encoder.background, exclusive=tax.exclusive))
    logits = _served(output, tax, encoder, made.unseen) if made.crossed is None else made.crossed
    return measured(tax, logits, made.unseen.targets)


def _served(output: Path, tax: Taxonomy, encoder: CategoryEncoder, lessons: Lessons) -> Scores:
    scorer = Encoder(encoder.windows, OpenVinoRuntime(output / "model.onnx", threads=2))
    serving = Pipeline(scorer, tax, version="unsealed", calibration=Calibration(), thresholds={})
    return of_categories(serving.pooled(lessons.comments), Layout(tax))
