"""Settings of engines: a wrong one stops the start, with what to do and without its value."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr, ValidationError

from segops_common.runtime.settings import StreamServiceSettings
from segops_common.streams.kafka.brokers import KafkaBrokers, KafkaLogin
from segops_ingest.settings import Settings as IngestSettings
from tests.shared.certificates import Authority

GOOD = {
    "redis_url": "redis://127.0.0.1:9/0",
    "service_token": SecretStr("s"),
    "event_log_url": "kafka://127.0.0.1:9",
    "auth_url": "http://127.0.0.1:9",
}
LOGIN = {"kafka_user": "segops", "kafka_password": "hunter2"}


def settings(**changes: object) -> StreamServiceSettings:
    return StreamServiceSettings.model_validate(GOOD | changes)


def test_a_user_signs_in_to_kafka_by_scram() -> None:
    access = settings(**LOGIN).log_access
    assert access.kafka_login == KafkaLogin(user="segops", password="hunter2", mechanism="SCRAM-SHA-512")
    assert "hunter2" not in repr(access)
    assert settings().log_access.kafka_login is None


def test_the_options_of_a_client_say_how_it_connects() -> None:
    login = KafkaLogin(user="segops", password="hunter2", mechanism="SCRAM-SHA-256")
    assert KafkaBrokers(bootstrap="one:1").options["security_protocol"] == "PLAINTEXT"
    options = KafkaBrokers(bootstrap="one:1", login=login).options
    assert (options["security_protocol"], options["sasl_mechanism"]) == ("SASL_PLAINTEXT", "SCRAM-SHA-256")


@pytest.mark.parametrize(
    ("changes", "refusal"),
    [
        ({"event_log_url": "kafka://segops:hunter2@127.0.0.1:9"}, "SEGOPS_EVENT_LOG_URL must not contain a user"),
        ({"kafka_user": "segops"}, "SEGOPS_KAFKA_USER and SEGOPS_KAFKA_PASSWORD must both be set"),
        ({"kafka_password": "hunter2"}, "must both be set"),
        (LOGIN | {"kafka_sasl_mechanism": "PLAIN"}, "must begin with kafkas:// for SEGOPS_KAFKA_SASL_MECHANISM=PLAIN"),
        (LOGIN | {"kafka_sasl_mechanism": "GSSAPI"}, "kafka_sasl_mechanism"),
    ],
)
def test_a_wrong_way_to_the_event_log_is_refused(changes: dict[str, str], refusal: str) -> None:
    with pytest.raises(ValidationError, match=refusal) as refused:
        settings(**changes)
    assert "hunter2" not in str(refused.value)


def test_plain_passwords_go_over_tls() -> None:
    access = settings(**LOGIN, kafka_sasl_mechanism="PLAIN", event_log_url="kafkas://127.0.0.1:9").log_access
    assert access.kafka_login is not None


def test_the_file_of_authorities_must_hold_certificates(tmp_path: Path) -> None:
    file = Authority(tmp_path).ca_file
    assert settings(ca_file=str(file)).log_access.ca_file == file
    (tmp_path / "empty.pem").write_text("hunter2")
    for wrong in ("missing.pem", "empty.pem"):
        with pytest.raises(ValidationError, match="certificates in PEM"):
            settings(ca_file=str(tmp_path / wrong))


def test_redis_waits_as_long_as_the_settings_say() -> None:
    access = settings(redis_timeout_s=0.2, redis_sentinel_password="hunter2").redis_access
    assert (access.timeout_s, access.connect_timeout_s, access.sentinel_password) == (0.2, None, "hunter2")
    assert "hunter2" not in repr(access)


@pytest.mark.parametrize("url", ["redis://one:1/0?ssl_cert_reqs=none", "hunter2", "redis://hunter2@one:1,two:2/0"])
def test_an_address_of_redis_that_is_not_understood_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="must be redis://") as refused:
        settings(redis_url=url)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("kind", ["sentinel://one:1/main", "cluster://one:1"])
def test_deliveries_are_remembered_by_one_server(kind: str) -> None:
    urls = {"clickhouse_url": "http://127.0.0.1:9/x", "segments_url": "http://127.0.0.1:9"}
    shared = GOOD | urls | {"redis_url": f"redis+{kind}"}
    with pytest.raises(ValueError, match="SEGOPS_EVENT_MEMORY_URL must be redis:// or rediss://"):
        IngestSettings.model_validate(shared).require("api")
    IngestSettings.model_validate(shared).require("sink")
    own = IngestSettings.model_validate(shared | {"event_memory_url": "rediss://one:1/0"}).require("api")
    assert own.memory_url == "rediss://one:1/0"
    with pytest.raises(ValueError, match="SEGOPS_EVENT_MEMORY_URL must be"):
        IngestSettings.model_validate(
            shared | {"redis_url": GOOD["redis_url"], "event_memory_url": f"redis+{kind}"}
        ).require("api")
