/** What token holders, pools' owners and those who staked do with their votes. */
import { everyone, type Fuzz } from './fuzz.js';
import { poolKey } from './stake-actions.js';

export function delegate(f: Fuzz) {
  return f.send(f.random.pick(everyone), 'token', 'delegate', f.random.pick(everyone).address);
}

export function propose(f: Fuzz) {
  const by = f.random.chance(0.7) ? f.random.pick(everyone) : f.actor(f.random.pick([...f.model.pools.values()]).owner);
  return f.send(by, 'governor', 'propose', [f.net.at.treasury], [0n], ['0x'], `proposal ${f.steps}`);
}

/** By anybody, on one of the last proposals, once or again. */
export function cast(f: Fuzz) {
  const recent = [...f.model.proposals.keys()].slice(-3);
  if (recent.length === 0) return propose(f);
  const id = f.random.chance(0.03) ? 7n : f.random.pick(recent);
  const support = f.random.below(f.random.chance(0.05) ? 4 : 3);
  const kind = f.random.below(3);
  if (kind === 0) return f.send(f.random.pick(everyone), 'governor', 'castVote', id, support);
  if (kind === 1) return f.send(f.random.pick(everyone), 'governor', 'castOverrideVote', id, support, '');
  const [role, operator] = poolKey(f);
  const holders = [...(f.model.poolOf(role, operator)?.shareOf.keys() ?? [])];
  const by = holders.length > 0 && f.random.chance(0.8) ? f.random.pick(holders) : f.random.pick(everyone);
  return f.send(by, 'governor', 'castStakeOverrideVote', id, support, role, operator, '');
}
