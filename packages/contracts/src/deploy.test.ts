import { getAddress, type Hex, keccak256, toHex, zeroAddress } from 'viem';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { deployNetwork } from './deploy.js';
import { DeploymentError } from './deployment-error.js';
import { parameterDefinitions, validateGenesis } from './genesis.js';
import { LOCAL_PARAMETERS, PARAMETERS } from './parameters.js';
import { ACTORS, ALLOCATION, startNetwork, type TestNetwork, TOKEN } from './testing/network.js';

let net: TestNetwork;
beforeAll(async () => {
  net = await startNetwork();
});
afterAll(() => net?.stop());

const GENESIS = { supplyCap: 10n, allocations: [], verifierDigests: [`0x${'11'.repeat(32)}` as Hex] };

describe('deployNetwork', () => {
  it('gives every contract to the timelock and keeps nothing for the deployer', async () => {
    for (const contract of ['parameters', 'guardian', 'treasury', 'stake', 'models', 'market', 'settlement'] as const) {
      expect(await net.read(contract, 'owner')).toBe(getAddress(net.at.timelock));
    }
    expect(await net.read('token', 'minter')).toBe(getAddress(net.at.emission));
    const roles = ['PROPOSER_ROLE', 'CANCELLER_ROLE', 'EXECUTOR_ROLE'].map((role) => keccak256(toHex(role)));
    const admin = `0x${'00'.repeat(32)}` as const;
    for (const role of [...roles, admin]) {
      expect(await net.read('timelock', 'hasRole', [role, ACTORS[0].address])).toBe(false);
    }
    expect(await net.read('timelock', 'hasRole', [roles[0], net.at.governor])).toBe(true);
    expect(await net.read('timelock', 'hasRole', [roles[2], zeroAddress])).toBe(true);
    expect(await net.read('timelock', 'hasRole', [admin, net.at.timelock])).toBe(true);
  });

  it('wires the contracts to each other', async () => {
    expect(await net.read('market', 'settlement')).toBe(getAddress(net.at.settlement));
    expect(await net.read('settlement', 'market')).toBe(getAddress(net.at.market));
    expect(await net.read('settlement', 'stakes')).toBe(getAddress(net.at.stake));
    expect(await net.read('stake', 'settlement')).toBe(getAddress(net.at.settlement));
    expect(await net.read('settlement', 'emission')).toBe(getAddress(net.at.emission));
    expect(await net.read('emission', 'settlement')).toBe(getAddress(net.at.settlement));
    expect(await net.read('emission', 'market')).toBe(getAddress(net.at.market));
    expect(await net.read('stake', 'treasury')).toBe(getAddress(net.at.treasury));
    expect(await net.read('governor', 'token')).toBe(getAddress(net.at.token));
    expect(await net.read('parameters', 'freezer')).toBe(getAddress(net.at.settlement));
  });

  it('holds the genesis', async () => {
    expect(await net.read('token', 'balanceOf', [ACTORS[3].address])).toBe(ALLOCATION);
    expect(await net.read('token', 'totalSupply')).toBe(ALLOCATION * BigInt(ACTORS.length));
    expect(await net.read('token', 'cap')).toBe(100_000_000n * TOKEN);
    expect(await net.read('emission', 'cap')).toBe(100_000_000n * TOKEN - ALLOCATION * BigInt(ACTORS.length));
    for (const { name, value, min, max, maxStepBps } of parameterDefinitions({ parameters: LOCAL_PARAMETERS })) {
      const key = toHex(name, { size: 32 });
      expect([name, await net.read('parameters', 'get', [key])]).toEqual([name, value]);
      expect(await net.read('parameters', 'boundsOf', [key])).toEqual([min, max, maxStepBps]);
    }
    expect(await net.read('models', 'isVersionActive', [1])).toBe(true);
  });

  it('cannot be initialized again, neither the proxies nor what stands behind them', async () => {
    const slot = '0x360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc';
    const common = [ACTORS[0].address, net.at.parameters, net.at.guardian];
    const args = {
      stake: [...common, net.at.token, ACTORS[0].address, ACTORS[0].address],
      market: [...common, net.at.token, ACTORS[0].address],
      settlement: [...common, net.at.token, net.at.market, net.at.stake, net.at.emission],
      models: [...common, []],
    } as const;
    for (const contract of ['stake', 'market', 'settlement', 'models'] as const) {
      expect(await net.refusal(ACTORS[0], contract, 'initialize', args[contract])).toBe('InvalidInitialization');
      const stored = await net.client.getStorageAt({ address: net.at[contract], slot });
      const implementation = getAddress(`0x${stored?.slice(-40)}`);
      const code = await net.client.getCode({ address: implementation });
      expect(code?.length).toBeGreaterThan(1000);
      const direct = { ...net, at: { ...net.at, [contract]: implementation } };
      expect(await direct.client.call({ to: implementation, data: '0x8da5cb5b' })).toMatchObject({
        data: `0x${'00'.repeat(32)}`,
      });
      expect(await net.refusal(ACTORS[0], contract, 'upgradeToAndCall', [implementation, '0x'])).toBe(
        'OwnableUnauthorizedAccount',
      );
    }
  });

  it('says what is wrong with a genesis', () => {
    const codeOf = (genesis: Parameters<typeof validateGenesis>[0]) => {
      try {
        validateGenesis(genesis);
        return undefined;
      } catch (error) {
        return error instanceof DeploymentError ? `${error.code}: ${error.message}` : error;
      }
    };
    expect(codeOf(GENESIS)).toBeUndefined();
    expect(codeOf({ ...GENESIS, verifierDigests: [] })).toMatch('bad-genesis: no verifier');
    const account = ACTORS[1].address;
    expect(codeOf({ ...GENESIS, allocations: [{ account, amount: 11n }] })).toMatch('more than the cap');
    expect(codeOf({ ...GENESIS, allocations: [{ account, amount: -1n }] })).toMatch('is given -1');
    expect(codeOf({ ...GENESIS, parameters: { feeBps: 3_001n } })).toMatch('feeBps = 3001 is not within');
    expect(codeOf({ ...GENESIS, parameters: { fee: 1n } as never })).toMatch('no parameter fee');
  });

  it('refuses another chain than the genesis names, and says which contract failed', async () => {
    const on = { walletClient: net.wallet, publicClient: net.client as never };
    await expect(deployNetwork({ ...on, genesis: { ...GENESIS, chainId: 5 } })).rejects.toMatchObject({
      code: 'wrong-chain',
    });
    const allocations = [{ account: zeroAddress, amount: 1n }];
    await expect(deployNetwork({ ...on, genesis: { ...GENESIS, allocations } })).rejects.toMatchObject({
      code: 'failed',
      message: expect.stringMatching(/^token could not be deployed/),
    });
  });
});

describe('PARAMETERS', () => {
  it('names each once, within 31 characters, with a default within bounds', () => {
    expect(new Set(PARAMETERS.map(({ name }) => name)).size).toBe(PARAMETERS.length);
    for (const { name, default: value, min, max, maxStepBps } of PARAMETERS) {
      expect(name).toMatch(/^[a-zA-Z]{1,31}$/);
      expect(value >= min && value <= max && maxStepBps > 0n).toBe(true);
    }
  });
});
