"""How log lines look: for people, or one JSON object a line (`LISTENWELL_LOG_FORMAT=json`).

No line of ours holds a comment's text or a secret: errors name fields and ids, statements hide their parameters.
"""

import json
import logging
from datetime import UTC, datetime

from service import request_id, tracing
from service.answers import rfc3339
from service.settings import Settings

_OTHERS = ("bentoml", "uvicorn", "uvicorn.error")
"""Loggers of the servers we run under, which bring handlers of their own."""


class Lines(logging.Formatter):
    """Plain lines that end with the id of their request."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s [%(levelname)s] [%(name)s] %(message)s", "%Y-%m-%dT%H:%M:%S%z")

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Without the traceback, which follows."""
        id = request_id.current()
        return super().formatMessage(record) + (f" (request={id})" if id else "")


class JsonLines(logging.Formatter):
    """One JSON object a line: time, level, logger, message; request_id, trace_id and exception if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """No line breaks but the one at the end."""
        line = {
            "time": rfc3339(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if id := request_id.current():
            line["request_id"] = id
        if trace := tracing.trace_id():
            line["trace_id"] = trace
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


def configure(settings: Settings) -> None:
    """Set level and format for this process, on the handlers of whichever server runs it."""
    logging.getLogger("listenwell").setLevel(settings.log_level.upper())
    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(logging.StreamHandler())
    shape = JsonLines() if settings.log_format == "json" else Lines()
    for logger in (root, *map(logging.getLogger, _OTHERS)):
        for handler in logger.handlers:
            if type(handler) is logging.StreamHandler:
                handler.setFormatter(shape)
