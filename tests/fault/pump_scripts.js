// What the scripts of the page spend on texts of several sizes: the least CPU seconds of three, a text, script and size.

import { readFileSync } from "node:fs";
import { shown } from "./hidden.js";
import { pieces } from "./links.js";

const SCRIPTS = { links: pieces, pictures: shown };
const TRIES = 3;

function cost(script, text) {
  let least = Infinity;
  for (let tried = 0; tried < TRIES; tried += 1) {
    const before = process.cpuUsage();
    script(text);
    const { user, system } = process.cpuUsage(before);
    least = Math.min(least, (user + system) / 1e6);
    if (least < 0.001) break;
  }
  return least;
}

const inputs = JSON.parse(readFileSync(0, "utf8"));
const costs = inputs.map((texts) =>
  Object.fromEntries(Object.entries(SCRIPTS).map(([name, script]) => [name, texts.map((text) => cost(script, text))])),
);
process.stdout.write(JSON.stringify(costs));
