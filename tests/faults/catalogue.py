"""All experiments, in the order they are run."""

from tests.faults import answers, kills, machinery, turns
from tests.faults.experiment import EXPERIMENTS

__all__ = ["EXPERIMENTS", "answers", "kills", "machinery", "turns"]
