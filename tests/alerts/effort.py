"""How long the proofs are: short as `make test` runs them, long with PROOFS=long (`make proofs`)."""

import os

LONG = os.environ.get("PROOFS") == "long"
# Cycles of eight rounds in which eight processes run a check at once.
CYCLES = 25 if LONG else 1
# Lives that the state machine leads, and steps of each.
LIVES = int(os.environ.get("LIVES", "2000" if LONG else "30"))
STEPS_OF_A_LIFE = 15
