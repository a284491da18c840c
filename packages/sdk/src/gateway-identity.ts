/** Whom the client talks to: what a gateway signs of itself, compared with the network that the caller expects. */
import { type NetworkAddresses, parameterDefault } from '@dsperse/contracts';
import { isSignedBy, type NetworkId, type NodeDocument, nodeSchema, ROLE } from '@dsperse/network/messages';
import { type NodeClient, TransportError } from '@dsperse/network/transport';
import { type Address, hexToBytes } from 'viem';

/** What the caller knows beforehand; each field that is given must agree. */
export interface ExpectedNetwork {
  readonly chainId: number;
  readonly contracts: Readonly<Partial<Record<keyof NetworkAddresses, Address>>>;
  /** The parameter: so long does an endpoint record count after its end. That which a network starts with by default. */
  readonly clockSkewSeconds?: number;
  /** Operator address of the gateway. */
  readonly gateway?: Address;
}

export interface GatewayIdentity {
  readonly address: Address;
  /** X25519 key that inputs are sealed to. */
  readonly encryptionKey: Uint8Array;
  readonly network: NetworkId;
  readonly contracts: Readonly<Record<string, Address>>;
  /** How far the gateway's clock is ahead of this one. */
  readonly clockAheadMs: number;
  readonly limits: NodeDocument['limits'];
}

const refuse = (code: string, message: string, hint: string): TransportError =>
  new TransportError(code, message, { retryable: false, hint });

/**
 * `GET /v1/node`, checked.
 * @throws TransportError `unreachable`, `bad-record`, `not-a-gateway`, `other-network`
 */
export async function meetGateway(http: NodeClient, expected?: ExpectedNetwork): Promise<GatewayIdentity> {
  const document = await http.get('/v1/node', nodeSchema);
  return checkGateway(document, Date.now(), expected);
}

export async function checkGateway(
  document: NodeDocument,
  nowMs: number,
  expected?: ExpectedNetwork,
): Promise<GatewayIdentity> {
  const { chainId, contracts, endpoint, clockMs, limits } = document;
  const { market, settlement } = contracts;
  if (!market || !settlement) {
    throw refuse('bad-record', 'the gateway does not say where the market and the settlement are', 'take another');
  }
  const network: NetworkId = { chainId, market, settlement };
  const other = (what: string) => {
    return refuse('other-network', `the gateway is of another network: ${what}`, 'take a gateway of your network');
  };
  if (expected) {
    if (expected.chainId !== chainId) throw other(`chain ${chainId}, expected ${expected.chainId}`);
    for (const [name, address] of Object.entries(expected.contracts)) {
      if (address !== undefined && contracts[name]?.toLowerCase() !== address.toLowerCase()) {
        throw other(`its ${name} is ${contracts[name] ?? 'nowhere'}, expected ${address}`);
      }
    }
  }
  const { message } = endpoint;
  if (!isSignedBy(network, 'Endpoint', endpoint, message.operator)) {
    throw refuse('bad-record', 'the record of the gateway is not signed by its operator', 'take another gateway');
  }
  if ((message.roles & ROLE.gateway) === 0) throw refuse('not-a-gateway', 'this node is no gateway', 'take another');
  const { clockSkewSeconds = Number(parameterDefault('clockSkewSeconds')) } = expected ?? {};
  if (message.expiresAt + clockSkewSeconds < nowMs / 1000) {
    throw refuse('bad-record', 'the record of the gateway has expired', 'check the clock of this machine');
  }
  if (expected?.gateway && expected.gateway.toLowerCase() !== message.operator.toLowerCase()) {
    throw other(`its operator is ${message.operator}, expected ${expected.gateway}`);
  }
  return {
    address: message.operator.toLowerCase() as Address,
    encryptionKey: hexToBytes(message.encryptionKey),
    network,
    contracts,
    clockAheadMs: clockMs - nowMs,
    limits,
  };
}
