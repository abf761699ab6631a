"""Listenwell as a spaCy pipeline component, found by entry point:

    nlp = spacy.blank("en")
    nlp.add_pipe("listenwell")
    doc = nlp("Agent was kind but nobody ever fixed my bill.")
    doc._.analysis.sentiment.label, doc.spans["issues"], doc.spans["strengths"]

A survey question, if there is one, goes into `doc._.question` before the component runs, for instance with
`nlp.pipe(...)` over documents. Needs the spacy extra; no other module imports this one.
"""

import shutil
from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from spacy.language import Language
from spacy.tokens import Doc, SpanGroup
from spacy.util import ensure_path, minibatch

from models.artifact import CONTENT, MANIFEST, PAPERS, open_artifact
from models.loading import DEFAULT, Runtime, load
from models.pipeline import Pipeline
from models.schema import Analysis, Comment, Mention

_STORED = "listenwell_analysis"
_FOLDER = "artifact"
_SPANS = ("issues", "strengths")


class Listenwell:
    """The component: `predict` computes and leaves documents alone, `set_annotations` writes."""

    def __init__(self, model: str, runtime: Runtime) -> None:
        self.model = model
        self.runtime = runtime

    @cached_property
    def pipeline(self) -> Pipeline:
        """Opened at first use: a config may name a folder that only `from_disk` will know."""
        return load(self.model, runtime=self.runtime)

    def __getstate__(self) -> dict[str, Any]:
        """Without the opened model, which other processes open for themselves (`nlp.pipe(n_process=2)`)."""
        return {name: value for name, value in self.__dict__.items() if name != "pipeline"}

    def __call__(self, doc: Doc) -> Doc:
        self.set_annotations([doc], self.predict([doc]))
        return doc

    def pipe(self, stream: Iterable[Doc], *, batch_size: int = 128) -> Iterator[Doc]:
        """Annotate a stream of documents in batches."""
        for docs in minibatch(stream, size=batch_size):  # type: ignore[no-untyped-call]
            self.set_annotations(docs, self.predict(docs))
            yield from docs

    def predict(self, docs: Sequence[Doc]) -> list[Analysis]:
        """The analyses of documents, in order."""
        return self.pipeline.analyze([Comment(text=doc.text, question=doc._.question) for doc in docs])

    def set_annotations(self, docs: Sequence[Doc], analyses: Sequence[Analysis]) -> None:
        """Write analyses to `doc._.analysis`, `doc.spans["issues"]` and `doc.spans["strengths"]`.

        A model of one's own categories writes `doc.spans["categories"]` in place of both.
        """
        groups = ("categories",) if self.pipeline.taxonomy.categories else _SPANS
        for doc, analysis in zip(docs, analyses, strict=True):
            doc.user_data[_STORED] = analysis.to_dict()  # plain, so that it survives bytes and processes
            for group in groups:
                doc.spans[group] = _span_group(doc, group, getattr(analysis, group))

    def to_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> None:
        """Save the component with its model, so that it loads on a machine that has not got the model.

        Raises `ArtifactError` if that is not where it was, or altered; what was saved before then stays.
        """
        folder = ensure_path(path)
        folder.mkdir(parents=True, exist_ok=True)
        target = folder / _FOLDER
        if self.model == "weightless":
            shutil.rmtree(target, ignore_errors=True)
        else:
            _copy(DEFAULT if self.model == "default" else Path(self.model), target)
        (folder / "model.txt").write_text(self.model, encoding="utf-8")

    def from_disk(self, path: str | Path, *, exclude: Iterable[str] = ()) -> "Listenwell":
        """Load what `to_disk` saved. Raises `ArtifactError` if the model was altered meanwhile."""
        folder = ensure_path(path)
        stored = folder / _FOLDER
        name = (folder / "model.txt").read_text(encoding="utf-8")
        held = name != "weightless" and stored.is_dir()
        if held:
            open_artifact(stored)
        self.model = str(stored) if held else name
        self.__dict__.pop("pipeline", None)
        return self


@Language.factory(
    "listenwell",
    assigns=["doc._.analysis", "doc.spans"],
    default_config={"model": "default", "runtime": "openvino"},
)
def make_listenwell(nlp: Language, name: str, model: str, runtime: Runtime) -> Listenwell:
    """Build the component from its config."""
    # One that was set before may read it from where the questions are.
    if not Doc.has_extension("question"):
        Doc.set_extension("question", default=None)
    Doc.set_extension("analysis", getter=_analysis, force=True)
    return Listenwell(model, runtime)


def _copy(source: Path, target: Path) -> None:
    """Make `target` hold the files of a model and, of a model that was there before, none."""
    if source.exists() and target.exists() and source.samefile(target):
        return  # it is saved where it was loaded from
    open_artifact(source)  # before anything goes: a folder that was moved since has no files to give
    target.mkdir(exist_ok=True)
    for name in (*CONTENT, *PAPERS, MANIFEST):
        (target / name).unlink(missing_ok=True)
        if (source / name).exists():
            shutil.copyfile(source / name, target / name)


def _analysis(doc: Doc) -> Analysis | None:
    stored: dict[str, Any] | None = doc.user_data.get(_STORED)
    return None if stored is None else Analysis.from_dict(stored)


def _span_group(doc: Doc, name: str, mentions: Sequence[Mention]) -> SpanGroup:
    quoted = sorted(
        (quote.start, quote.end, mention.id) for mention in mentions for quote in mention.evidence
    )
    spans = [doc.char_span(start, end, label=label, alignment_mode="expand") for start, end, label in quoted]
    return SpanGroup(doc, name=name, spans=[span for span in spans if span is not None])
