// Writes docs/parameters.md, and the table of settings in docs/operating.md; with --check only says whether they are.
import { readFileSync, writeFileSync } from 'node:fs';
import { LOCAL_PARAMETERS, PARAMETERS } from '../packages/contracts/dist/index.js';
import { configMarkdown } from '../packages/network/dist/node/index.js';

const place = (name) => new URL(`../docs/${name}`, import.meta.url);
const BEGIN = '<!-- settings: written by tools/parameters-doc.mjs -->';
const END = '<!-- /settings -->';

const tokens = (units) => {
  const text = units.toString().padStart(19, '0');
  return `${text.slice(0, -18)}.${text.slice(-18)}`.replace(/\.?0+$/, '') || '0';
};
const show = (unit, value) => (unit === 'token units' ? tokens(value) : value.toString());
const UNIT = { 'token units': 'tokens' };

/** How others may read a number of seconds or basis points. */
function words(unit, value) {
  if (unit === 'basis points') return ` (${Number(value) / 100} %)`;
  if (unit !== 'seconds') return '';
  for (const [name, length] of [
    ['d', 86_400n],
    ['h', 3_600n],
    ['min', 60n],
  ]) {
    if (value >= length && value % length === 0n) return ` (${value / length} ${name})`;
  }
  return '';
}

/** Columns of the tables as wide as their widest cell. */
function align(table) {
  const rows = table
    .trim()
    .split('\n')
    .map((line) =>
      line
        .slice(1, -1)
        .split('|')
        .map((cell) => cell.trim()),
    );
  const widths = rows[0].map((_, i) => Math.max(3, ...rows.map((row) => row[i].length)));
  const pad = (cell, i) => (cell === '---' ? '-'.repeat(widths[i]) : cell.padEnd(widths[i]));
  return rows.map((row) => `| ${row.map(pad).join(' | ')} |`).join('\n');
}

export function parametersMarkdown() {
  const rows = PARAMETERS.map((p) => {
    const local = LOCAL_PARAMETERS[p.name];
    const localValue = local === undefined ? p.default : typeof local === 'bigint' ? local : local.value;
    return [
      `\`${p.name}\``,
      p.meaning,
      UNIT[p.unit] ?? p.unit,
      show(p.unit, p.default) + words(p.unit, p.default),
      `${show(p.unit, p.min)} – ${show(p.unit, p.max)}`,
      `${Number(p.maxStepBps) / 100} %`,
      localValue === p.default ? '' : show(p.unit, localValue),
    ];
  });
  const head = ['parameter', 'meaning', 'unit', 'default', 'from – to', 'most in one change', '`dsperse up`'];
  const line = (cells) => `| ${cells.join(' | ')} |`;
  return `# Parameters

Written by \`node tools/parameters-doc.mjs\` from packages/contracts/src/parameters.ts; do not edit.

Every constant of the mechanism is a parameter in the contract \`Parameters\`. Only the timelock changes one, after a vote
(\`dsperse gov propose\`), within the bounds, by no more than the greatest step of the value that is replaced, and no sooner
than \`parameterStepSeconds\` after the change before. \`dsperse gov params\` prints what a network has now. The last column
says where a local network of \`dsperse up\` differs: times short enough to watch; its lower bounds are 1.

tests/parameters searches contracts, nodes and client for numbers. What is no parameter is listed in
tests/parameters/exceptions.ts, with the reason: units, formats, sizes, how often something is looked at, and the two
thirds of the stake on which everything else rests.

${align([head, head.map(() => '---'), ...rows].map(line).join('\n'))}
`;
}

/** The document with its table of settings as it is now. */
export function withSettings(text) {
  const from = text.indexOf(BEGIN);
  const to = text.indexOf(END);
  if (from < 0 || to < from) throw new Error(`docs/operating.md has no ${BEGIN} … ${END}`);
  return `${text.slice(0, from + BEGIN.length)}\n\n${align(configMarkdown())}\n\n${text.slice(to)}`;
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  const operating = readFileSync(place('operating.md'), 'utf8');
  const wanted = { 'parameters.md': parametersMarkdown(), 'operating.md': withSettings(operating) };
  const read = (name) => {
    try {
      return readFileSync(place(name), 'utf8');
    } catch {
      return undefined;
    }
  };
  const stale = Object.keys(wanted).filter((name) => read(name) !== wanted[name]);
  if (process.argv.includes('--check')) {
    for (const name of stale) console.error(`docs/${name} is not up to date: run node tools/parameters-doc.mjs`);
    process.exitCode = stale.length === 0 ? 0 : 1;
  } else {
    for (const name of stale) writeFileSync(place(name), wanted[name]);
    console.log(stale.length === 0 ? 'nothing to write' : `wrote ${stale.map((n) => `docs/${n}`).join(', ')}`);
  }
}
