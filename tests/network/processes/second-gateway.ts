/** Another gateway of a test's network, in a process of its own, with a key of its own. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { GATEWAY, passwordFile } from '@dsperse/network/local';
import { createKeystore, type Identity, NETWORK_FILE, readPassword } from '@dsperse/network/node';
import { ChildNode } from '../../../packages/cli/src/local-network/child-node.js';
import { DSPERSE, type TestNetwork } from './test-network.js';

const SECOND = 'gateway-2';

/** @param settings over those of the tests; without a database's URL it has one of its own */
export async function startSecondGateway(
  network: TestNetwork,
  url: string,
  settings: Record<string, unknown> = {},
): Promise<ChildNode> {
  const { directory, rpcUrl } = network;
  const place = join(directory, 'nodes', SECOND);
  await mkdir(place, { recursive: true });
  const keystore = join(place, 'keystore.json');
  const password = await readPassword({ environment: {}, passwordFile: passwordFile(directory) });
  const identity: Identity = await createKeystore(keystore, password, { strength: 'light' });
  await network.ledger.publicClient.request({
    method: 'anvil_setBalance' as never,
    params: [identity.account.address, '0x56bc75e2d63100000'] as never,
  });
  const config = join(place, 'dsperse-node.json');
  await writeFile(
    config,
    JSON.stringify({
      dataDirectory: place,
      roles: [GATEWAY],
      rpcUrl,
      keystore,
      passwordFile: passwordFile(directory),
      networkFile: join(directory, NETWORK_FILE),
      'listen.port': Number(new URL(url).port),
      'log.file': join(place, 'log.jsonl'),
      'log.format': 'json',
      'gateway.chunkWorkUnits': 1,
      'gateway.offerSeconds': 2,
      ...settings,
    }),
  );
  const node = new ChildNode({
    name: SECOND,
    config,
    output: join(place, 'output.log'),
    program: [DSPERSE, 'node'],
  });
  await node.start();
  return node;
}
