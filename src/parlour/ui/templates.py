"""The HTML of the pages; every value goes in through `Template`, which escapes it."""

from __future__ import annotations

from parlour.ui.markup import Template

# Under no-referrer, browsers post a form with `Origin: null` (Fetch, "append a request Origin header"), and the form
# would be taken for one of another site. Other sites learn nothing under same-origin either.
DOCUMENT = Template("""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1, interactive-widget=resizes-content">
<meta name="referrer" content="same-origin">
<meta name="color-scheme" content="light dark">
<meta name="theme-color" content="#faf8f5" media="(prefers-color-scheme: light)">
<meta name="theme-color" content="#171412" media="(prefers-color-scheme: dark)">
<meta name="robots" content="noindex, nofollow">
<meta name="application-name" content="Parlour">
<title>{title} · Parlour</title>
<link rel="icon" type="image/svg+xml" href="{icon}">
<link rel="manifest" href="{manifest}">
{head}</head>
{body}
</html>
""")

STYLE = Template('<link rel="stylesheet" href="{address}">\n')
# The address is no `<link>`: Links shows that as the first link of the page.
SCRIPT = Template('<script type="module" data-address="{address}">{loader}</script>\n')

# Messages are no <ol>: browsers in a terminal would number them, and days too.
ROOM = Template("""\
<body class="chat" data-room="{room}" data-epoch="{epoch}" data-first="{first}" data-last="{last}" \
data-live="{live}" data-limit="{limit}" data-prefix="{prefix}">
<a class="skip" href="#{target}">Skip to {target_label}</a>
<header class="bar">
<a class="brand" href="{prefix}/" title="Parlour"><img src="{icon}" alt="Parlour" width="28" height="28"></a>
<h1 class="room-name"><span class="slash" aria-hidden="true">/</span><bdi>{room}</bdi></h1>
<p class="connection" id="connection" data-state="{state}"><span class="dot"></span>\
<span class="words">{state_words}</span> <a href="{path}">{state_link}</a></p>
<a class="menu" href="#side">Rooms</a>
</header>
<aside class="side" id="side" aria-label="Rooms">
<a class="close" href="#{target}">Close</a>
{rooms}{go}<section class="terminal" aria-labelledby="terminal">
<h2 id="terminal">From a terminal</h2>
<p class="command"><code>curl -d hello <bdi>{address}</bdi></code></p>
<p class="command"><code>curl -N '<bdi>{address}</bdi>?follow=1'</code></p>
<p><a href="{prefix}/help">More about curl</a></p>
</section>
</aside>
<main class="room">
<div class="scroller" id="scroller" role="region" aria-label="Messages" tabindex="0">
<div class="timeline">
<div id="edge">{edge}</div>
<ul class="messages" id="messages">
{timeline}
</ul>
<ol class="messages" id="outbox" aria-label="Being sent" aria-live="off"></ol>
{newer}<span id="latest"></span>
</div>
</div>
<div class="foot">
<p class="unseen" id="said" role="status"></p>
<div class="strip" id="strip" role="group" aria-label="Connection" hidden><span class="words"></span></div>
{composer}
</div>
</main>
</body>""")

# What stands above the messages, one of them or none: browsers in a terminal know no `hidden` (static/edge.js).
OLDER = Template('<p class="edge" id="older"><a href="{path}?before={older}">Older messages</a></p>')
START = Template('<p class="edge" id="start">This is where <b><bdi>{room}</bdi></b> begins.</p>')
EMPTY = Template("""\
<div class="empty" id="empty">
<p class="empty-title">Nothing here yet</p>
<p>Say hello: the first message makes the room. Everyone who opens this address is in it.</p>
</div>""")

NEWER = Template("""\
<p class="edge"><a href="{path}?since={newer}">Newer messages</a> · <a href="{path}">Latest messages</a></p>
""")

ROOMS = Template("""\
<nav aria-labelledby="recent">
<h2 id="recent">Recently active</h2>
<ul class="rooms">
{items}
</ul>
</nav>
""")

ROOMS_ITEM = Template('<li><a href="{path}"{current}><bdi>{room}</bdi> {when}</a></li>')
ROOMS_TIME = Template('<time datetime="{at}" title="{full} UTC">{short}</time>')

COMPOSER = Template("""\
<form class="composer" id="composer" method="post" action="{path}">
{error}<input type="hidden" name="key" value="{key}">
<label class="unseen" for="message">Message to <bdi>{room}</bdi></label>
<textarea id="message" name="message" required rows="1" dir="auto" autocomplete="off" enterkeyhint="send" \
placeholder="Write a message" aria-describedby="hint">
{draft}</textarea>
<div class="below">
<label class="as" for="name">Your name</label>
<input id="name" name="name" value="{name}" placeholder="{guest_name}" maxlength="64" autocomplete="nickname" \
spellcheck="false" dir="auto">
<span class="hint" id="hint"></span>
<button class="send" type="submit">Send</button>
</div>
</form>""")

CLOSED = Template("""\
<p class="closed" id="closed" tabindex="-1">You can read this room, but only members may write in it.</p>""")

REFUSED = Template('<p class="refused" id="refused" role="alert">{reason}</p>\n')

ERROR = Template("""\
<body class="plain">
<main class="card">
<p class="status">{status}</p>
<h1>{title}</h1>
<p>{detail}</p>
{go}{again}{way}</main>
</body>""")

GO = Template("""\
<form class="go" action="{prefix}/" method="get">
<label for="room">Go to a room</label>
<span class="joined"><input id="room" name="room" required maxlength="2048" placeholder="any-name" value="{typed}" \
autocapitalize="none" autocomplete="off" spellcheck="false"><button type="submit">Go</button></span>
</form>
""")

AGAIN = Template("<p>This page tries again by itself in {seconds} seconds.</p>\n")
REFRESH = Template('<meta http-equiv="refresh" content="{seconds}">\n')

WAY_HOME = Template('<p><a href="{home}">{label}</a></p>\n')
