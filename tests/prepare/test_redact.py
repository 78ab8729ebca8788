from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prepare import labelled
from ventriloquist.errors import SettingsError
from ventriloquist.prepare.redact import KINDS, Redactor
from ventriloquist.prepare.redact.own import load_own_rules, parse_own_rules

SETS = Path(__file__).parent / "secrets"
redact = Redactor(regions=("US", "GB", "DE"))


def test_every_secret_of_the_set_the_rules_were_tuned_on_is_replaced() -> None:
    score = labelled.score(labelled.read(SETS / "develop.txt"), redact)
    assert score.missed == []


def test_on_messages_no_rule_was_written_for_few_secrets_remain_and_nothing_else_changes() -> None:
    score = labelled.score(labelled.read(SETS / "final.txt"), redact)
    assert set(score.secrets) == set(KINDS)
    for kind, secrets in score.secrets.items():
        assert score.gone[kind] >= 0.95 * secrets, kind
    assert score.clean_messages_changed <= 0.01 * score.clean_messages


PIECES = [
    *(
        "call ",
        "code ",
        "my code is ",
        "password is ",
        "pass: ",
        "account ",
        "sort code ",
        "number ",
        "address: ",
        "use ",
    ),
    *(
        "482913",
        "555-0188",
        "+14155550132",
        "4111 1111 1111 1111",
        "a@b.example",
        "hunter2",
        "DE89 3704 0044 0532 0130 00",
    ),
    *(
        "[code]",
        "[phone",
        "]",
        "[",
        '"',
        " ",
        "\n",
        ": ",
        ", ",
        "\u2028",
        "0",
        "12",
        "٣٤٥",
        "+",
        "-",
        "(",
        ")",
        "/",
        "@",
        ".",
    ),
    *("14 Larkspur Lane", "Goethestr. 27", "https://example.com/", "www.", "é", "\x00", "is ", "to log in", "SW1A 2AA"),
]
texts = st.one_of(st.text(), st.lists(st.sampled_from(PIECES), max_size=12).map("".join))


@given(texts)
def test_redacting_twice_changes_nothing_more(text: str) -> None:
    once = redact(text)
    assert redact(once) == once


@given(st.lists(texts, max_size=4))
def test_what_was_learnt_keeps_redaction_stable(messages: list[str]) -> None:
    learnt = Redactor()
    learnt.learn(messages)
    for text in messages:
        once = learnt(text)
        assert learnt(once) == once


@given(st.text(alphabet=st.characters(exclude_categories=["Nd", "Cs"], exclude_characters="@")))
def test_a_text_without_digits_and_keywords_is_left_alone(text: str) -> None:
    if "pass" not in text.lower():
        assert redact(text) == text


def test_a_secret_recognised_once_is_replaced_where_nothing_gives_it_away() -> None:
    learnt = Redactor()
    learnt.learn(["wifi password is tulip77x", "my account number is 5512 8830 17", "at 20:30 in 2024"])
    assert learnt("tulip77x works!") == "[password] works!"
    assert learnt("55-128830-17?") == "[account]?"
    assert learnt("in 2024 at 20:30") == "in 2024 at 20:30"


def test_a_common_word_that_somebody_uses_as_a_password_stays_elsewhere() -> None:
    learnt = Redactor()
    learnt.learn(["the wifi password is pancake, room 12"])
    assert learnt("pancake for breakfast at 12") == "pancake for breakfast at 12"


def test_counts_are_by_kind_and_a_text_may_hold_several() -> None:
    counts: Counter[str] = Counter()
    assert (
        redact("mail a@b.example or call 555-0188, code: 4471", counts) == "mail [email] or call [phone], code: [code]"
    )
    assert counts == {"email": 1, "phone": 1, "code": 1}


def test_only_the_kinds_asked_for_are_replaced() -> None:
    assert Redactor(["email"])("a@b.example 555-0188") == "[email] 555-0188"


def test_a_placeholder_that_somebody_typed_stays() -> None:
    assert redact("[phone] and [code] 5") == "[phone] and [code] 5"


def test_numbers_within_links_stay_but_addresses_and_dialling_links_go() -> None:
    assert (
        redact("https://example.com/4155550132?x=4111111111111111")
        == "https://example.com/4155550132?x=4111111111111111"
    )
    assert redact("https://wa.me/14155550132") == "https://wa.me/[phone]"
    assert redact("https://example.com/?mail=a@b.example").endswith("[email]")


