"""Python's collector of cycles, kept away from what lasts as long as a deployment."""

from __future__ import annotations

import gc


def keep_out_what_lasts() -> None:
    """Later collections pass by everything that is there now. Called after each deployment.

    Programs, schemas and journeys are some hundred thousand objects. A full collection walks them all, finds
    nothing, and holds the interpreter for it: 120 ms with the sample journeys, in which the event loop
    answers nobody. It comes whenever there are a quarter more of them, so one large body was enough.
    """
    if gc.get_freeze_count():
        # What the deployment before this one leaves behind is garbage only now
        gc.unfreeze()
        gc.collect()
    gc.freeze()
