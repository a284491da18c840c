// Compiles packages/core/assembly to WebAssembly and writes it, in base64, to packages/core/src/kernels/wasm.generated.ts.
// The same sources give the same bytes: with --check nothing is written, and any difference is an error.
import { readFile, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import asc from 'assemblyscript/asc';

const root = fileURLToPath(new URL('..', import.meta.url));
const target = `${root}packages/core/src/kernels/wasm.generated.ts`;

let binary;
const { error, stderr } = await asc.main(
  [
    'packages/core/assembly/index.ts',
    '--baseDir',
    root,
    '--outFile',
    'kernels.wasm',
    '-O3',
    '--converge',
    '--noAssert',
    '--runtime',
    'stub',
    '--enable',
    'simd,threads,bulk-memory',
    '--importMemory',
    '--sharedMemory',
    // Pages of 64 KiB: the fixed places of assembly/memory.ts, and all that wasm32 can address.
    '--initialMemory',
    '1',
    '--maximumMemory',
    '65536',
    // Conversions between usize and u32: the target is wasm32 for good.
    '--disableWarning',
    '201',
  ],
  {
    writeFile: (name, contents) => {
      if (name === 'kernels.wasm') binary = contents;
    },
  },
);
if (error) {
  process.stderr.write(stderr.toString());
  process.exit(1);
}

const base64 = Buffer.from(binary).toString('base64');
const lines = base64.match(/.{1,116}/g).map((line) => `  '${line}',`);
const text = `// Written by tools/build-kernels.mjs from packages/core/assembly.

/** The kernels' WebAssembly module, in base64. */
export const WASM_BASE64: string = [
${lines.join('\n')}
].join('');
`;

if (process.argv.includes('--check')) {
  const committed = await readFile(target, 'utf8').catch(() => '');
  if (committed !== text) {
    process.stderr.write('wasm.generated.ts is not what packages/core/assembly compiles to: run `npm run kernels`\n');
    process.exit(1);
  }
} else {
  await writeFile(target, text);
}
process.stdout.write(`${binary.length} bytes\n`);