def test_line_breaks_survive_around_a_secret_on_a_line_of_its_own() -> None:
    assert redact("my password is\nhunter2\nok?") == "my password is\n[password]\nok?"


def test_an_iban_ends_where_its_country_says_whatever_follows() -> None:
    for iban in (
        "ES8425070030560351056237",
        "NO93 8601 1117 947",
        "gb29 nwbk 6016 1331 9268 19",
        "PL37-1691-9729-9045-6007-1542-7385",
    ):
        assert redact(f"so {iban} then") == "so [account] then"
        assert redact(iban) == "[account]"
        assert redact(f"so {iban[:-1]}x then") != "so [account] then"


def test_national_numbers_need_a_region_that_has_them() -> None:
    assert Redactor(regions=("ES",))("612 345 609") == "[phone]"
    assert Redactor(regions=("US",))("612 345 609") == "612 345 609"


def test_a_long_text_takes_time_in_proportion_to_its_length() -> None:
    for piece in ("1", "1 ", "12-", "a@", "a.b", "password ", "code ", "pass ", "Aa Bb ", "12 Aa ", "(", "+1 "):
        text = piece * (400_000 // len(piece))
        assert isinstance(redact(text), str)


def test_own_rules_find_words_in_any_case_and_patterns() -> None:
    rules = parse_own_rules("# mine\nproject: Bluebird\n\nnickname: /zz\\d+/\nproject : project\n")
    own = Redactor(own_rules=rules)
    assert own("BLUEBIRD, bluebirds, zz12 555-0188") == "[project], bluebirds, [nickname] [phone]"
    assert own("the project") == "the [project]"
    assert Redactor(["nickname"], own_rules=rules)("Bluebird zz1") == "Bluebird [nickname]"


@pytest.mark.parametrize(
    ("rules", "text", "expected"),
    [
        (r"nick: /(b)(o)\2\1/", "boob bob", "[nick] bob"),  # groups keep their numbers
        (r"nick: /(\w)\1{2,}/", "zzzz z", "[nick] z"),
        (r"nick: /(?P<first>z)(?P=first)\d/", "zz1", "[nick]"),
        ("nick: /(?P<a>x\\d)/\nname: /(?P<a>y\\d)/", "x1 y2", "[nick] [name]"),  # a name in two rules
        (r"nick: /(?P<secret>z+)\d/", "zz1!", "[nick]!"),  # all that is found goes, whatever its groups are called
        (r"nick: /(?:call )(zed)|zoe/", "call zed, zoe", "[nick], [nick]"),
        (r"nick: /(q)?(?(1)z|y)1/", "qz1 y1 z1", "[nick] [nick] z1"),
        (r"nick: /(?i)zed\d/", "ZED1", "[nick]"),
        (r"nick: /(?i:Z)ed/", "zed", "[nick]"),
        (r"nick: /(?-i:Zed)/", "Zed zed", "[nick] zed"),
        (r"nick: /(?x) zed \d  # a comment/", "zed1", "[nick]"),
        ("nick: /^zed.*$/m", "hi\nzed is here\nok", "hi\n[nick]\nok"),
        ("nick: /(?m)^zed.*$/", "hi\nzed is here\nok", "hi\n[nick]\nok"),
        ("nick: /zed.+end/s", "a zed\n\nend b", "a [nick] b"),
        (r"nick: /zed\d/gi", "ZED1 zed2", "[nick] [nick]"),
        ("nick: /a\\/b/", "a/b", "[nick]"),
        ("nick: /z*/", "ok", "ok"),  # what finds nothing replaces nothing
        ("path: /home/otto", "see /home/otto now", "see [path] now"),  # a path, not a pattern
        ("both: //", "a // b", "a [both] b"),
    ],
)
def test_own_patterns_have_groups_and_flags_of_their_own(rules: str, text: str, expected: str) -> None:
    own = Redactor({rule.kind for rule in parse_own_rules(rules)}, own_rules=parse_own_rules(rules))
    assert own(text) == expected
    assert own(expected) == expected


@pytest.mark.parametrize(
    "pattern",
    ["(", "(?P<a>x", r"\1", "(?P<a>x)(?P=b)", "a{2,1}", "[z-a]", "*", "(" * 5000 + ")" * 5000, r"\L<names>"],
)
def test_a_pattern_that_is_none_is_named_by_its_line(pattern: str) -> None:
    with pytest.raises(SettingsError, match=r"Line 3 of redact\.txt is not a valid regular expression") as caught:
        parse_own_rules(f"# mine\nfine: yes\nnick: /{pattern}/")
    assert pattern not in caught.value.what + caught.value.hint


@pytest.mark.parametrize("pattern", ["(a|aa)+$", "(?:a+b?)+c", r"(\w+\s?)+\d!"])
def test_a_pattern_that_would_never_end_is_stopped_and_named(pattern: str) -> None:
    own = Redactor(own_rules=parse_own_rules(f"fine: yes\nnick: /{pattern}/"))
    with pytest.raises(SettingsError, match=r"Line 2 of redact\.txt takes too long"):
        own("a" * 5000 + "!")


@pytest.mark.parametrize("line", ["Bluebird", "Project: x", "a: /(/", ": x", "a:"])
def test_a_line_that_is_no_rule_is_named_but_not_shown(home: Path, line: str) -> None:
    home.mkdir()
    (home / "redact.txt").write_text(f"fine: yes\n{line}\n")
    with pytest.raises(SettingsError, match=r"Line 2") as caught:
        load_own_rules(home)
    assert "Bluebird" not in caught.value.what


def test_without_a_file_there_are_no_own_rules(home: Path) -> None:
    assert load_own_rules(home) == ()


def test_a_text_full_of_secrets_takes_time_in_proportion_to_its_length_too() -> None:
    for piece, placeholder in (
        ("a@b.example ", "[email] "),
        ("555-0188 ", "[phone] "),
        ("code: 4471 ", "code: [code] "),
    ):
        assert redact(piece * 20_000) == placeholder * 20_000


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("NO12 İSTANBULDAN geldim", "NO12 İSTANBULDAN geldim"),
        ("GB29NWB\u212a60161331926819", "GB29NWB\u212a60161331926819"),
        ("4111 1111 1111 1111 12/27", "[card] 12/27"),
        ("4111111111111111 12/27 123", "[card] 12/27 123"),
        ("4111 1111 1111 1111 123", "[card] 123"),
        ("3782 822463 10005 1234", "[card] 1234"),
        ("wifi password is 87654321", "wifi password is [password]"),
        ("the password is 123456", "the password is [password]"),
        ("Passwort ist 12345678", "Passwort ist [password]"),
        ("password 4 times", "password 4 times"),
        ("密码：abc12345", "密码：[password]"),
        ("密码是abc12345", "密码是[password]"),
        ("パスワード：Tokyo2024", "パスワード：[password]"),
        ("パスワードは忘れた", "パスワードは忘れた"),
        ("パスワードは忘れました", "パスワードは忘れました"),
        ("密码是什么来着", "密码是什么来着"),
        ("密码是abc123，记得改", "密码是[password]，记得改"),
        ("They leaked passwords of users to 1000000 people", "They leaked passwords of users to 1000000 people"),
        ("password 1000000 times", "password 1000000 times"),
        ("Mäkitie 5", "[address]"),
        ("Kotitie 12", "[address]"),
        ("ask Katie 7 pm works", "ask Katie 7 pm works"),
        ("hey bestie 2 things", "hey bestie 2 things"),
        ("brigade 12", "brigade 12"),
        ("Mannerheimintie 5", "[address]"),
    ],
)
def test_a_secret_is_found_in_its_surroundings_and_words_like_it_stay(text: str, redacted: str) -> None:
    assert redact(text) == redacted
    assert redact(redacted) == redacted


@pytest.mark.parametrize(
    ("region", "text", "redacted"),
    [
        ("CN", "电话13800138000", "电话[phone]"),
        ("JP", "電話は090-1234-5678です", "電話は[phone]です"),
        ("CN", "一共13800138000元", "一共13800138000元"),
    ],
)
def test_a_number_is_found_between_characters_without_spaces(region: str, text: str, redacted: str) -> None:
    assert Redactor(regions=(region,))(text) == redacted
