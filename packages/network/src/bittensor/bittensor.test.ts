import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { type Address, createPublicClient, createTestClient, type Hex, http, zeroHash } from 'viem';
import { privateKeyToAccount } from 'viem/accounts';
import { foundry } from 'viem/chains';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type LocalAnvil, startLocalAnvil } from '../chain/index.js';
import type { Settlement } from '../scoring/index.js';
import {
  type ExportOptions,
  exportWeights,
  maxUpscale,
  NEURON_PRECOMPILE,
  parseUids,
  WeightExporter,
  weightVector,
  workShares,
} from './index.js';

const A = `0x${'aa'.repeat(20)}` as Address;
const B = `0x${'bb'.repeat(20)}` as Address;
const C = `0x${'cc'.repeat(20)}` as Address;

function settlementOf(work: readonly (readonly [Address, number])[], epoch = 3): Settlement {
  const paid = work.map(([prover, workUnits], chunk) => ({ chunk, attempt: 0, prover, workUnits, price: 1n }));
  const totals = { spent: 0n, provers: 0n, validators: 0n, burned: 0n, treasury: 0n, minted: 0n, penalties: 0n };
  const state = {
    epoch,
    root: zeroHash,
    closedAt: 0,
    credits: [],
    penalties: [],
    orders: [],
    minted: 0n,
    recalls: [],
    consensus: { commits: [], provers: [], bonds: [] },
  };
  const orders = [{ id: zeroHash, spent: 0n, delivered: true, paid }];
  return { epoch, root: zeroHash, leaves: [], orders, credits: [], penalties: [], state, totals };
}

describe('the weight vector', () => {
  it('is the work of each neuron over the largest, in 16 bits', () => {
    const shares = workShares(
      settlementOf([
        [B, 100],
        [A.toUpperCase().replace('0X', '0x') as Address, 30],
        [B, 200],
        [C, 7],
      ]),
    );
    expect(shares.map((s) => s.workUnits)).toEqual([30n, 300n, 7n]);
    const vector = weightVector(
      shares,
      new Map([
        [A, 9],
        [B, 2],
      ]),
    );
    expect(vector).toEqual({ uids: [2, 9], weights: [65_535, 6_554], unmapped: [C] });
  });

  it('adds up operators with one neuron and leaves out what rounds to nothing', () => {
    const shares = workShares(
      settlementOf([
        [A, 60],
        [B, 40],
        [C, 1_000_000_000],
      ]),
    );
    expect(
      weightVector(
        shares,
        new Map([
          [A, 5],
          [B, 5],
        ]),
      ),
    ).toEqual({ uids: [5], weights: [65_535], unmapped: [C] });
    expect(
      weightVector(
        shares,
        new Map([
          [A, 5],
          [C, 1],
        ]),
      ),
    ).toEqual({ uids: [1], weights: [65_535], unmapped: [B] });
  });

  it('does not change when it is scaled again, and keeps the order', () => {
    fc.assert(
      fc.property(fc.array(fc.bigInt({ min: 0n, max: 2n ** 80n }), { minLength: 1, maxLength: 20 }), (amounts) => {
        const scaled = maxUpscale(amounts);
        expect(maxUpscale(scaled.map(BigInt))).toEqual(scaled);
        if (amounts.some((amount) => amount > 0n)) expect(Math.max(...scaled)).toBe(65_535);
        for (let k = 1; k < amounts.length; k++) {
          if (amounts[k] > amounts[k - 1]) expect(scaled[k]).toBeGreaterThanOrEqual(scaled[k - 1]);
        }
      }),
    );
  });

  it('takes a mapping only where it is one', () => {
    expect(parseUids(`{"${A}": 65535}`)).toEqual(new Map([[A, 65_535]]));
    for (const bad of ['', '[]', 'null', '{"0x12": 1}', `{"${A}": 65536}`, `{"${A}": 1.5}`, `{"${A}": "1"}`]) {
      expect(() => parseUids(bad), bad).toThrow(expect.objectContaining({ code: 'bad-uid-file' }));
    }
  });
});

/** Keeps what `setWeights` was called with; refuses the netuid 13. */
const RECORDER = `
pragma solidity ^0.8.0;
contract Recorder {
    uint16 public netuid;
    uint16[] private _dests;
    uint16[] private _weights;
    uint64 public versionKey;
    address public sender;
    uint256 public calls;
    function setWeights(uint16 netuid_, uint16[] memory dests, uint16[] memory weights, uint64 versionKey_)
        external
        payable
    {
        require(netuid_ != 13, "no such subnet");
        (netuid, _dests, _weights, versionKey, sender) = (netuid_, dests, weights, versionKey_, msg.sender);
        calls++;
    }
    function recorded() external view returns (uint16[] memory, uint16[] memory) {
        return (_dests, _weights);
    }
}`;

