/** What validators do, and those who watch them. */
import { getAddress, type Hex, numberToHex, zeroAddress } from 'viem';
import { PROVER, VALIDATOR } from '../../encoding.js';
import { mintable } from '../model/emission.js';
import { TOKEN } from '../network.js';
import { ascending, creditLeaf, type Leaf, orderLeaf, penaltyLeaf, poolCreditLeaf, treeOf } from '../signing.js';
import { everyone, type Fuzz, provers, requesters, validators } from './fuzz.js';

/** An epoch over some orders that are reserved: mostly right, sometimes with a fault in it. */
export async function post(f: Fuzz) {
  const reserved = [...f.model.orders].filter(([, { state }]) => state === 'reserved');
  const leaves: Leaf[] = [];
  const next = new Map(f.cumulative);
  const add = (key: string, amount: bigint) => next.set(key, (next.get(key) ?? 0n) + amount);
  let spentSum = 0n;
  for (const [id, { budget }] of f.random.some(reserved, 0.4).slice(0, 8)) {
    const spent = f.random.amount(budget);
    spentSum += spent;
    leaves.push(orderLeaf(id, spent, f.random.chance(0.7)));
    add(`account:${f.random.pick(provers).address}`, spent / 2n);
    add(`pool:${f.random.pick(validators).address}`, spent / 4n);
    add(`account:${zeroAddress}`, spent / 8n);
    add(`account:${f.random.pick(validators).address}`, spent - spent / 2n - spent / 4n - spent / 8n);
  }
  const closedAt = f.now - BigInt(f.random.below(20)) + (f.random.chance(0.05) ? 100n : 0n);
  const most = closedAt >= f.model.emission.until ? mintable(f.model, closedAt, spentSum) : 0n;
  const minted = f.random.chance(0.05) ? most + 1n : f.random.chance(0.8) ? most : f.random.amount(most + 1n);
  add(`account:${f.random.pick(provers).address}`, minted / 3n);
  add(`account:${f.random.pick(validators).address}`, minted - minted / 3n);
  if (f.random.chance(0.4)) add(`penalty:${f.random.pick(provers).address}`, f.random.amount(2_000n * TOKEN));
  const fault = f.random.below(12);
  if (fault === 0) leaves.push(orderLeaf(numberToHex(f.random.below(1e9), { size: 32 }), 0n));
  if (fault === 1 && leaves.length) leaves.push(orderLeaf(leaves[0].a, leaves[0].b + 1n));
  if (fault === 2 && reserved.length) leaves.push(orderLeaf(reserved[0][0], reserved[0][1].budget + 1n));
  if (fault === 3) for (const [key, sum] of next) if (sum > 0n && f.random.chance(0.5)) next.set(key, sum - 1n);
  if (fault === 4) {
    const ended = [...f.model.orders].find(([, { state }]) => state === 'settled');
    if (ended) leaves.push(orderLeaf(ended[0], 0n));
  }
  for (const [key, sum] of next) {
    const [kind, address] = key.split(':') as [string, Hex];
    if (kind === 'account') leaves.push(creditLeaf(address, sum));
    else if (kind === 'pool') leaves.push(poolCreditLeaf(VALIDATOR, address, sum));
    else leaves.push(penaltyLeaf(PROVER, address, sum, numberToHex(sum, { size: 32 })));
  }
  if (leaves.length === 0) leaves.push(creditLeaf(requesters[0].address, 0n));
  const tree = treeOf(leaves);
  f.trees.set(tree.root, tree);
  const epoch = f.model.nextEpoch + BigInt(f.random.chance(0.1) ? f.random.below(4) - 1 : 0);
  const previous = f.random.chance(0.95) ? f.model.lastRoot : tree.root;
  const message = { epoch, previous, root: tree.root, spent: spentSum, minted, leaves: leaves.length, closedAt };
  const signers = f.random.chance(0.8) ? validators : f.random.some(validators, 0.7);
  const signatures: Hex[] = [];
  for (const actor of ascending(signers)) signatures.push(await f.signed(actor, 'EpochRoot', message));
  if (f.random.chance(0.05) && signatures.length > 1) signatures.reverse();
  const done = await f.send(f.random.pick(everyone), 'settlement', 'post', message, signatures);
  // A faulty tree is not built upon by the honest.
  if (done && fault !== 3) for (const [key, sum] of next) f.cumulative.set(key, sum);
  return done;
}

function epochs(f: Fuzz) {
  return [...f.model.epochs].slice(-6).map(([epoch, { root, signers }]) => {
    const tree = f.trees.get(root);
    if (!tree) throw new Error(`no tree for ${root}`);
    return { epoch, signers, leaves: tree.leaves, tree };
  });
}

export async function settle(f: Fuzz) {
  const all = epochs(f);
  if (all.length === 0) return;
  const { epoch, leaves, tree } = f.random.pick(all);
  const some = f.random.some(
    leaves.filter(({ kind }) => kind === 1n),
    0.7,
  );
  const entries = some.map(({ a: order, b: spent, c }) => ({ order, spent, delivered: BigInt(c) === 1n }));
  const proofs = some.map((leaf) => tree.proof(leaf));
  if (f.random.chance(0.05) && entries.length) entries[0].spent += 1n;
  return f.send(f.random.pick(everyone), 'settlement', 'settleOrders', epoch, entries, proofs);
}

