/** Prints what the verifier is made of: the files that packages/core/dist/proof/verify-index.js reaches, and their size. */
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const start = fileURLToPath(new URL('../packages/core/dist/proof/verify-index.js', import.meta.url));
const files = new Map();
const waiting = [start];
while (waiting.length > 0) {
  const file = waiting.pop();
  if (files.has(file)) continue;
  const code = readFileSync(file, 'utf8');
  files.set(file, code);
  for (const [, from] of code.matchAll(/^(?:import|export)[^;]*?from\s+'([^']+)'/gm)) {
    if (!from.startsWith('.')) throw new Error(`${file} imports ${from}: the verifier stands alone`);
    waiting.push(resolve(dirname(file), from));
  }
}
const text = [...files.values()].join('\n');
const bare = text.replace(/\/\*[\s\S]*?\*\/|^\s*\/\/.*$/gm, '');
const kb = (n) => `${(n / 1000).toFixed(1)} kB`;
console.log(
  `verifier: ${files.size} files, ${kb(bare.length)} without comments, ${kb(gzipSync(bare).length)} gzipped, no imports from outside`,
);
