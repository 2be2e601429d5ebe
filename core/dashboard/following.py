"""How one call leads to the next, in the schema as OpenAPI's links: an answer says the id that another address asks for."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

# Where a client finds it in an answer.
WORDS: Final = "$response.body#/"


class Tells(NamedTuple):
    """An answer with an id in it: of which call, with which status, and where."""

    verb: str
    path: str
    status: str
    where: str


def _listed(path: str, name: str, key: str = "id") -> Tells:
    return Tells("get", path, "200", f"{name}/0/{key}")


def _made(path: str) -> Tells:
    return Tells("post", path, "201", "id")


HOUSE: Final = "/admin-dashboard/"
NOTIFICATIONS: Final = f"{HOUSE}notifications/"

# By the part of an address up to its parameter, which answers tell what to put there.
TOLD_BY: Final[Mapping[str, tuple[Tells, ...]]] = {
    f"{HOUSE}campaigns/{{name}}/": (_listed(f"{HOUSE}campaigns/", "campaigns", "name"),),
    f"{HOUSE}schedule/{{name}}/": (_listed(f"{HOUSE}schedule/", "jobs", "name"),),
    f"{HOUSE}schedule/runs/{{run_id}}/": (_listed(f"{HOUSE}schedule/runs/", "runs"),),
    f"{HOUSE}templates/{{template}}/": (_listed(f"{HOUSE}templates/", "templates", "name"),),
    f"{HOUSE}templates/versions/{{version_id}}/": (
        _listed(f"{HOUSE}templates/versions/", "versions"),
        _made(f"{HOUSE}templates/versions/"),
    ),
    f"{HOUSE}tokens/{{token_id}}/": (_listed(f"{HOUSE}tokens/", "tokens"), _made(f"{HOUSE}tokens/")),
    f"{HOUSE}users/{{user_id}}/": (_listed(f"{HOUSE}users/", "users"),),
    f"{HOUSE}policies/{{policy_id}}/": (_listed(f"{HOUSE}policies/", "policies"), _made(f"{HOUSE}policies/")),
    f"{HOUSE}thresholds/{{threshold_id}}/": (_listed(f"{HOUSE}thresholds/", "thresholds"), _made(f"{HOUSE}thresholds/")),
    f"{HOUSE}suppressions/{{suppression_id}}/": (_listed(f"{HOUSE}suppressions/", "suppressions"), _made(f"{HOUSE}suppressions/")),
    f"{HOUSE}tasks/{{task_id}}/": (Tells("post", NOTIFICATIONS, "202", "task_id"),),
    f"{NOTIFICATIONS}logs/{{notification_id}}/": (
        _listed(f"{NOTIFICATIONS}logs/", "notifications"),
        Tells("post", f"{HOUSE}templates/versions/{{version_id}}/test-send/", "202", "notification_id"),
    ),
    f"{NOTIFICATIONS}alerts/{{alert_id}}/": (_listed(f"{NOTIFICATIONS}alerts/", "alerts"),),
    "/api/inbox/{message_id}/": (_listed("/api/inbox/", "messages"),),
}


def with_links(result: dict[str, Any], **_asked: Any) -> dict[str, Any]:
    """The schema, each answer that tells an id naming the calls which take it."""
    for path, verbs in result["paths"].items():
        beginning = path[: path.find("}/") + 2] if "{" in path else ""
        for operation in verbs.values():
            for tells in TOLD_BY[beginning] if beginning else ():
                answer = result["paths"][tells.path][tells.verb]["responses"][tells.status]
                parameter = path.partition("{")[2].partition("}")[0]
                answer.setdefault("links", {})[operation["operationId"]] = {
                    "operationId": operation["operationId"],
                    "parameters": {parameter: f"{WORDS}{tells.where}"},
                }
    return result
