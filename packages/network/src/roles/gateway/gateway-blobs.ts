/** Blobs that others put here and get from here: bounded for each owner, and told apart by what they are for. */
import type { Address, Hex } from 'viem';
import { PROVER_ROLE } from '../../scoring/index.js';
import { Refusal } from '../../transport/server/refusal.js';
import type { GatewayContext } from './gateway-context.js';

/** `uploaded`: nothing refers to it yet. `private`: boundary values, inputs and outputs, never given out as they are. */
export type BlobKind = 'uploaded' | 'program' | 'proof' | 'private';

/** Strangers keep nothing here: whoever stores bytes has a stake or a deposit to be known by. @throws Refusal */
export async function requireStanding(g: GatewayContext, owner: Address): Promise<void> {
  const prover = await g.ledger.stakeOf(PROVER_ROLE, owner);
  if (prover.active > 0n || (await g.ledger.balanceOf(owner)) > 0n) return;
  throw new Refusal(403, 'no-standing', `${owner} has neither a stake nor a deposit`, 'stake or deposit first');
}

/** Bytes that an owner may still keep here. */
async function roomOf(g: GatewayContext, owner: Address): Promise<number> {
  const [used] = await g.sql.query<{ bytes: number }>(
    'select coalesce(sum(bytes), 0)::bigint as bytes from blobs where owner = $1',
    [owner],
  );
  return g.settings.maxBytesPerOwner - used.bytes;
}

/** Takes an upload. Putting what is there is free. */
export async function takeBlob(
  g: GatewayContext,
  owner: Address,
  digest: string,
  body: AsyncIterable<Uint8Array>,
  length: number | undefined,
): Promise<void> {
  await g.requireRoom();
  await requireStanding(g, owner);
  const left = Math.min(g.settings.maxBlobBytes, await roomOf(g, owner));
  if (left <= 0 || (length ?? 0) > left) {
    throw new Refusal(413, 'too-large', `there is room for ${Math.max(left, 0)} bytes of yours`, 'send less');
  }
  await g.blobs.put(body, { digest, maxBytes: left });
  const bytes = (await g.blobs.size(digest)) ?? 0;
  await recordBlob(g, digest, 'uploaded', bytes, owner);
}

export async function recordBlob(
  g: GatewayContext,
  digest: string,
  kind: BlobKind,
  bytes: number,
  owner: string,
  order?: Hex,
): Promise<void> {
  await g.sql.execute(
    `insert into blobs (digest, kind, bytes, owner, order_id, created_ms) values ($1, $2, $3, $4, $5, $6)
     on conflict (digest) do update set created_ms = excluded.created_ms,
       order_id = coalesce(blobs.order_id, excluded.order_id)`,
    [digest, kind, bytes, owner, order ?? null, g.nowMs()],
  );
}

/** What a requester or a prover sent for an order: it counts as the sender's. @throws Refusal `too-large` */
export async function putSecret(g: GatewayContext, order: Hex, sender: Address, bytes: Uint8Array): Promise<string> {
  const left = await roomOf(g, sender);
  if (bytes.length > left) {
    throw new Refusal(
      413,
      'too-large',
      `there is room for ${Math.max(left, 0)} bytes of yours`,
      'wait until orders ended',
    );
  }
  const digest = await g.blobs.put(bytes);
  await recordBlob(g, digest, 'private', bytes.length, sender, order);
  return digest;
}

/** Bytes that belong to an order and are nobody's to fetch. */
export async function putPrivate(g: GatewayContext, order: Hex, bytes: Uint8Array): Promise<string> {
  const digest = await g.blobs.put(bytes);
  await recordBlob(g, digest, 'private', bytes.length, g.identity.account.address.toLowerCase(), order);
  return digest;
}

export async function getPrivate(g: GatewayContext, digest: string): Promise<Uint8Array> {
  const bytes = await g.blobs.get(digest, { maxBytes: g.settings.maxBlobBytes });
  if (!bytes) throw new Refusal(410, 'gone', 'the data of this order are not here any more', 'order again');
  return bytes;
}

/** A program's or a proof's bytes. @throws Refusal `unknown-blob` also for what is private */
export async function openBlob(
  g: GatewayContext,
  digest: string,
): Promise<{ body: AsyncIterable<Uint8Array>; bytes: number }> {
  const [row] = await g.sql.query<{ kind: BlobKind; bytes: number }>(
    'select kind, bytes from blobs where digest = $1',
    [digest],
  );
  const body = row && row.kind !== 'private' ? await g.blobs.read(digest) : undefined;
  if (!row || !body) throw new Refusal(404, 'unknown-blob', `${digest} is not here`, 'ask another gateway');
  return { body, bytes: row.bytes };
}
