#!/bin/sh
# Parlour in five minutes, with nothing but curl: ./curl.sh [http://127.0.0.1:8080]
# Every step prints what it does first. It leaves a room named tour-… behind.
set -eu

server=${1:-http://127.0.0.1:8080}
room=$server/tour-$$

step() { printf '\n# %s\n' "$1"; }

step 'Say hello: the room comes into being with its first message. The answer is where it is, once it is on disk.'
curl -sS -d 'Hello, room' "$room"

step 'Say who you are, with a form; then with JSON.'
curl -sS -d name=alice --data-urlencode 'message=It is me & my ampersand' "$room"
curl -sS -H 'Content-Type: application/json' -d '{"name":"bob","text":"Hi alice"}' "$room"

step 'Send what a program prints.'
printf 'two lines\nin one message\n' | curl -sS -T - -X POST "$room?name=cron"

step 'Send with a key: sent twice, stored once, so a script can always try again.'
curl -sS -d 'backup done' -H 'Idempotency-Key: backup-2026-11-22' "$room"
curl -sS -d 'backup done' -H 'Idempotency-Key: backup-2026-11-22' "$room"

step 'Read what was said.'
curl -sS "$room"

step 'Read the last two; everything after number 4.'
curl -sS "$room?limit=2"
curl -sS "$room?since=4"

step 'One message has a link of its own.'
curl -sS "$room/1"

step 'The same as JSON, one event a line: what a bot reads.'
curl -sS "$room?since=4&format=ndjson"

step 'Listen: the last message and then what comes, for two seconds here. Leave out --max-time to stay.'
{ sleep 1; curl -sS -d 'live from the other side' "$room" >/dev/null; } &
curl -s -N --max-time 2 "$room?follow=1&limit=1" || [ $? -eq 28 ]
wait

step 'A mistake is told in one line.'
curl -sS -d '' "$room"

step 'All there is to know: curl '"$server"'/help'
