"""The time zone of whoever collected travels in the file, and decides the days on every other machine."""

from __future__ import annotations

import datetime as dt
from datetime import UTC, datetime
from pathlib import Path

import pytest
from apple import ChatDb
from collected import collect_into, query
from file_builder import Conversation, Message, filled
from stages import prepare
from typer.testing import CliRunner, Result

from ventriloquist import forget
from ventriloquist.chat.opening import find_opening
from ventriloquist.cli.app import app
from ventriloquist.collect import Choice
from ventriloquist.errors import SettingsError
from ventriloquist.prepare import PrepareOptions
from ventriloquist.store import open_database, recorded_run
from ventriloquist.store.time_zones import COLLECTED, PREPARED, find_zone, record_zone, recorded_zone

SAM = "+12505550111"
EVENING = int(datetime(2024, 3, 15, 20, tzinfo=UTC).timestamp() * 1000)  # in Tokyo it is the next day
AUCKLAND, TOKYO = "Pacific/Auckland", "Asia/Tokyo"


def vq(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), catch_exceptions=False)


@pytest.fixture
def in_tokyo(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Collect on a machine in Tokyo, and go on where it is UTC."""
    monkeypatch.setenv("TZ", TOKYO)
    db = ChatDb(tmp_path / "chat.db")
    chat = db.dm(SAM)
    for number in range(12):
        db.message(chat, EVENING + number * 60_000, f"text {number}")
    collect_into(home, db.close(), my_name="Robin")
    monkeypatch.setenv("TZ", "UTC")
    return home


def days(home: Path) -> set[object]:
    return {day for (day,) in query(home, "SELECT day FROM training_messages")}


def test_days_are_those_of_the_machine_that_collected(in_tokyo: Path) -> None:
    shown = vq("prepare")
    assert days(in_tokyo) == {"2024-03-16"}
    assert "Asia/Tokyo, where the messages were collected" in shown.stdout
    assert "--timezone" not in shown.stderr
    with open_database(in_tokyo) as db:
        assert recorded_zone(db, PREPARED) == TOKYO


def test_a_flag_wins_over_a_setting_and_that_over_the_file(in_tokyo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VQ_TIME_ZONE", "Europe/Berlin")
    assert "Europe/Berlin, as you named it" in vq("prepare").stdout
    assert days(in_tokyo) == {"2024-03-15"}
    assert AUCKLAND in vq("prepare", "--timezone", AUCKLAND).stdout
    assert days(in_tokyo) == {"2024-03-16"}
    Path(".env").write_text("VQ_TIME_ZONE=\n")
    monkeypatch.delenv("VQ_TIME_ZONE")
    assert TOKYO in vq("prepare").stdout


def test_collect_says_its_zone_and_takes_another(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", TOKYO)
    monkeypatch.setenv("MY_NAME", "Robin")
    source = ChatDb(tmp_path / "chat.db")
    source.message(source.dm(SAM), EVENING, "hi")
    arguments = ("collect", "--chat-db", str(source.close()))
    assert "Asia/Tokyo" in vq(*arguments).stdout
    assert "Europe/Berlin" in vq(*arguments, "--timezone", "Europe/Berlin").stdout
    vq("prepare")
    assert days(home) == {"2024-03-15"}
    refused = CliRunner().invoke(app, [*arguments, "--timezone", "Mars/Olympus"])
    assert refused.exit_code == 1
    assert "There is no time zone 'Mars/Olympus'" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_a_server_does_not_displace_the_zone_of_a_person(in_tokyo: Path, tmp_path: Path) -> None:
    again = collect_into(in_tokyo, tmp_path / "chat.db", my_name="Robin")
    assert again.timezone == TOKYO
    assert collect_into(in_tokyo, tmp_path / "chat.db", my_name="Robin", timezone=AUCKLAND).timezone == AUCKLAND
    assert collect_into(in_tokyo, tmp_path / "chat.db", my_name="Robin", replace=True).timezone == "UTC"


def test_the_days_of_collect_are_of_the_same_zone(in_tokyo: Path, tmp_path: Path) -> None:
    choice = Choice(since=dt.date(2024, 3, 16), until=dt.date(2024, 3, 16))
    assert collect_into(in_tokyo, tmp_path / "chat.db", my_name="Robin", choice=choice).messages == 12
    elsewhere = collect_into(in_tokyo, tmp_path / "chat.db", my_name="Robin", choice=choice, timezone="Europe/Berlin")
    assert elsewhere.messages == 0


def test_a_file_of_before_takes_this_machines_zone_and_says_so(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", AUCKLAND)
    with filled(home, [Conversation([Message("Sam", f"text {number}", EVENING) for number in range(12)])]):
        pass
    shown = vq("prepare")
    assert days(home) == {"2024-03-16"}
    assert "Pacific/Auckland, as on this machine" in shown.stdout
    assert "does not say in which time zone" in shown.stderr
    assert "--timezone" in shown.stderr


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "../../etc/passwd", "a\0b\x1b[31m", "x" * 100_000, b"\xff\xfe"])
def test_a_zone_in_the_file_that_is_none_is_an_error_of_one_line(in_tokyo: Path, name: str) -> None:
    with open_database(in_tokyo) as db:
        record_zone(db, COLLECTED, name)
        db.commit()
        with pytest.raises(SettingsError, match="unknown here") as caught:
            prepare(db)
        assert len(caught.value.what) < 400
        assert prepare(db, PrepareOptions(timezone="UTC")).timezone == "UTC"
    refused = CliRunner().invoke(app, ["prepare"])
    assert refused.exit_code == 1
    assert len(refused.stderr.splitlines()) == 2
    assert "\x1b" not in refused.stderr


def test_a_chat_lives_in_the_zone_that_its_messages_were_prepared_in(in_tokyo: Path) -> None:
    with open_database(in_tokyo) as db:
        prepare(db)
        zone = find_zone(db, None, PREPARED, COLLECTED).zone
        assert zone.key == TOKYO
        begun = find_opening(db, "Robin", ["Sam"], date="2019-06-15", fresh=True, limit=9, zone=zone)
        assert datetime.fromtimestamp((begun.begins_at or 0) / 1000, UTC) == datetime(2019, 6, 15, 3, tzinfo=UTC)
        assert find_zone(db, "Europe/Berlin", PREPARED).zone.key == "Europe/Berlin"
        prepare(db, PrepareOptions(timezone=AUCKLAND))
        assert find_zone(db, None, PREPARED, COLLECTED).zone.key == AUCKLAND
    assert find_zone(None, None, PREPARED).origin == "machine"


def test_forgetting_keeps_the_zone_also_that_of_a_city_somebody_is_called(in_tokyo: Path) -> None:
    said = [Message("Tokyo", "hi", EVENING), Message("Sam", "ho", EVENING)]
    with filled(in_tokyo / "other", [Conversation(said, type="group")]):
        pass
    with recorded_run(in_tokyo / "other", "prepare", {"timezone": TOKYO}) as run:
        prepare(run.db, PrepareOptions(timezone=TOKYO))
    with open_database(in_tokyo / "other") as db:
        forget.run(db, in_tokyo / "other", forget.plan(db, in_tokyo / "other", "Tokyo"))
    assert days(in_tokyo / "other") == {"2024-03-16"}
