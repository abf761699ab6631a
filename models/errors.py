"""Every error that Listenwell raises on purpose, each with a stable `code`.

    ListenwellError
    ├── CommentError            one comment cannot be read or stored; the others of its batch can
    ├── InputError              a file, a body or a setting cannot be read at all
    ├── ArtifactError           a model folder is missing a file, or a file is not what it should be
    ├── TaxonomyError           a taxonomy is malformed, or is not the one a model was trained for
    └── MissingExtraError       a command needs packages that are not installed

`code` is for programs and never changes; `str(error)` is for people and names the field, the limit and
the item. A message never holds the text of a comment: messages go to logs.
"""


class ListenwellError(Exception):
    """The root of the tree."""

    code = "listenwell_error"

    def __init__(self, detail: str, *, code: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        if code is not None:
            self.code = code


class CommentError(ListenwellError):
    """One comment is unfit; `field` names the part that is at fault."""

    code = "invalid_comment"

    def __init__(self, detail: str, *, code: str, field: str) -> None:
        super().__init__(detail, code=code)
        self.field = field


class InputError(ListenwellError):
    """Nothing of this input could be read."""

    code = "invalid_input"


class ArtifactError(ListenwellError):
    """A model folder is incomplete or altered; the message names the file."""

    code = "invalid_artifact"


class TaxonomyError(ListenwellError):
    """A taxonomy is malformed or does not fit."""

    code = "invalid_taxonomy"


class MissingExtraError(ListenwellError):
    """An optional part is not installed; the message says how to install it."""

    code = "missing_extra"
