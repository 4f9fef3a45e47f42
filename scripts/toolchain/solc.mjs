#!/usr/bin/env node
// The command line that py-solc-x expects of a native solc, answered by the WebAssembly build from npm.
// Reads standard JSON on stdin; other flags (--allow-paths, --base-path) are accepted and ignored: imports resolve
// relative to the project root, where the settings' remappings point into node_modules.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../..");
const require = createRequire(path.join(root, "package.json"));
const solc = require(process.env.SOLC_PACKAGE ?? "solc");

const readImport = (name) => {
  for (const candidate of [path.resolve(root, name), path.resolve(root, "node_modules", name)]) {
    try {
      return { contents: readFileSync(candidate, "utf8") };
    } catch (error) {
      if (error.code !== "ENOENT") return { error: `${candidate}: ${error.message}` };
    }
  }
  return { error: `${name}: not found below the project root or node_modules` };
};

if (process.argv.includes("--version")) {
  process.stdout.write(
    `solc, the solidity compiler commandline interface\nVersion: ${solc.version().replace(".Emscripten.clang", "")}.Emscripten.clang\n`,
  );
} else if (process.argv.includes("--standard-json")) {
  process.stdout.write(solc.compile(readFileSync(0, "utf8"), { import: readImport }));
} else {
  process.stderr.write("solc.mjs: only --version and --standard-json are answered\n");
  process.exitCode = 2;
}
