"""The command line and the bootstrap that every service shares."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence

import pytest
from pydantic import SecretStr, ValidationError

from segops_common.runtime.bootstrap import ServiceBootstrap, StreamServiceBootstrap
from segops_common.runtime.cli import Service
from segops_common.runtime.migrations import MigrationRefused, MigrationStep
from segops_common.runtime.settings import ServiceSettings, StreamServiceSettings

SETTINGS = {"redis_url": "redis://127.0.0.1:9/0", "service_token": SecretStr("s")}
STREAM_SETTINGS = SETTINGS | {"event_log_url": "valkey://127.0.0.1:9/1", "auth_url": "http://127.0.0.1:9"}


class Step:
    """A migration step whose migrations are names."""

    def __init__(self, *names: str) -> None:
        self.names = list(names)

    async def apply(self) -> Sequence[str]:
        names, self.names = self.names, []
        return names

    async def pending(self) -> Sequence[str]:
        return self.names


class Bootstrap(ServiceBootstrap[ServiceSettings]):
    """A service with two migration steps."""

    def __init__(self, settings: ServiceSettings, *steps: Step) -> None:
        super().__init__(settings)
        self._steps = steps

    @property
    def migrations(self) -> Sequence[MigrationStep]:
        return self._steps


class StreamBootstrap(StreamServiceBootstrap[StreamServiceSettings]):
    """A service on the event log."""

    @property
    def migrations(self) -> Sequence[MigrationStep]:
        return ()


@pytest.fixture(autouse=True)
def root_logger() -> Iterator[logging.Logger]:
    """The root logger, restored after the test: the command line configures it for its process."""
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    yield root
    root.setLevel(level)
    root.handlers[:] = handlers


def service(bootstrap: Bootstrap, roles_run: list[str]) -> Service[Bootstrap]:
    async def serve(_: Bootstrap) -> None:
        roles_run.append("api")

    return Service(name="example", bootstrap=lambda _role: bootstrap, roles={"api": ("serve", serve)})


@pytest.mark.parametrize("level", ["DEBUG", "ERROR"])
def test_a_role_logs_at_the_level_of_the_settings(level: str, root_logger: logging.Logger) -> None:
    roles_run: list[str] = []
    settings = ServiceSettings.model_validate(SETTINGS | {"log_level": level})
    assert service(Bootstrap(settings), roles_run).main(["api"]) == 0
    assert roles_run == ["api"]
    assert root_logger.level == getattr(logging, level)


def test_the_level_is_info_by_default_and_must_be_a_level() -> None:
    assert ServiceSettings.model_validate(SETTINGS).log_level == "INFO"
    with pytest.raises(ValidationError, match="log_level"):
        ServiceSettings.model_validate(SETTINGS | {"log_level": "verbose"})


def test_migrate_applies_every_step_and_check_reports_pending_ones(capsys: pytest.CaptureFixture[str]) -> None:
    bootstrap = Bootstrap(ServiceSettings.model_validate(SETTINGS), Step("0001"), Step("0001_events", "0002_more"))
    command_line = service(bootstrap, []).main
    assert command_line(["migrate", "--check"]) == 1
    assert "pending: 0002_more" in capsys.readouterr().out
    assert command_line(["migrate"]) == 0
    assert "applied 3 migrations" in capsys.readouterr().out
    assert command_line(["migrate", "--check"]) == 0


class RefusedStep(Step):
    """A migration step on a store that it must not change."""

    async def apply(self) -> Sequence[str]:
        raise MigrationRefused("restore the file")

    async def pending(self) -> Sequence[str]:
        return await self.apply()


@pytest.mark.parametrize("options", [[], ["--check"]])
def test_a_refused_migration_says_why_in_one_line(capsys: pytest.CaptureFixture[str], options: list[str]) -> None:
    bootstrap = Bootstrap(ServiceSettings.model_validate(SETTINGS), RefusedStep())
    assert service(bootstrap, []).main(["migrate", *options]) == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert "restore the file" in line
    assert "Traceback" not in line


def test_an_unknown_role_is_refused() -> None:
    with pytest.raises(SystemExit):
        service(Bootstrap(ServiceSettings.model_validate(SETTINGS)), []).main(["worker"])


def test_crash_points_outside_tests_stop_every_role() -> None:
    settings = StreamServiceSettings.model_validate(STREAM_SETTINGS | {"crash_at": "after_insert"})
    with pytest.raises(ValueError, match="SEGOPS_ENV=test"):
        StreamBootstrap(settings)
    StreamBootstrap(settings.model_copy(update={"env": "test"}))


def test_an_error_about_settings_does_not_show_their_values() -> None:
    with pytest.raises(ValidationError, match="drain_s") as refused:
        ServiceSettings.model_validate(SETTINGS | {"drain_s": "hunter2"})
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        (
            {"drain_s": "hunter2"},
            "SEGOPS_DRAIN_S: Input should be a valid number, unable to parse string as a number\n",
        ),
        ({"event_log_url": "hunter2"}, "SEGOPS_EVENT_LOG_URL must begin with kafka://"),
        ({"redis_url": "hunter2"}, "SEGOPS_REDIS_URL must be redis://"),
        ({"internal_port": 8000}, "SEGOPS_INTERNAL_PORT must differ from SEGOPS_HTTP_PORT\n"),
        ({"crash_at": "after_insert"}, "SEGOPS_CRASH_AT must be empty unless SEGOPS_ENV=test\n"),
    ],
)
def test_a_wrong_setting_ends_the_start_with_one_line(
    changes: dict[str, str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def bootstrap(_role: str) -> StreamBootstrap:
        return StreamBootstrap(StreamServiceSettings.model_validate(STREAM_SETTINGS | changes))

    assert Service(name="example", bootstrap=bootstrap, roles={}).main(["migrate"]) == 2
    output = capsys.readouterr().err
    assert output.startswith(line)
    assert (output.count("\n"), "hunter2" in output) == (1, False)
