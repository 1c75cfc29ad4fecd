"""Runs one call and records what the library says about it."""

import contextlib
import io
import logging
import warnings

import numpy as np


class _Lines(logging.Handler):
    def __init__(self):
        super().__init__(logging.WARNING)
        self.lines = []

    def emit(self, record):
        self.lines.append(record.getMessage())


def record(call):
    """(value or None, status, said); status is ok, nan or raised."""
    log, out = _Lines(), io.StringIO()
    logging.getLogger().addHandler(log)
    value, status, said = None, "ok", []
    try:
        with warnings.catch_warnings(record=True) as seen, \
                contextlib.redirect_stdout(out), contextlib.redirect_stderr(out):
            warnings.simplefilter("always")
            try:
                value = call()
                if not np.all(np.isfinite(value[0])):
                    status = "nan"
            except Exception as e:  # the point is to record any of them
                status = "raised"
                # the message without the stack that JAX and equinox put around it
                text = [t for t in str(e).splitlines() if t.strip()]
                text = [t.split("Error: ", 1)[1] for t in text if "Error: " in t] or text or [""]
                said.append(f"{type(e).__name__}: {text[0]}")
        said += [f"{w.category.__name__}: {w.message}" for w in seen]
    finally:
        logging.getLogger().removeHandler(log)
    if status != "raised":
        said += log.lines
        if out.getvalue().strip():
            said.append(out.getvalue().strip())
    return value, status, " | ".join(said) or "nothing"
