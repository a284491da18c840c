/** What `dsperse simulate` finds out: docs/economics/results.json. */
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type {
  BlindPoint,
  CommitteePoint,
  Comparison,
  DemandPoint,
  MarkupPoint,
  RobberyPoint,
  SelfDealingPoint,
  SharePoint,
  ShockPoint,
  SpeedPoint,
  StallPoint,
  WeightsPoint,
  WhalePoint,
} from '@dsperse/network/simulation';

export const RESULTS_FILE = fileURLToPath(new URL('../../../../docs/economics/results.json', import.meta.url));

export interface Studies {
  readonly demand: readonly DemandPoint[];
  readonly shock: readonly ShockPoint[];
  readonly speed: readonly SpeedPoint[];
  readonly selfDealing: readonly SelfDealingPoint[];
  readonly weights: readonly WeightsPoint[];
  readonly blind: readonly BlindPoint[];
  readonly committee: readonly CommitteePoint[];
  readonly machines: readonly SharePoint[];
  readonly comparing: readonly SharePoint[];
  readonly stalling: readonly StallPoint[];
  readonly whale: readonly WhalePoint[];
  readonly asks: readonly MarkupPoint[];
  readonly robbery: readonly RobberyPoint[];
}

export interface SimulationSettings {
  readonly agents: number;
  readonly epochs: number;
  readonly seed: number;
}

export interface SimulationResults extends SimulationSettings {
  readonly comparisons: readonly Comparison[];
  readonly studies: Partial<Studies>;
}

/** Amounts as decimal strings. */
export function writeResults(results: SimulationResults, path = RESULTS_FILE): void {
  mkdirSync(dirname(path), { recursive: true });
  const text = JSON.stringify(results, (_, value) => (typeof value === 'bigint' ? String(value) : value), 1);
  writeFileSync(path, `${text}\n`);
}

/** Undefined where there is no such file. */
export function readResults(path = RESULTS_FILE): SimulationResults | undefined {
  if (!existsSync(path)) return undefined;
  const revive = (key: string, value: unknown) => (key === 'penalties' ? BigInt(value as string) : value);
  return JSON.parse(readFileSync(path, 'utf8'), revive) as SimulationResults;
}
