"""Recordings as other recorders, packagers and faults make them: one function a recording, named as the recording.

They stand apart from `forms.FORMS`, whose every form goes through the whole matrix of types and containers.
"""

import pkgutil
from collections.abc import Callable
from importlib import import_module

from ..recording import Recording

FOREIGN: dict[str, Callable[[], Recording]] = {}


def foreign(build: Callable[[], Recording]) -> Callable[[], Recording]:
    FOREIGN[build.__name__] = build
    return build


for module in pkgutil.iter_modules(__path__):
    import_module(f"{__name__}.{module.name}")
