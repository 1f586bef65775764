"""Who comes back, and what they spend: BG/NBD and gamma-gamma over arrays of customers. Needs numpy and scipy
(the extra `forecast`), so only what forecasts imports it."""

from importlib.util import find_spec

EXTRA = "forecast"
INSTALL = "install it:  uv sync --extra forecast  or  pip install 'perennial[forecast]'"


def is_installed() -> bool:
    """Whether the extra is there."""
    return find_spec("numpy") is not None and find_spec("scipy") is not None
