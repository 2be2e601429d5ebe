"""What an experiment is: a load, a fault, and what must be true afterwards."""

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.faults.laboratory import Laboratory
from tests.faults.referee import Verdict


@dataclass(frozen=True, slots=True)
class Size:
    """How much: messages, and how often the fault strikes (or how long it lasts: the experiment says)."""

    messages: int
    faults: int
    seconds: float = 0.0


@dataclass(slots=True)
class Report:
    """What came of it. `broken`: the promises that did not hold, in words."""

    experiment: str
    faults: int
    verdict: Verdict
    p99: float | None = None
    broken: list[str] = field(default_factory=list)

    def must(self, holds: bool, promise: str) -> None:
        if not holds:
            self.broken.append(promise)

    def must_be_true_of_everything(self) -> None:
        """What holds for every fault: nothing lost, no status untrue, no duplicate unmarked."""
        for what, count in self.verdict.worst.items():
            self.must(not count, f"{what}: {count}, not 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """A guard taken out, with which the experiment must fail: out of a copy of the tree (file, text, text in its place), or by
    triggers in the database that undo what the guard writes, whatever code writes it."""

    what: str
    changes: tuple[tuple[str, str, str], ...] = ()
    sql: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Experiment:
    name: str
    promise: str
    run: Callable[[Laboratory, Size], Report]
    short: Size
    long: Size
    control: Control
    # What the long form's environment has besides the usual.
    environment: tuple[tuple[str, str], ...] = ()


# A provider that answers is not given up however loaded the machine is, and who has one in hand keeps it.
PATIENT = (("EMAIL_TIMEOUT", "10"), ("DELIVERY_LEASE_SECONDS", "45"))

EXPERIMENTS: dict[str, Experiment] = {}


def overwritten(table: str, assignment: str, when: str = "true") -> str:
    """SQL that has a table's rows say something else than what is written into them."""
    name = f"taken_out_of_{table}"
    return (
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN IF {when} THEN {assignment}; END IF; RETURN NEW; END $$;"
        f" CREATE TRIGGER {name} BEFORE INSERT OR UPDATE ON core_{table} FOR EACH ROW EXECUTE FUNCTION {name}();"
    )


NEVER_MARKED = Control(what="dup_risk is never written", sql=overwritten("notificationlog", "NEW.dup_risk := false"))
ALWAYS_REPEATED = Control(
    what="promotions and bonuses may be repeated like everything else", sql=overwritten("notificationlog", "NEW.repeatable := true")
)

NOTHING_KEPT = Control(
    what="an answer that cannot be recorded is not kept",
    changes=(("core/notifications/journal.py", '    name = f"{uuid4().hex}{SUFFIX}"\n', "    return\n"),),
)


def declare(experiment: Experiment) -> Experiment:
    EXPERIMENTS[experiment.name] = experiment
    return experiment
