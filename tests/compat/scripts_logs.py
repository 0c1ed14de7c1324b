"""Scripts about what a program's log shows."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from compat.registry import script
from compat.stage import LOGGERS, STORAGE, Stage


class _Recorder(logging.Handler):
    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        if not record.name.startswith("doorcode.emulator"):
            self.records.append(record)


@contextmanager
def _recorded(name: str | None, level: int) -> Iterator[list[logging.LogRecord]]:
    """Record what is logged under a name; None is everything."""
    logger, handler = logging.getLogger(name), _Recorder()
    before = logger.level
    logger.addHandler(handler)
    logger.setLevel(level)
    try:
        yield handler.records
    finally:
        logger.removeHandler(handler)
        logger.setLevel(before)


@script
def nothing_secret_is_logged(stage: Stage) -> None:
    """With every logger at DEBUG and logging_enable: whether tokens and codes are in the records."""
    with _recorded(None, logging.DEBUG) as records:
        token = stage.credential(logging_enable=True).get_token(STORAGE)
    poll = stage.authority.requests_to("token:device_code")[0]
    text = "\n".join(record.getMessage() for record in records)
    stage.note("access_token", token.token in text)
    stage.note("device_code", poll.form["device_code"] in text)


@script
def line_of_authenticate(stage: Stage) -> None:
    """Which method the line for authenticate names."""
    with _recorded(LOGGERS[stage.library.__name__], logging.INFO) as records:
        stage.credential().authenticate(scopes=[STORAGE])
    lines = (record.getMessage() for record in records)
    stage.note("lines", tuple(line for line in lines if line.endswith("succeeded")))


@script
def loggers(stage: Stage) -> None:
    """Under which name a credential logs."""
    with _recorded(stage.library.__name__, logging.INFO) as records:
        stage.credential().get_token(STORAGE)
    stage.note("under", tuple(sorted({record.name.partition("._")[0] for record in records})))


@script
def silent_below_info(stage: Stage) -> None:
    """With the level at WARNING a success is not mentioned, and a failure is."""
    with _recorded(LOGGERS[stage.library.__name__], logging.WARNING) as records:
        stage.credential().get_token(STORAGE)
        stage.note("after_success", len(records))
        stage.step("fails", stage.credential().get_token)
    stage.note("levels", tuple(record.levelname for record in records))
