/**
 * Builds a component: `node build.mjs BOT.js -o NAME.wasm --wit FOLDER --modules NODE_MODULES
 * [--wasi]`. `BOT.js` exports its strategy as `default`.
 *
 * Without `--wasi` the component imports nothing but the contract. The generated bindings make an
 * object of every record of a list; for lists of plain numbers this build makes them hand over the
 * bytes instead, which the SDK reads where somebody looks. Where the bindings don't read as expected
 * they stay as they are, and the bot is slower and no different.
 */

import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    output: { type: 'string', short: 'o' },
    wit: { type: 'string' },
    modules: { type: 'string' },
    wasi: { type: 'boolean', default: false },
  },
});
const [bot] = positionals;
if (!bot || !values.output || !values.wit || !values.modules) {
  console.error('usage: build.mjs BOT.js -o NAME.wasm --wit FOLDER --modules FOLDER [--wasi]');
  process.exit(2);
}

/** A list of records without anything but numbers in them, as the bindings lift it. */
const FLAT_LIST =
  /var (result\d+) = \[\];\n\s*for \(let i = 0; i < (\w+); i\+\+\) \{\n\s*const base = (\w+) \+ i \* (\d+);\n\s*\1\.push\(\{([^{}]*)\}\);\n\s*\}\n/g;

function handOverBytes(bindings) {
  return bindings.replace(FLAT_LIST, (whole, result, length, base, size, fields) =>
    // Only bars, quotes and trades have a scale of their prices.
    fields.includes('priceScale:')
      ? `var ${result} = $memory.buffer.slice(${base}, ${base} + ${length} * ${size});\n`
      : whole,
  );
}

const own = join(resolve(values.modules), '@bytecodealliance/componentize-js');
if (!existsSync(own)) {
  // A fresh project: its lock file says exactly what belongs there.
  const arguments_ = ['ci', '--no-audit', '--no-fund', '--loglevel=error'];
  const installed = spawnSync('npm', arguments_, {
    cwd: dirname(resolve(values.modules)),
    stdio: 'inherit',
    shell: process.platform === 'win32',
  });
  if (installed.status !== 0) process.exit(1);
}
const load = (file) => import(pathToFileURL(join(own, file)).href);
const { splicer } = await load('lib/spidermonkey-embedding-splicer.js');
const { componentize } = await load('src/componentize.js');
const splice = splicer.spliceBindings;
splicer.spliceBindings = (...args) => {
  const spliced = splice(...args);
  return { ...spliced, jsBindings: handOverBytes(spliced.jsBindings) };
};

const wit = resolve(values.wit);
const output = resolve(values.output);
const release = /package stockade:bot@([0-9.]+);/.exec(await readFile(join(wit, 'bot.wit'), 'utf8'));
const source = resolve(bot);
const here = import.meta.dirname;
const folder = dirname(source);
// The componentizer sees nothing outside of the working folder, and its path is part of the bytes.
const parents = folder.split(sep);
while (!`${here}${sep}`.startsWith(`${parents.join(sep)}${sep}`)) parents.pop();
process.chdir(parents.join(sep) || sep);
// It wants relative imports, so the entry lies beside the bot.
const entry = join(folder, '.stockade-entry.js');
const from = (file) => JSON.stringify(`./${relative(folder, file).split(sep).join('/')}`);
try {
  await writeFile(
    entry,
    `import * as host from 'stockade:bot/host@${release[1]}';
import Bot from ${from(source)};
import { component } from ${from(join(here, 'component.js'))};
export const { lifecycle, onBars, onQuotes, onTrades, onOrders, onTimer, onSession, onActions } =
  component(Bot, host);
`,
  );
  const off = ['http', 'fetch-event', ...(values.wasi ? [] : ['stdio', 'random', 'clocks'])];
  const built = await componentize({
    sourcePath: entry,
    witPath: wit,
    worldName: 'bot',
    disableFeatures: off,
  });
  await writeFile(`${output}.partial`, built.component);
  await rename(`${output}.partial`, output);
} finally {
  await rm(entry, { force: true });
}
