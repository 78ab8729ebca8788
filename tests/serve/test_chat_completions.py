"""OpenAI's chats: what is asked, and what is answered, streamed and whole."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from file_builder import Conversation, Message, filled
from running import KIM, ME, NAMES, ZOE, Running, chat_body, running
from stages import prepare

from ventriloquist.model.partial_line import Piece
from ventriloquist.model.sampling import Sampling
from ventriloquist.serve.conversation import _named
from ventriloquist.serve.requests import ChatBody
from ventriloquist.serve.writer import RequestWriter
from ventriloquist.transcript import DELTAS, Line


def test_each_person_and_group_is_a_model_with_its_last_message(served: Running) -> None:
    listed = served.get("/v1/models").json()
    assert listed["object"] == "list"
    about = {model["id"]: model["ventriloquist"] for model in listed["data"]}
    assert set(about) == {KIM, ZOE, "Garden"}
    assert about[KIM]["kind"] == "person"
    assert about[KIM]["me"] == ME
    assert about[KIM]["last"]["content"] == "tea 29"
    assert about["Garden"] == {
        "kind": "group",
        "members": [ME, KIM, ZOE],
        "me": ME,
        "last": about["Garden"]["last"],
    }
    assert served.get(f"/v1/models/{ZOE}").json()["id"] == ZOE


def test_an_answer_is_openais_and_its_lines_are_joined_by_newlines(served: Running) -> None:
    answer = served.chat(KIM.lower(), "hello")
    assert answer["object"] == "chat.completion"
    assert answer["model"] == KIM
    (choice,) = answer["choices"]
    assert choice["message"]["role"] == "assistant"
    assert choice["finish_reason"] in ("stop", "length")
    lines = choice["ventriloquist"]["lines"]
    assert 1 <= len(lines) <= 6
    assert "\n".join(line["content"] for line in lines) == choice["message"]["content"]
    assert {line["name"] for line in lines} == {KIM}
    assert {line["delta"] for line in lines} <= set(DELTAS)
    usage = answer["usage"]
    assert usage["prompt_tokens"] > 0
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]


def test_a_stream_has_the_text_of_the_whole_answer_and_ends_with_done(served: Running) -> None:
    body = chat_body(KIM, "hello", ventriloquist={})
    whole = served.post("/v1/chat/completions", body).json()["choices"][0]
    chunks = served.stream({**body, "stream_options": {"include_usage": True}})
    *spoken, last, usage = chunks
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert len({chunk["id"] for chunk in chunks}) == 1
    assert "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in spoken) == whole["message"]["content"]
    assert spoken[0]["choices"][0]["delta"] == {"role": "assistant", "content": ""}
    begun = [chunk for chunk in spoken if chunk["ventriloquist"]["event"] == "line"]
    assert [chunk["choices"][0]["delta"]["content"] for chunk in begun[1:]] == ["\n"] * (len(begun) - 1)
    assert last["choices"][0]["finish_reason"] == whole["finish_reason"]
    assert last["ventriloquist"] == {"event": "end"}
    assert usage["choices"] == []
    assert usage["usage"]["completion_tokens"] > 0
    assert all("usage" not in chunk for chunk in served.stream(body))


def test_a_seed_gives_the_same_answer_and_another_one_another(served: Running) -> None:
    first, again, other = (
        served.chat(KIM, "hello", seed=seed)["choices"][0]["message"]["content"] for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_without_a_seed_answers_differ(served: Running) -> None:
    said = {served.chat(KIM, "hello", seed=None)["choices"][0]["message"]["content"] for _ in range(3)}
    assert len(said) > 1


@pytest.mark.parametrize("fields", [{"max_tokens": 2}, {"max_completion_tokens": 2}])
def test_max_tokens_ends_an_answer_and_says_so(served: Running, fields: dict[str, int]) -> None:
    answer = served.chat(KIM, "hello", temperature=0, **fields)
    assert answer["usage"]["completion_tokens"] <= 3  # a character that is cut off is dropped
    assert answer["choices"][0]["finish_reason"] == "length"


def test_no_line_is_empty_however_few_tokens_it_may_have(served: Running) -> None:
    for seed in range(12):
        (choice,) = served.chat(KIM, "hello", seed=seed, max_tokens=1 + seed % 4)["choices"]
        assert all(line["content"].strip() for line in choice["ventriloquist"]["lines"])
        assert not choice["message"]["content"].endswith("\n")


def test_a_stop_string_ends_the_content_before_it(served: Running) -> None:
    whole = served.chat(KIM, "hello")["choices"][0]["message"]["content"]
    stop = whole[3:5]
    body = chat_body(KIM, "hello", stop=[stop, "never said"])
    expected = whole[: whole.index(stop)]
    answer = served.post("/v1/chat/completions", body).json()["choices"][0]
    assert answer["message"]["content"] == expected
    assert answer["finish_reason"] == "stop"
    streamed = served.stream(body)
    assert "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in streamed) == expected


def test_n_gives_alternatives_to_the_first_line(served: Running) -> None:
    answer = served.chat(KIM, "hello", n=4)
    contents = [choice["message"]["content"] for choice in answer["choices"]]
    assert [choice["index"] for choice in answer["choices"]] == [0, 1, 2, 3]
    assert len(set(contents)) > 1
    assert not any("\n" in content for content in contents)


def test_alternatives_keep_an_end_that_only_begins_a_stop_string(served: Running) -> None:
    contents = [choice["message"]["content"] for choice in served.chat(KIM, "hello", n=2)["choices"]]
    stops = [f"{content[-1]}\nMe:" for content in contents]
    stopped = served.chat(KIM, "hello", n=2, stop=stops)["choices"]
    assert [choice["message"]["content"] for choice in stopped] == contents


def test_in_a_group_lines_have_names_for_a_client_that_knows_no_others(served: Running) -> None:
    for seed in range(10):
        answer = served.chat("garden", "hello", seed=seed)["choices"][0]
        content, lines = answer["message"]["content"], answer["ventriloquist"]["lines"]
        assert content == "\n".join(f"{line['name']}: {line['content']}" for line in lines)
        ours = served.chat("garden", "hello", seed=seed, ventriloquist={})["choices"][0]
        assert ours["message"]["content"] == "\n".join(line["content"] for line in lines)
        if lines:
            return
    pytest.fail("nobody answers")


def test_a_speaker_answers_first_in_a_group(served: Running) -> None:
    answer = served.chat("Garden", "hello", ventriloquist={"speaker": ZOE.lower()})
    assert {line["name"] for line in answer["choices"][0]["ventriloquist"]["lines"]} == {ZOE}


def test_an_unknown_model_is_answered_with_the_nearest_names(served: Running) -> None:
    response = served.post("/v1/chat/completions", chat_body("Zoe Feild", "hello"))
    assert response.status_code == 404
    error = response.json()["error"]
    assert error["message"] == f"No model is called 'Zoe Feild'. Did you mean {ZOE!r}?"
    assert error["code"] == "model_not_found"


def test_nobody_writes_who_is_not_served(run: Path, home: Path) -> None:
    conversations = [Conversation([Message(NAMES[index % 3], f"one {index}") for index in range(30)], type="group")]
    with filled(home, conversations, owner=ME) as db:
        prepare(db)
    with running(home, run, only=[ZOE]) as served:  # she has no chat of her own, so hers goes on in the group
        served.chat(ZOE, "hello", max_tokens=2, ventriloquist={"speaker": ZOE})
        refused = served.post("/v1/chat/completions", chat_body(ZOE, "hello", ventriloquist={"speaker": KIM}))
        assert refused.status_code == 400
        assert refused.json()["error"]["message"].startswith(f"{KIM} is not served.")


@pytest.mark.parametrize(
    ("content", "name", "rest"),
    [
        ("Kim: hi", "Kim", "hi"),
        ("Mom :): hi", "Mom :)", "hi"),
        ("Kim: Jr: hi", "Kim: Jr", "hi"),
        ("Kim:  two spaces", "Kim", " two spaces"),
        ("Kim: ", "somebody", "Kim: "),
        ("Note: hi", "somebody", "Note: hi"),
    ],
)
def test_a_line_of_a_group_is_by_the_member_whose_name_it_begins_with(content: str, name: str, rest: str) -> None:
    session = SimpleNamespace(members=("Robin", "Kim", "Kim: Jr", "Mom :)"))
    assert _named(content, "somebody", session) == (name, rest)


class _Cut:
    """Writes a line that reached its limit, and whose content has fewer tokens than were drawn."""

    def with_request(self, **_settings: object) -> _Cut:
        return self

    def count_tokens(self, text: str) -> int:
        return 1

    def write(self, _context: object, names: tuple[str, ...], _most: int) -> Iterator[Piece]:
        yield Piece(names[0], "<1m", "ab", Line(names[0], "<1m", "ab"), is_cut=True)


@pytest.mark.parametrize(("limit", "left"), [(3, 0), (None, 256), (1000, 999)])
def test_nothing_is_written_after_a_line_that_the_limit_has_cut(limit: int | None, left: int) -> None:
    body = ChatBody.model_validate({"model": KIM, "messages": [], "max_tokens": limit})
    writer = RequestWriter(_Cut(), body, Sampling(), 0, lambda: None)
    list(writer.write([], (KIM,)))
    assert writer.left == left
