"""Names have one canonical form each, and nothing invisible or confusable gets through."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parlour.core.accounts import account_name
from parlour.core.errors import Refusal
from parlour.core.names import MAX_NAME_CHARS, RESERVED, check_key, display_name, room_name

ROOMS = [
    ("lobby", "lobby"),
    ("0", "0"),
    ("a-b_c.d", "a-b_c.d"),
    ("a..b", "a..b"),
    ("x" * 64, "x" * 64),
    ("Lobby", "lobby"),
    ("LOBBY", "lobby"),
    ("ＬＯＢＢＹ", "lobby"),
    ("１２", "12"),
    ("Straße", "strasse"),
    ("STRASSE", "strasse"),
    ("ﬁn", "fin"),
    ("e\u0301t\u00e9", "\u00e9t\u00e9"),
    ("ΣΟΦΟΣ", "σοφοσ"),
    ("σοφος", "σοφοσ"),
    ("\u212aelvin", "kelvin"),
    ("комната", "комната"),
    ("会議室", "会議室"),
    ("ルーム", "ルーム"),
    ("ﾙｰﾑ", "ルーム"),
    ("हिन्दी", "हिन्दी"),
    ("ไทย", "ไทย"),
    ("ห้อง", "ห้อง"),
    ("བསྒྲུབས", "བསྒྲུབས"),
    ("שָׁלוֹם", unicodedata.normalize("NFKC", "שָׁלוֹם")),
    ("غرفة", "غرفة"),
    ("٣", "٣"),
]

BAD_ROOMS = [
    "",
    " ",
    "a b",
    "a/b",
    "a?b",
    "a:b",
    "a\0b",
    "a\nb",
    "lobby\n",
    "-a",
    "_a",
    ".a",
    "..",
    ".",
    "\u0301a",
    "1\u0301",
    "a-\u0301",
    "a" + "\u0302" * 5 + "\u0323" * 5,
    "a\u200bb",
    "a\u200db",
    "a\u202eb",
    "a\u00adb",
    "a\ufe0f",
    "\u3164",
    "\uffa0",
    "\u115f",
    "\u2800",
    "a\u034fb",
    "🙂",
    "²½",
    "ab\ud800",
    "x" * 65,
    "x" * 100_000,
    "\ufdfa" * 20,
    "Ⅷ⃝",
]


@pytest.mark.parametrize(("raw", "canonical"), ROOMS)
def test_a_room_name_has_one_canonical_form(raw: str, canonical: str) -> None:
    assert room_name(raw) == canonical
    assert room_name(canonical) == canonical


@pytest.mark.parametrize("raw", ["Rosa Luxemburg", " rosa", "rosa\u00a0luxemburg"])
def test_a_name_with_a_space_is_refused_in_plain_words(raw: str) -> None:
    with pytest.raises(Refusal) as refused:
        account_name(raw)
    assert refused.value.detail == "A name has no spaces: it has letters, digits, - _ and . only."


@pytest.mark.parametrize("raw", BAD_ROOMS)
def test_a_bad_room_name_is_refused_and_never_shown_raw(raw: str) -> None:
    with pytest.raises(Refusal) as refused:
        room_name(raw)
    assert refused.value.code == "bad_room_name"
    assert refused.value.field == "room"
    assert refused.value.detail.isascii()
    assert refused.value.detail.isprintable()


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_a_reserved_name_is_refused_in_every_spelling(name: str) -> None:
    wide = "".join(chr(ord(char) + 0xFEE0) if "a" <= char <= "z" else char for char in name)
    for raw in (name, name.upper(), name.title(), wide):
        with pytest.raises(Refusal) as refused:
            room_name(raw)
        assert refused.value.code == "reserved_name"
        assert name in refused.value.detail


IN_THE_CONTRACT = """
    api send login help static files hooks invite join search me admin healthz readyz metrics limits robots.txt
    favicon.ico manifest.webmanifest sw.js .well-known
