"""What larger models say of each clause of a text, for a smaller one to learn from (distillation).

    examples = taught(examples, comments, [Path("runs/teacher")], Path("runs/student/soft"), fingerprint="…", say=print)

Teachers are artifacts as any other; what several say is averaged. Their logits are kept beside the run, so that one
that was interrupted does not ask again.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import save_file

import models
from models.errors import TaxonomyError
from models.heads import Layout, Scores
from models.loading import facts_of
from models.pipeline import Pipeline, read
from models.schema import Comment
from models.scorer import Reading
from models.taxonomy import Taxonomy
from training.examples import Example, with_soft

_CHUNK = 512


def taught(
    examples: Sequence[Example],
    comments: Sequence[Comment],
    teachers: Sequence[Path],
    file: Path,
    *,
    threads: int,
    fingerprint: str,
    say: Callable[[str], None] = lambda text: None,
) -> list[Example]:
    """The examples with what the teachers say of their clauses; `comments` are theirs, in order, all with words.

    They must speak of what `examples` have room for, see `refuse_strangers`.
    """
    key = " ".join([fingerprint, *(facts_of(teacher).version for teacher in teachers)])
    scores = _kept(file, key)
    if not scores:
        pipelines = [models.load(teacher, threads=threads) for teacher in teachers]
        scores = _ask(pipelines, [read(comment) for comment in comments], say)
        _keep(file, key, scores)
    return [with_soft(example, soft) for example, soft in zip(examples, scores, strict=True)]


def refuse_strangers(models: Sequence[Path], taxonomy: Taxonomy) -> None:
    """Raise `TaxonomyError` naming the first of the models whose outputs are not those of `taxonomy`, in its order."""
    for model in models:
        if _outputs(facts_of(model).taxonomy) != _outputs(taxonomy):
            raise TaxonomyError(
                f"model {model.name}: it tells other labels than those of this run's taxonomy"
            )


def _outputs(taxonomy: Taxonomy) -> tuple[tuple[str, ...], ...]:
    layout = Layout(taxonomy)
    return layout.detected, taxonomy.intents, layout.categories


def _ask(
    pipelines: Sequence[Pipeline], readings: Sequence[Reading], say: Callable[[str], None]
) -> list[Scores]:
    found: list[Scores | None] = [None] * len(readings)
    order = sorted(range(len(readings)), key=lambda place: len(readings[place].text))
    for start in range(0, len(order), _CHUNK):
        places = order[start : start + _CHUNK]
        asked = [readings[place] for place in places]
        answers = zip(*(pipeline.scorer.score(asked) for pipeline in pipelines), strict=True)
        for place, of_teachers in zip(places, answers, strict=True):
            # Teachers of different tokenizers may read a very long text to different clauses.
            rows = min(len(scores) for scores in of_teachers)
            found[place] = np.mean([scores[:rows] for scores in of_teachers], axis=0).astype(np.float16)
        if start // _CHUNK % 10 == 0:
            say(f"teachers: {start + len(places):,} of {len(order):,} texts")
    return [scores for scores in found if scores is not None]


def _keep(file: Path, key: str, scores: Sequence[Scores]) -> None:
    rows = np.concatenate(list(scores))
    lengths = np.array([len(each) for each in scores])
    save_file({"rows": torch.from_numpy(rows), "lengths": torch.from_numpy(lengths)}, file, {"key": key})


def _kept(file: Path, key: str) -> list[Scores]:
    if not file.exists():
        return []
    with safe_open(file, framework="numpy") as opened:
        if (opened.metadata() or {}).get("key") != key:
            return []
        rows: NDArray[np.float16] = opened.get_tensor("rows")
        lengths: NDArray[np.int64] = opened.get_tensor("lengths")
    return list(np.split(rows, np.cumsum(lengths)[:-1]))