export async function claim(f: Fuzz) {
  const all = epochs(f);
  const found = all.length ? f.random.pick(all) : undefined;
  const credits = found?.leaves.filter(({ kind }) => kind === 2n) ?? [];
  if (!found || credits.length === 0) return;
  const leaf = f.random.pick(credits);
  const sum = f.random.chance(0.05) ? leaf.b + 1n : leaf.b;
  const [role, operator] = [Number(BigInt(leaf.a) >> 160n), getAddress(`0x${leaf.a.slice(26)}`)];
  const by = f.random.pick(everyone);
  if (role === 0) return f.send(by, 'settlement', 'claim', found.epoch, operator, sum, found.tree.proof(leaf));
  return f.send(by, 'settlement', 'claimToPool', found.epoch, role, operator, sum, found.tree.proof(leaf));
}

export async function penalise(f: Fuzz) {
  const all = epochs(f);
  const found = all.length ? f.random.pick(all) : undefined;
  const penalties = found?.leaves.filter(({ kind }) => kind === 3n) ?? [];
  if (!found || penalties.length === 0) return;
  const leaf = f.random.pick(penalties);
  const operator = getAddress(`0x${leaf.a.slice(26)}`);
  const args = [found.epoch, operator, PROVER, leaf.b, leaf.c, found.tree.proof(leaf)];
  return f.send(f.random.pick(everyone), 'settlement', 'penalise', ...args);
}

type Epoch = ReturnType<typeof epochs>[number];
const locate = (at: Epoch, leaf: Leaf) => ({ epoch: at.epoch, leaf, proof: at.tree.proof(leaf) });

/** A fault in the last epoch that the chain can see, if there is one. */
function faultIn(f: Fuzz, all: readonly Epoch[]) {
  const last = all[all.length - 1];
  for (const leaf of last.leaves) {
    const order = f.model.orders.get(leaf.a);
    if (leaf.kind === 1n && (!order || order.state === 'settled' || leaf.b > order.budget)) return { leaf };
    for (const at of all) {
      if (f.model.epochs.get(at.epoch)?.cancelled) continue;
      for (const other of at.leaves) {
        if (other === leaf || other.kind !== leaf.kind || other.a !== leaf.a) continue;
        const differ = at === last ? other.b !== leaf.b : leaf.kind === 1n || leaf.b < other.b;
        if (differ) return { leaf, at, other };
      }
    }
  }
  return undefined;
}

export async function challenge(f: Fuzz) {
  const all = epochs(f);
  const last = all.at(-1);
  if (!last) return;
  const by = f.random.pick(everyone);
  const fault = faultIn(f, all);
  if (fault?.at && f.random.chance(0.8)) {
    const [first, second] = [locate(fault.at, fault.other), locate(last, fault.leaf)];
    return f.send(by, 'settlement', 'challengePair', first, second, last.signers);
  }
  if (fault && f.random.chance(0.8)) {
    return f.send(by, 'settlement', 'challengeOrder', locate(last, fault.leaf), last.signers);
  }
  const kind = f.random.below(4);
  if (kind === 0) return f.send(by, 'settlement', f.random.pick(['hold', 'release']), last.epoch);
  if (kind === 1) {
    const who = f.random.chance(0.6) ? f.net.at.timelock : by;
    return f.send(who, 'settlement', 'cancel', last.epoch, numberToHex(1, { size: 32 }));
  }
  const orders = last.leaves.filter((leaf) => leaf.kind === 1n);
  if (kind === 2 && orders.length) {
    return f.send(by, 'settlement', 'challengeOrder', locate(last, f.random.pick(orders)), last.signers);
  }
  const first = f.random.pick(all);
  const second = f.random.pick(last.leaves);
  const same = first.leaves.filter(({ kind: k, a }) => k === second.kind && a === second.a);
  const leaf = f.random.pick(same.length ? same : first.leaves);
  return f.send(by, 'settlement', 'challengePair', locate(first, leaf), locate(last, second), last.signers);
}

export async function equivocate(f: Fuzz) {
  const actor = f.random.pick(f.random.chance(0.8) ? validators : everyone);
  const by = f.random.pick(everyone);
  const hex = () => numberToHex(f.random.below(1e9), { size: 32 });
  if (f.random.chance(0.5)) {
    const make = () => ({
      epoch: BigInt(f.random.below(4)),
      previous: hex(),
      root: hex(),
      spent: 0n,
      minted: 0n,
      leaves: 1,
      closedAt: 1n,
    });
    const [a, b] = [make(), make()];
    const signatures = [await f.signed(actor, 'EpochRoot', a), await f.signed(actor, 'EpochRoot', b)];
    return f.send(by, 'settlement', 'proveEpochEquivocation', a, signatures[0], b, signatures[1]);
  }
  const make = () => ({
    order: numberToHex(f.random.below(3), { size: 32 }),
    chunk: f.random.below(2),
    attempt: 0,
    proofDigest: numberToHex(f.random.below(2), { size: 32 }),
    accepted: f.random.chance(0.5),
    validator: actor.address,
    salt: hex(),
  });
  const [a, b] = [make(), make()];
  const signatures = [await f.signed(actor, 'Verdict', a), await f.signed(actor, 'Verdict', b)];
  return f.send(by, 'settlement', 'proveVerdictEquivocation', a, signatures[0], b, signatures[1]);
}
