// Compiles solidity/ with solc and writes the ABI and bytecode of every deployed contract to src/generated/. The output
// depends on the sources and the compiler alone: no paths, no metadata hash.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

const DEPLOYED = [
  'DsperseGovernor',
  'DsperseTimelock',
  'DsperseToken',
  'Emission',
  'Guardian',
  'Market',
  'ModelRegistry',
  'Parameters',
  'Proxy',
  'Settlement',
  'StakeManager',
  'Treasury',
];
// EIP-170.
const MAX_CODE_BYTES = 24_576;

const require = createRequire(import.meta.url);
const solc = require('solc');
const root = fileURLToPath(new URL('./solidity/', import.meta.url));
const generated = fileURLToPath(new URL('./src/generated/', import.meta.url));

const fileName = (name) => name.replace(/([a-z0-9])([A-Z])/g, '$1-$2').toLowerCase();
const constantName = (name) => name[0].toLowerCase() + name.slice(1);

function sourceFiles(folder) {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    return entry.isDirectory() ? sourceFiles(path) : entry.name.endsWith('.sol') ? [path] : [];
  });
}

const input = {
  language: 'Solidity',
  sources: Object.fromEntries(
    sourceFiles(root)
      .sort()
      .map((path) => [relative(root, path).split(sep).join('/'), { content: readFileSync(path, 'utf8') }]),
  ),
  settings: {
    evmVersion: 'cancun',
    optimizer: { enabled: true, runs: 1000 },
    viaIR: true,
    metadata: { bytecodeHash: 'none', appendCBOR: false },
    outputSelection: { '*': { '*': ['abi', 'evm.bytecode.object', 'evm.deployedBytecode.object'] } },
  },
};

function findImport(path) {
  try {
    return { contents: readFileSync(require.resolve(path), 'utf8') };
  } catch (cause) {
    return { error: `${path}: ${cause.message}` };
  }
}

const output = JSON.parse(solc.compile(JSON.stringify(input), { import: findImport }));
// Warnings about OpenZeppelin's own sources are not ours to mend.
const problems = (output.errors ?? []).filter(
  ({ severity, sourceLocation }) => severity === 'error' || !sourceLocation?.file.startsWith('@'),
);
for (const { formattedMessage } of problems) process.stderr.write(`${formattedMessage}\n`);
if (problems.length > 0) process.exit(1);

rmSync(generated, { recursive: true, force: true });
mkdirSync(generated, { recursive: true });
for (const name of DEPLOYED) {
  const contract = output.contracts[`${name}.sol`][name];
  const bytes = contract.evm.deployedBytecode.object.length / 2;
  if (bytes > MAX_CODE_BYTES) {
    process.stderr.write(`${name}: ${bytes} bytes of code, more than the ${MAX_CODE_BYTES} of EIP-170\n`);
    process.exitCode = 1;
  }
  const constant = constantName(name);
  writeFileSync(
    `${generated}${fileName(name)}.ts`,
    [
      '// Written by build.mjs from solidity/; do not edit.',
      `export const ${constant}Abi = ${JSON.stringify(contract.abi)} as const;`,
      `export const ${constant}Bytecode: \`0x\${string}\` = '0x${contract.evm.bytecode.object}';`,
      '',
    ].join('\n'),
  );
  process.stdout.write(`${name.padEnd(16)} ${String(bytes).padStart(6)} bytes\n`);
}
