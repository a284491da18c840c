/** docs/bench/network.json, and the tables between the marks of docs/network-performance.md. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { InputError } from '@dsperse/core/graph';
import { formatBytes } from '../../terminal/format.js';
import { mergeNetworkResults, type NetworkPart, type NetworkResults } from './network-results.js';
import { loadTable, memoryTable, phasesTable, processorTable, timesTable } from './network-tables.js';

const doc = (path: string): string => fileURLToPath(new URL(`../../../../../docs/${path}`, import.meta.url));
export const NETWORK_RESULTS_FILE = doc('bench/network.json');
export const NETWORK_PAGE = doc('network-performance.md');

const [BEGIN, END] = ['<!-- measured -->', '<!-- end of what was measured -->'];

export function measuredText(found: NetworkResults): string {
  const { cpu, cores, memoryBytes, node } = found.machine;
  const parts: string[] = [`${cpu}, ${cores} cores, ${formatBytes(memoryBytes)}, Node ${node}.`];
  const when = (part: NetworkPart): string => {
    const occasion = found.measured[part];
    if (!occasion) return '';
    const { at, commit, load } = occasion;
    return `${at}, commit ${commit}, load ${load.toFixed(1)} before it began.`;
  };
  if (found.times.length > 0) {
    parts.push('### From order to certificate', when('orders'), timesTable(found));
    parts.push('### Step by step', phasesTable(found));
    const processors = processorTable(found);
    if (processors) parts.push('### Who does the work', processors);
  }
  if (found.load.length > 0) parts.push('### One gateway under load', when('load'), loadTable(found));
  if (found.memory.length > 0) parts.push('### Memory of the gateway', when('memory'), memoryTable(found));
  if (found.left.length > 0) {
    parts.push(`Not measured: ${found.left.map(({ what, why }) => `${what}: ${why}`).join('; ')}.`);
  }
  return parts.join('\n\n');
}

/** @throws InputError where the page has no place for the tables */
export function withMeasured(page: string, found: NetworkResults): string {
  const [from, to] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (from < 0 || to < from) {
    throw new InputError('damaged-artifact', 'the page has no place for the tables', `put back ${BEGIN} and ${END}`);
  }
  return `${page.slice(0, from + BEGIN.length)}\n\n${measuredText(found)}\n\n${page.slice(to)}`;
}

/** What was kept before; undefined where nothing was. */
export function readNetworkResults(): NetworkResults | undefined {
  if (!existsSync(NETWORK_RESULTS_FILE)) return undefined;
  return JSON.parse(readFileSync(NETWORK_RESULTS_FILE, 'utf8')) as NetworkResults;
}

/** @param before what was kept when the measurement began */
export function writeNetworkResults(before: NetworkResults | undefined, found: NetworkResults): void {
  const all = mergeNetworkResults(before, found);
  writeFileSync(NETWORK_RESULTS_FILE, `${JSON.stringify(all, null, 1)}\n`);
  if (existsSync(NETWORK_PAGE)) writeFileSync(NETWORK_PAGE, withMeasured(readFileSync(NETWORK_PAGE, 'utf8'), all));
}