"""


def test_the_reserved_names_of_the_wire_contract_are_reserved() -> None:
    assert set(IN_THE_CONTRACT.split()) <= RESERVED


def room_or_code(raw: str) -> str:
    """The canonical name, or the code of the refusal in angle brackets, which no name can have."""
    try:
        return room_name(raw)
    except Refusal as refusal:
        return f"<{refusal.code}>"


def display_or_code(raw: str) -> str:
    try:
        return display_name(raw)
    except Refusal as refusal:
        return f":{refusal.code}"


def test_every_single_character_is_a_stable_name_or_refused() -> None:
    for code in range(sys.maxunicode + 1):
        char = chr(code)
        category = unicodedata.category(char)
        if category[0] in "CZ":
            continue  # refused by category; the samples above hold it, and the loop stays short
        name = room_or_code(char)
        assert name == "<bad_room_name>" or room_name(name) == name, f"U+{code:04X}"


@given(st.text(max_size=80))
def test_a_room_name_is_stable_and_short_whatever_comes(raw: str) -> None:
    name = room_or_code(raw)
    if name not in ("<bad_room_name>", "<reserved_name>"):
        assert 1 <= len(name) <= MAX_NAME_CHARS
        assert room_name(name) == name
        assert name not in RESERVED
        assert not set(name) & set("/?#% \n\r\0")


DISPLAY = [
    ("alice", "alice"),
    ("  alice  ", "alice"),
    ("Alice  B\u00a0C\u3000D", "Alice B C D"),
    ("e\u0301", "\u00e9"),
    ("山田 太郎", "山田 太郎"),
    ("葛\U000e0100城", "葛\U000e0100城"),
    ("हिन्दी", "हिन्दी"),
    ("O'Brien-Smith, Jr.", "O'Brien-Smith, Jr."),
    ("👩\u200d👩\u200d👧", "👩\u200d👩\u200d👧"),
    ("❤\ufe0f\u200d🔥", "❤\ufe0f\u200d🔥"),
    ("👍🏽", "👍🏽"),
    ("1\ufe0f\u20e3", "1\ufe0f\u20e3"),
    ("\U0001fae8", "\U0001fae8"),
    ("x" * 64, "x" * 64),
    ("admiral", "admiral"),
    ("systematic", "systematic"),
    ("modern", "modern"),
    ("guest", "guest"),
    ("guestbook", "guestbook"),
    ("guest book", "guest book"),
    ("guest-abc", "guest-abc"),
    ("guest-abcde", "guest-abcde"),
    ("Zoë Ångström", "Zoë Ångström"),
    ("Ёлка", "Ёлка"),
    ("ʟᴇᴀ", "ʟᴇᴀ"),
]

BAD_DISPLAY = [
    "",
    "   ",
    "\u3000",
    "\u200b",
    "\u200d",
    "\u2800",
    "\u3164",
    "\u0301\u0302",
    "\ufe0f",
    "a\tb",
    "a\nb",
    "a\rb",
    "a\0b",
    "a\x1b[31mb",
    "a\x7fb",
    "a\x85b",
    "a\u2028b",
    "a\u202eb",
    "\u2066a\u2069",
    "a\u200eb",
    "a\u200db",
    "👩\u200d",
    "\u200d👩",
    "a\u200cb",
    "a\u00adb",
    "a\ufeffb",
    "a\ufe0fb",
    "a\ue000b",
    "a\ufffeb",
    "ab\ud800",
    "a\U000e0061b",
    "a\u3164b",
    "alice: hi",
    "alice：hi",
    "z" + "\u0337" * 5,
    "z" + "\u0337" * 1000,
    "x" * 65,
    "x" * 1_000_000,
]


@pytest.mark.parametrize(("raw", "shown"), DISPLAY)
def test_a_display_name_is_trimmed_and_composed(raw: str, shown: str) -> None:
    assert display_name(raw) == shown
    assert display_name(shown) == shown


@pytest.mark.parametrize("raw", BAD_DISPLAY)
def test_a_display_name_that_disturbs_or_hides_is_refused(raw: str) -> None:
    with pytest.raises(Refusal) as refused:
        display_name(raw)
    assert refused.value.code == "bad_name"
    assert refused.value.field == "name"
    assert refused.value.detail.isascii()
    assert refused.value.detail.isprintable()


@pytest.mark.parametrize(
    "raw",
    [
        "system",
        "System",
        "SYSTEM",
        "s y s t e m",
        "[system]",
        "system!",
        "ｓｙｓｔｅｍ",
        "ѕуѕтем",
        "admin",
        "аdmin",
        "adm1n",
        "Server",
        "serνer",
        "everyone",
        "here",
        "Parlour",
        "ro0t",
        "mod",
        "adm\u0131n",
        "ᴀᴅᴍɪɴ",
        "admiń",
        "ädmin",
        "a\u0308dmin",
        "ａdｍiｎ\u0323\u0301",
        "ꜱystem",
        "ѕуѕтεм",
        "systern",
        "SYSTERN",
        "adrnin",
        "ovvner",
        "parłour",
        "røot",
        "ɑdmin",
        "@dmin",
        "$ystem",
        "adm|n",
        "🄰🄳🄼🄸🄽",
        "🅰🅳🅼🅸🅽",
        "Ⓐⓓⓜⓘⓝ",
    ],
)
def test_a_display_name_that_impersonates_the_server_is_refused(raw: str) -> None:
    with pytest.raises(Refusal) as refused:
        display_name(raw)
    assert refused.value.code == "reserved_name"


@pytest.mark.parametrize(
    "raw",
    [
        "guest-abcd",
        "Guest-ABCD",
        "guest\u2010abcd",
        "guest \u2013 abcd",
        "guest\u2212abcd",
        "guest--abcd",
        "guest_abcd",
        "gue5t-abcd",
        "guest-ab0d",
        "guest-àbcd",
        "ɢᴜᴇꜱᴛ-abcd",
        "gυest-аbcd",
    ],
)
def test_a_display_name_that_impersonates_a_guest_without_a_name_is_refused(raw: str) -> None:
    with pytest.raises(Refusal) as refused:
        display_name(raw)
    assert refused.value.code == "reserved_name"
    assert "guest-abcd" in refused.value.detail


CONFUSABLE = [
    "ꓮdmin",  # Lisu
    "аdmin",
    "Аdmіn",
    "admi\u0274",
    "adm𝐢n",
    "𝒜𝒹𝓂𝒾𝓃",
    "ＡＤＭＩＮ",
    "αdmin",
    "ADMIΝ",  # Greek Nu, whose small letter is none of an n
    "ΑDΜΙΝ",
    "ᎪdmᎥn",  # Cherokee
    "ⲣarlⲟur",  # Coptic
    "ѕуstеm",
    "sÿst℮m",
    "ꮪyꮪtem",
    "ꜱᴇʀᴠᴇʀ",
    "sɛrver",
    "տerver",
    "oꮃner",
    "оwոer",
    "r𝟶ot",
    "r\u05e1\u05e1t",
    "suрроrt",
    "a\u01c0\u01c0",
    "adm\u05d5n",
    "ad\U000118e3in",  # Warang Citi
    "aⅾⅿⅰn",
    "ⓜⓞⓓ",
    "ⅿod",
    "mоԁ",
    "\u1e41\u00f8\u0111",
    "aIl",
    "AlI",
    "aDm1n",
    "admln",
    "AdmIn",
    "offlciaI",
    "parIour",
    "sysadm\u0406n",
    "sеrvег",
]
CONFUSABLE_GUESTS = [
    "gu℮st-abcd",
    "ġuest-abcd",
    "𝗀𝗎𝖾𝗌𝗍-abcd",
    "guest-аbсd",
    "GUEՏТ-ABCD",
    "guest\u2013ꓮꓐꓚꓓ",
    "guest\u3161abcd",  # Hangul Eu, a long dash to the eye
    "guest\u2501abcd",
    "guest-abcm",
    "guest-abcrn",
    "guest-abc\u217f",
    "ɡuest-abcd",
    "guest-ab\u217dd",
]
ORDINARY = """
    Müller|O'Brien|Rn|Rnold|Vvera|Ольга|Дмитрий|Андрей Мороз|Їжак|Αλέξανδρος|Ελένη|Νίκος|Սուրեն|ანა|山田|佐藤 一郎|
    ハンナ|ー|김민수|محمد|علي|فاطمة|אלי|לילך|हिन्दी|अमित|தமிழ்|ไทย|ᎠᏂᏴᏫᏯ|ꓮꓐ|Đặng Thị Hoa|İbrahim|Ærø|Łukasz|Ñandú|
    Groß|Zoë|modena|Adminton|Roots|Hereford|Allie|Serveria|guest|Guest List|guest-abc|guest-abcde|guest-ab2d|gu℮st|
    Модест|неон|🦊|👩‍💻 Ada|🇲🇨|1984|l33t|¿Qué?|Dr. Who|C3PO|a1|Il|lI|Ali|ALI|ali|Alí|ALİ|Aïl|Ail|𝔉𝔯𝔞𝔫𝔷|𝓐𝓷𝓷𝓪
