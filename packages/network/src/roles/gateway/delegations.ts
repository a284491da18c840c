/**
 * An order names the gateway that may settle it. Gateways on one database run each other's orders: each signs, for every other
 * one that it finds there, that it acts in its place.
 */
import type { Address } from 'viem';
import { type Delegation, type Signed, signedSchema, signMessage, toJson } from '../../messages/index.js';
import { json } from '../../store/index.js';
import type { GatewayContext } from './gateway-context.js';

const delegationSchema = signedSchema('Delegation');
/** Longer than any order lives until it is settled; written anew when half of it is over. */
const DELEGATED_SECONDS = 30 * 24 * 3_600;
/** A gateway that has not been on the database for longer is not there any more. */
const SEEN_MS = 7 * 24 * 3_600_000;

type Context = Pick<GatewayContext, 'sql' | 'identity' | 'network' | 'nowMs'>;

export async function keepDelegations(g: Context): Promise<void> {
  const own = g.identity.account.address.toLowerCase() as Address;
  const now = g.nowMs();
  await g.sql.execute(
    `insert into members (address, seen_ms) values ($1, $2)
     on conflict (address) do update set seen_ms = excluded.seen_ms`,
    [own, now],
  );
  const seconds = Math.floor(now / 1000);
  const lacking = await g.sql.query<{ address: Address }>(
    `select address from members m where address <> $1 and seen_ms > $2 and not exists
       (select 1 from delegations d where d.gateway = $1 and d.to_gateway = m.address and d.until > $3)`,
    [own, now - SEEN_MS, seconds + DELEGATED_SECONDS / 2],
  );
  for (const { address } of lacking) {
    const message = { gateway: own, to: address, until: seconds + DELEGATED_SECONDS };
    const signed = await signMessage(g.identity.account, g.network, 'Delegation', message);
    await g.sql.execute(
      `insert into delegations (gateway, to_gateway, until, signed) values ($1, $2, $3, $4)
       on conflict (gateway, to_gateway) do update set until = excluded.until, signed = excluded.signed`,
      [own, address, message.until, json(toJson(signed))],
    );
  }
}

/** What shows that `to` acts for the gateway; undefined where nothing does. */
export async function delegationOf(
  g: Pick<GatewayContext, 'sql'>,
  gateway: Address,
  to: Address,
): Promise<Signed<Delegation> | undefined> {
  const [row] = await g.sql.query<{ signed: unknown }>(
    'select signed from delegations where gateway = $1 and to_gateway = $2',
    [gateway.toLowerCase(), to.toLowerCase()],
  );
  return row && delegationSchema.parse(row.signed);
}

/** Whether this gateway may run and settle orders that name the other. */
export async function actsFor(g: Pick<GatewayContext, 'sql' | 'identity'>, gateway: Address): Promise<boolean> {
  const own = g.identity.account.address;
  return own.toLowerCase() === gateway.toLowerCase() || (await delegationOf(g, gateway, own)) !== undefined;
}
