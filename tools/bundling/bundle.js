// Joins the modules and the styles of the page into one file each, and compresses them; see tools/bundle.

import { mkdir, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, brotliDecompressSync, constants, gunzipSync, gzipSync } from "node:zlib";
import { build } from "esbuild";

const UI = fileURLToPath(new URL("../../src/parlour/ui/", import.meta.url));
const NOTICE = "/* Made by tools/bundle from ../static, which is the source. */";

// Compressed bytes may differ between releases of zlib and brotli; what counts is what they decompress to.
const CODINGS = {
  ".br": [
    (data) => brotliCompressSync(data, { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } }),
    brotliDecompressSync,
  ],
  ".gz": [(data) => gzipSync(data, { level: 9 }), gunzipSync],
};

const ENTRIES = { "app.js": "room", "pages.js": "pages", "room.css": "room" };

/** Name to content: room.js, which is app.js with all that it imports, pages.js, and room.css. */
async function bundled() {
  const { outputFiles } = await build({
    entryPoints: Object.entries(ENTRIES).map(([name, out]) => ({ in: `${UI}static/${name}`, out })),
    outdir: `${UI}bundle`,
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    banner: { js: NOTICE, css: NOTICE },
    legalComments: "none",
    logLevel: "warning",
    write: false,
  });
  return new Map(outputFiles.map(({ path, contents }) => [path.split("/").at(-1), Buffer.from(contents)]));
}

/** Whether the file holds the content, by way of `decode`. */
async function holds(path, content, decode = (data) => data) {
  try {
    return content.equals(decode(await readFile(path)));
  } catch {
    return false; // it is not there, or it is damaged
  }
}

/** Make the folder hold these files; with `isCheck` only say which do not agree. */
async function agree(files, isCheck) {
  const folder = `${UI}bundle/`;
  const stale = [];
  const put = async (name, content, decode, encode) => {
    if (await holds(folder + name, content, decode)) return;
    stale.push(name);
    if (!isCheck) await writeFile(folder + name, encode(content));
  };
  await mkdir(folder, { recursive: true });
  const wanted = new Set();
  for (const [name, content] of files) {
    wanted.add(name);
    await put(name, content, (data) => data, (data) => data);
    for (const [suffix, [encode, decode]] of Object.entries(CODINGS)) {
      wanted.add(name + suffix);
      await put(name + suffix, content, decode, encode);
    }
  }
  for (const name of await readdir(folder)) {
    if (wanted.has(name)) continue;
    stale.push(name);
    if (!isCheck) await rm(folder + name);
  }
  return stale;
}

const isCheck = process.argv.includes("--check");
const stale = await agree(await bundled(), isCheck);
if (isCheck && stale.length) {
  console.error(`src/parlour/ui/bundle is not made from src/parlour/ui/static (${stale.join(", ")}).`);
  console.error("Run tools/bundle, and commit what it writes together with the change.");
  process.exit(1);
}
