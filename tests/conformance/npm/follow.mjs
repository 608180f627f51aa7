// Follows a URL with the `eventsource` package, one JSON line for everything it shows, until it is killed.

import { EventSource } from "eventsource";
import "./record.js";

globalThis.record(EventSource, process.argv[2], (item) => process.stdout.write(`${JSON.stringify(item)}\n`));