function compile(source: string): { abi: never[]; runtime: Hex } {
  const require = createRequire(import.meta.url);
  const solc = createRequire(require.resolve('@dsperse/contracts/package.json'))('solc');
  const input = {
    language: 'Solidity',
    sources: { 'recorder.sol': { content: source } },
    settings: { outputSelection: { '*': { '*': ['abi', 'evm.deployedBytecode.object'] } } },
  };
  const { contracts, errors } = JSON.parse(solc.compile(JSON.stringify(input)));
  if (!contracts) throw new Error(JSON.stringify(errors));
  const { abi, evm } = contracts['recorder.sol'].Recorder;
  return { abi, runtime: `0x${evm.deployedBytecode.object}` };
}

describe('the export', () => {
  const account = privateKeyToAccount(`0x${'17'.repeat(32)}`);
  const { abi, runtime } = compile(RECORDER);
  const lines: [string, object][] = [];
  const log = {
    info: (fields: object, message: string) => void lines.push([message, fields]),
    warn: (fields: object, message: string) => void lines.push([message, fields]),
  };
  let directory: string;
  let anvil: LocalAnvil;
  let mute: Server;
  const settlement = settlementOf([
    [A, 1],
    [B, 3],
  ]);
  const read = (functionName: string) =>
    createPublicClient({ chain: foundry, transport: http(anvil.url) }).readContract({
      address: NEURON_PRECOMPILE,
      abi,
      functionName,
    } as never) as Promise<unknown>;
  const optionsOf = (rest: Partial<ExportOptions> = {}): ExportOptions => ({
    netuid: 2,
    uidFile: join(directory, 'uids.json'),
    target: { kind: 'precompile', rpcUrl: anvil.url, account, versionKey: 7n },
    timeoutMs: 20_000,
    ...rest,
  });

  beforeAll(async () => {
    directory = mkdtempSync(join(tmpdir(), 'dsperse-weights-'));
    anvil = await startLocalAnvil({ directory, restart: false });
    const tester = createTestClient({ mode: 'anvil', chain: foundry, transport: http(anvil.url) });
    await tester.setBalance({ address: account.address, value: 10n ** 18n });
    await tester.setCode({ address: NEURON_PRECOMPILE, bytecode: runtime });
    writeFileSync(join(directory, 'uids.json'), JSON.stringify({ [A]: 4, [B]: 1 }));
    mute = createServer(() => undefined);
    await new Promise<void>((resolve) => mute.listen(0, '127.0.0.1', resolve));
  }, 60_000);
  afterAll(async () => {
    await anvil?.stop();
    mute?.close();
    rmSync(directory, { recursive: true, force: true });
  });

  it('calls setWeights at 0x804 as the neuron', async () => {
    const result = await exportWeights(settlement, optionsOf());
    expect(result).toMatchObject({ state: 'submitted' });
    expect(await read('recorded')).toEqual([
      [1, 4],
      [65_535, 21_845],
    ]);
    expect([await read('netuid'), await read('versionKey'), await read('sender')]).toEqual([2, 7n, account.address]);
  }, 60_000);

  it('writes a file instead', async () => {
    const path = join(directory, 'weights.json');
    await exportWeights(settlement, optionsOf({ target: { kind: 'file', path } }));
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({
      netuid: 2,
      epoch: 3,
      root: zeroHash,
      uids: [1, 4],
      weights: [65_535, 21_845],
      unmapped: [],
    });
  });

  it('says what went wrong and throws nothing', async () => {
    const calls = await read('calls');
    expect(await exportWeights(settlement, optionsOf({ netuid: 13 }))).toMatchObject({ state: 'failed' });
    expect(await exportWeights(settlement, optionsOf({ uidFile: join(directory, 'no') }))).toMatchObject({
      state: 'failed',
    });
    expect(await exportWeights(settlementOf([[C, 5]]), optionsOf())).toEqual({ state: 'empty' });
    expect(await read('calls')).toBe(calls);
  }, 60_000);

  it('gives up on a chain that does not answer', async () => {
    const { port } = mute.address() as { port: number };
    const target = { kind: 'precompile', rpcUrl: `http://127.0.0.1:${port}`, account, versionKey: 0n } as const;
    const before = performance.now();
    expect(await exportWeights(settlement, optionsOf({ target, timeoutMs: 300 }))).toMatchObject({ state: 'failed' });
    expect(performance.now() - before).toBeLessThan(5_000);
  });

  it('does not hold up the node, and exports the last epoch of those that pile up', async () => {
    const path = join(directory, 'piled.json');
    const exporter = new WeightExporter(optionsOf({ target: { kind: 'file', path } }), log);
    for (const epoch of [5, 6, 7]) exporter.offer(settlementOf([[A, epoch]], epoch));
    expect(lines).toEqual([]);
    await exporter.idle();
    expect(JSON.parse(readFileSync(path, 'utf8')).epoch).toBe(7);
    expect(lines).toEqual([['weights written', { epoch: 7, neurons: 1, unmapped: 0 }]]);
    const broken = new WeightExporter(optionsOf({ uidFile: join(directory, 'no') }), log);
    broken.offer(settlement);
    await broken.idle();
    expect(lines[1][0]).toBe('weights were not exported');
  });
});
