"""Texts that are hard to carry: each must arrive as it was sent."""

from __future__ import annotations

HOSTILE = (
    "two\nlines",
    "old\rMac",
    "DOS\r\nand\n\rthe other way round",
    "ends in a line break\n",
    "\n\nempty lines\n\n\nbetween and after\n\n",
    "VT \v FF \f FS \x1c GS \x1d RS \x1e NEL \x85 LS \u2028 PS \u2029 end",
    "data: forged\n\ndata: twice\n\n",
    "\nid: 999\nevent: reset\nretry: 1\ndata: {}\n\n",
    ": a comment\n:\n",
    " space before and after ",
    "\ufeffbyte order marks\ufeff",
    "every control character: " + "".join(map(chr, [*range(1, 32), *range(127, 160)])),
    "\u202eright to left\u202c \u2066isolated\u2069 \u200f\u200e\u061c",
    "😀 👩‍👩‍👧‍👦 🏳️‍🌈 🇩🇪 \U0001f3f4\U000e0067\U000e0062\U000e007f",
    "e\u0301 and \u00e9, \ufffd, \ufffe, \uffff, \U0010ffff",
    '\\u0000 \\n "quoted" \\',
    "z" * 16384,
)
