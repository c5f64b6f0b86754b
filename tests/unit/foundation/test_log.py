"""Log lines: ids on each, secrets on none, other libraries' records in the same form."""

import io
import json
import logging
from collections.abc import Iterator

import pytest
import structlog
from structlog.contextvars import bound_contextvars

from foundation.log import configure_logging

TENANT = "t-7"


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def test_json_lines_carry_ids_and_hide_secrets() -> None:
    out = io.StringIO()
    configure_logging("INFO", "json", out)
    with bound_contextvars(tenant=TENANT):
        structlog.get_logger("agents").info(
            "turn.done",
            input_tokens=5,
            openai_api_key="geheim",
            headers={"Authorization": "geheim", "Accept": "*/*"},
            url="redis://user:geheim@host/0",
            many=[{"password": "geheim"}],
        )
    structlog.get_logger("agents").debug("not shown")
    line = json.loads(out.getvalue())
    assert line["tenant"] == TENANT
    assert line["event"] == "turn.done"
    assert line["logger"] == "agents"
    assert line["input_tokens"] == 5
    assert line["headers"]["Accept"] == "*/*"
    assert line["url"] == "redis://user:[hidden]@host/0"
    assert "geheim" not in out.getvalue()


def test_other_libraries_take_the_same_way() -> None:
    out = io.StringIO()
    configure_logging("INFO", "json", out)
    with bound_contextvars(tenant=TENANT):
        logging.getLogger("uvicorn.error").warning("to %s", "postgresql://app:geheim@h/d")
        logging.getLogger("httpx").info("GET everything")
    line = json.loads(out.getvalue())
    assert line["event"] == "to postgresql://app:[hidden]@h/d"
    assert (line["level"], line["tenant"]) == ("warning", TENANT)


def test_secrets_are_known_by_their_form_too() -> None:
    out = io.StringIO()
    configure_logging("INFO", "json", out)
    log = logging.getLogger("provider")
    server, model = f"sk_{'a1' * 32}", f"sk-proj-{'b_-2' * 8}"
    try:
        raise ValueError(f"Incorrect API key provided: {model}.")
    except ValueError:
        log.exception("refused %s, sent {'authorization': 'Bearer %s'}", server, "geheim.geheim")
    log.warning("basic geheim, a task-force and sk_short stay as they are")
    first, second = map(json.loads, out.getvalue().splitlines())
    assert first["event"] == "refused sk_[hidden], sent {'authorization': 'Bearer [hidden]'}"
    assert first["exception"].endswith("ValueError: Incorrect API key provided: sk-[hidden].")
    assert second["event"] == "basic [hidden], a task-force and sk_short stay as they are"


def test_people_get_one_line_per_event_and_no_local_variables() -> None:
    out = io.StringIO()
    configure_logging("INFO", "console", out)
    log = structlog.get_logger("serve")
    log.info("ready", port=8000)
    assert out.getvalue().count("\n") == 1
    assert "ready" in out.getvalue()
    assert "port=8000" in out.getvalue()
    words = "what a customer said"
    try:
        raise ValueError(len(words))
    except ValueError:
        log.exception("bad")
    assert "ValueError: 20" in out.getvalue()
    assert "'what a customer said'" not in out.getvalue()


def test_setting_up_twice_does_not_double_the_lines() -> None:
    out = io.StringIO()
    configure_logging("INFO", "json", out)
    configure_logging("INFO", "json", out)
    logging.getLogger("x").info("once")
    assert out.getvalue().count("once") == 1