"""


def test_a_display_name_that_is_confusable_with_a_reserved_one_is_refused() -> None:
    assert [name for name in CONFUSABLE if display_or_code(name) != ":reserved_name"] == []
    assert [name for name in CONFUSABLE_GUESTS if display_or_code(name) != ":reserved_name"] == []


def test_ordinary_names_of_every_script_are_nobody_else() -> None:
    names = [name.strip() for name in ORDINARY.split("|") if name.strip()]
    assert [name for name in names if display_or_code(name) != name] == []


@given(st.text(max_size=80))
def test_a_display_name_is_stable_and_one_line_whatever_comes(raw: str) -> None:
    name = display_or_code(raw)
    if name not in (":bad_name", ":reserved_name"):
        assert display_name(name) == name
        assert 1 <= len(name) <= MAX_NAME_CHARS
        assert len(name.splitlines()) == 1
        assert ":" not in name


@pytest.mark.parametrize("key", ["abcdefgh", "A" * 64, "0123-_Zz"])
def test_a_key_is_given_back(key: str) -> None:
    assert check_key(key) == key


@pytest.mark.parametrize(
    "key",
    [
        "",
        "short-7",
        "A" * 65,
        "with space",
        "key\n12345",
        "12345678\n",
        "schlüssel",
        "१२३४५६७८",
        "abc.defg",
        "a" * 10**6,
    ],
)
def test_a_bad_key_is_refused(key: str) -> None:
    with pytest.raises(Refusal) as refused:
        check_key(key)
    assert refused.value.code == "bad_key"
    assert refused.value.field == "key"
