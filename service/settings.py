"""What can be set from outside: environment variables with the prefix `LISTENWELL_`.

    LISTENWELL_PORT=8080 listenwell serve

Read by whoever starts something (a command, the service, a test), never on import, and passed down.
"""

import os
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, ValidationError
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from models.errors import InputError
from models.masking import kinds, masker

PREFIX = "LISTENWELL_"


def _number(value: object) -> object:
    """A variable of the environment is text, and a choice between numbers would not take it for one."""
    return int(value) if isinstance(value, str) and value.isdecimal() else value


def _kinds(value: object) -> object:
    """What is to be masked; refused at the start where it could not be done, so that nothing is kept in clear."""
    try:
        wanted = kinds.parse(value) if isinstance(value, str) else value
    except InputError as error:
        raise PydanticCustomError("kinds", "{detail}", {"detail": error.detail}) from None
    if wanted and not masker.installed():
        raise PydanticCustomError("missing_extra", "needs the extra privacy: pip install -e '.[privacy]'")
    return wanted


def _slugs(value: object) -> object:
    """Names in a row, parted by commas."""
    return [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value


class Settings(BaseSettings):
    """One field a setting; the descriptions are the documentation.

    Raises `InputError` (`invalid_setting`) naming the variable and what it may be.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True)

    database_url: str = Field(
        default="sqlite:///listenwell.db", description="Where comments are kept, as an SQLAlchemy URL."
    )
    model: str | None = Field(
        default=None,
        description='The model that tags: "default" (the shipped one), "weightless" or a model folder, whatever '
        "is promoted. If not set: the one that `listenwell models promote` put in force, else the shipped one.",
    )
    runtime: Literal["openvino", "onnx", "torch"] = Field(
        default="openvino",
        description="What runs the model: `openvino` (the fastest), `onnx`, which gives the same labels from the same "
        "file, or `torch`, which needs the training extra and takes a GPU if there is one.",
    )
    threads: int = Field(default=1, ge=1, description="Cores that one call of the model may use.")
    compiled: Path | None = Field(
        default=None,
        description="Folder for what openvino makes of a model on this machine, some 25 MB each, so that the next "
        "start is some 0.3 s sooner; one that cannot be written is done without. If not set: `listenwell` in the "
        "user's cache folder.",
    )
    host: str = Field(
        default="127.0.0.1",
        description="Address to listen on; the default is reachable from this machine only.",
    )
    port: int = Field(default=3000, ge=1, le=65535, description="Port to listen on.")
    workers: int | None = Field(
        default=None,
        ge=1,
        description="Processes that `listenwell serve` starts to answer, each with the model in it (some "
        "350 MB under load). If not set: one for each core that this process may use, or for each "
        "`LISTENWELL_THREADS` of them.",
    )
    session_hours: int = Field(
        default=12, ge=1, le=720, description="How long a person who signed in to the page stays signed in."
    )
    max_body_bytes: int = Field(default=8_388_608, ge=1, description="Largest request body, in bytes.")
    max_batch: int = Field(default=500, ge=1, description="Most comments in one request.")
    files: Path | None = Field(
        default=None,
        description="Folder for uploaded files until their jobs end, and for rows that they rejected; one for each "
        "database; every worker must see it. If not set: beside the SQLite file, with its name and `-files`, "
        "else `listenwell-files`.",
    )
    max_upload_bytes: int = Field(
        default=2_147_483_648, ge=1, description="Largest file that a job may be given, in bytes."
    )
    max_unpacked_bytes: int = Field(
        default=17_179_869_184, ge=1, description="Most bytes that a packed file of a job may unpack to."
    )
    job_workers: int = Field(
        default=1,
        ge=0,
        description="Worker processes for jobs that `listenwell serve` starts, at low priority; 0 for none.",
    )
    lease_seconds: float = Field(
        default=30,
        gt=0,
        description="After so many seconds without a sign of its worker a job is given to another one.",
    )
    keep_jobs_days: int = Field(
        default=30, ge=1, description="Ended jobs and their lists of rows are removed after so many days."
    )
    ces_easiest: Annotated[Literal[1, 7], BeforeValidator(_number)] = Field(
        default=7,
        description="The end of the customer effort scale that means easiest. Set 1 for an old-style scale "
        "where low is easy: the metrics then turn it over, so that 7 is easiest in every answer.",
    )
    hide_below: int = Field(
        default=5, ge=2, description="With fewer answers than this a metric shows its count but no value."
    )
    low_base_below: int = Field(
        default=30,
        ge=2,
        description="With fewer comments than this a touchpoint is marked as having a low base.",
    )
    journey: Annotated[tuple[str, ...], NoDecode, BeforeValidator(_slugs)] = Field(
        default=(),
        description="Touchpoints in the order of the customer's journey, like `order,delivery,support`. Those not "
        "named come after them: the taxonomy's in its order, then your own by their first comment; one below "
        "another (`support.phone`) stands with it.",
    )
    audit_rate: float = Field(
        default=0.02,
        ge=0,
        le=1,
        description="Share of analysed comments drawn at random, when they are stored, to be read by a person who "
        "does not see the model's labels; 0 for none.",
    )
    review_twice: float = Field(
        default=0.2,
        ge=0,
        le=1,
        description="Share of the comments of the review queue that two people are asked about.",
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="How much is logged."
    )

    keep_rejects_days: float = Field(
        default=7,
        ge=0,
        description="The rows of a job's file that could not be stored can be fetched for so many days after its "
        "end; 0 to keep none.",
    )
    log_format: Literal["text", "json"] = Field(
        default="text", description="Log lines for people, or one JSON object a line."
    )
    webhooks_allow_private: bool = Field(
        default=False,
        description="Let webhooks point to private, loopback and link-local addresses, and use plain http. "
        "Whoever may add a webhook can then make this machine send requests into its own network.",
    )

    mask: Annotated[tuple[kinds.Kind, ...], NoDecode, BeforeValidator(_kinds)] = Field(
        default=(),
        description="What is masked in text and question before anything else is done with them: `all`, or some "
        "of `email,phone,card,address,name,account`. Needs the extra `privacy`.",
    )

    def __init__(self, **values: Any) -> None:
        try:
            super().__init__(**values)
        except ValidationError as error:
            wrong = [f"{PREFIX}{str(e['loc'][0]).upper()}: {e['msg']}" for e in error.errors()]
            raise InputError("; ".join(wrong), code="invalid_setting") from error

    @property
    def compiled_folder(self) -> Path | None:
        """Where what is made of models is kept (XDG Base Directory Specification); None for who has no home."""
        if self.compiled is not None:
            return self.compiled
        of_user = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
        with suppress(RuntimeError):
            return of_user.expanduser() / "listenwell"
        return None

    @property
    def audit(self) -> dict[str, float]:
        """What the audit draws by."""
        return {"rate": self.audit_rate, "twice": self.review_twice}
