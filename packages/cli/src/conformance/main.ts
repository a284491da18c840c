/**
 * npm run conformance [-- --models DIR] [--only TEXT] [--out FILE] [--keep FILE]: runs every case in a process of its own,
 * two at a time, each bounded in time and memory, and writes docs/conformance.md. What is in the file to keep is not run
 * again, so that the cases may be run in several goes. Exit code 1 where a case does not conform.
 */
import { spawn } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type CaseName, listCases } from './cases.js';
import { conformanceReport, isConforming, isProven, type ReportedCase } from './report.js';
import type { CaseResult } from './worker.js';

const root = new URL('../../../../', import.meta.url);
const WORKER = fileURLToPath(new URL('./worker.js', import.meta.url));
const AT_ONCE = 2;
const TIMEOUT_MS = 600_000;
const MEMORY_MB = 6000;

const { values: options } = parseArgs({
  options: {
    models: { type: 'string', default: fileURLToPath(new URL('../shared/models', root)) },
    only: { type: 'string' },
    out: { type: 'string' },
    keep: { type: 'string' },
    precisions: { type: 'string', default: 'standard,high' },
  },
});

function runCase({ family, name }: CaseName): Promise<CaseResult | string> {
  return new Promise((done) => {
    const args = [`--max-old-space-size=${MEMORY_MB}`, WORKER, options.models, family, name, options.precisions];
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    let printed = '';
    let late = false;
    child.stdout.on('data', (chunk) => {
      printed += chunk;
    });
    const timer = setTimeout(() => {
      late = true;
      child.kill('SIGKILL');
    }, TIMEOUT_MS);
    child.on('close', (code) => {
      clearTimeout(timer);
      if (late) return done(`no result within ${TIMEOUT_MS / 1000} s`);
      if (code !== 0) return done(`its process ended with code ${code}`);
      done(JSON.parse(printed) as CaseResult);
    });
  });
}

const keyOf = ({ family, name }: CaseName): string => `${family}/${name}`;
const all = listCases(options.models);
const cases = all.filter((c) => keyOf(c).includes(options.only ?? ''));
const kept = new Map<string, ReportedCase>();
if (options.keep && existsSync(options.keep)) {
  for (const line of readFileSync(options.keep, 'utf8').split('\n')) {
    if (line === '') continue;
    const known = JSON.parse(line) as ReportedCase;
    kept.set(keyOf(known), known);
  }
}
if (cases.length === 0) {
  console.error('there are no cases; give their directory with --models');
  process.exit(2);
}
const results: ReportedCase[] = new Array(cases.length);
let next = 0;

async function work(): Promise<void> {
  while (next < cases.length) {
    const index = next++;
    const c = cases[index];
    const known = kept.get(keyOf(c));
    if (known) {
      results[index] = known;
      continue;
    }
    const result = await runCase(c);
    results[index] = { ...c, result };
    kept.set(keyOf(c), results[index]);
    if (options.keep) appendFileSync(options.keep, `${JSON.stringify(results[index])}\n`);
    const outcome = isConforming(results[index]) ? 'proven' : isProven(results[index]) ? 'INACCURATE' : 'REFUSED';
    const detail =
      typeof result === 'string'
        ? result
        : result.outcomes
            .map((o) =>
              'measured' in o
                ? `${o.precision} ${(100 * o.measured.error).toPrecision(2)} %${o.measured.argmaxAgrees ? '' : ' ARGMAX'} ${o.measured.proveMs.toFixed(0)} ms ${(o.measured.proofBytes / 1000).toFixed(0)} kB`
                : `${o.precision}: ${o.refused.code}: ${o.refused.message}`,
            )
            .join('; ');
    console.log(`${outcome.padEnd(10)} ${c.family}/${c.name}: ${detail}`);
  }
}

await Promise.all(Array.from({ length: AT_ONCE }, work));
const conforming = results.filter(isConforming).length;
console.log(`${conforming} of ${cases.length} conform`);
// A part of the cases is no report.
const reported = options.out ? results : all.flatMap((c) => kept.get(keyOf(c)) ?? []);
const out =
  options.out ?? (reported.length === all.length ? fileURLToPath(new URL('docs/conformance.md', root)) : undefined);
if (out) writeFileSync(out, conformanceReport(reported));
process.exitCode = conforming === cases.length ? 0 : 1;
