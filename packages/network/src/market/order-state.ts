/** The states of orders and chunks (docs/network.md), as data. */
import { InvariantError } from './errors.js';

export type OrderState =
  | 'received'
  | 'reserved'
  | 'running'
  | 'delivered'
  | 'failed'
  | 'cancelled'
  | 'expired'
  | 'settled';
export type OrderEvent = 'reserve' | 'run' | 'deliver' | 'fail' | 'cancel' | 'expire' | 'settle';

export type ChunkState = 'waiting' | 'offered' | 'locked' | 'proven' | 'accepted';
export type ChunkEvent = 'offer' | 'pass' | 'lock' | 'release' | 'miss' | 'prove' | 'accept' | 'reject' | 'dispute';

type Transitions<S extends string, E extends string> = { readonly [State in S]: { readonly [Event in E]?: S } };

const OPEN = { fail: 'failed', cancel: 'cancelled', expire: 'expired' } as const;

export const ORDER_TRANSITIONS: Transitions<OrderState, OrderEvent> = {
  received: { reserve: 'reserved', ...OPEN },
  reserved: { run: 'running', ...OPEN },
  running: { deliver: 'delivered', ...OPEN },
  delivered: { settle: 'settled' },
  failed: { settle: 'settled' },
  cancelled: { settle: 'settled' },
  expired: { settle: 'settled' },
  settled: {},
};

export const CHUNK_TRANSITIONS: Transitions<ChunkState, ChunkEvent> = {
  waiting: { offer: 'offered' },
  offered: { pass: 'waiting', lock: 'locked' },
  locked: { prove: 'proven', release: 'waiting', miss: 'waiting' },
  proven: { accept: 'accepted', reject: 'waiting', dispute: 'waiting' },
  accepted: {},
};

/** Throws InvariantError where the event cannot happen in that state. */
export function transitionOrder(state: OrderState, event: OrderEvent): OrderState {
  const next = ORDER_TRANSITIONS[state][event];
  if (next === undefined) throw new InvariantError(`an order that is ${state} cannot ${event}`);
  return next;
}

/** Throws InvariantError where the event cannot happen in that state. */
export function transitionChunk(state: ChunkState, event: ChunkEvent): ChunkState {
  const next = CHUNK_TRANSITIONS[state][event];
  if (next === undefined) throw new InvariantError(`a chunk that is ${state} cannot ${event}`);
  return next;
}

/** Whether the order has ended: nothing but its settlement can follow. */
export function hasEnded(state: OrderState): boolean {
  return state === 'settled' || ORDER_TRANSITIONS[state].settle !== undefined;
}

/** The chunk as far as the order's money is concerned. */
export interface ChunkMoney {
  readonly state: ChunkState;
  /** The price of its lock; 0 where none is held. */
  readonly price: bigint;
}

/** Where an order's reserve stands: spent + held + free = reserved. */
export interface OrderMoney {
  /** Prices of accepted chunks: the provers' whatever happens. */
  readonly spent: bigint;
  /** Prices of locks that are held, as long as the order has not ended. */
  readonly held: bigint;
  /** What a new lock may cost, and what goes back when the order ends now. */
  readonly free: bigint;
}

/** Throws InvariantError where the chunks cost more than is reserved. */
export function orderMoney(state: OrderState, reserved: bigint, chunks: readonly ChunkMoney[]): OrderMoney {
  let spent = 0n;
  let held = 0n;
  for (const { state: chunk, price } of chunks) {
    if (chunk === 'accepted') spent += price;
    else if (!hasEnded(state) && (chunk === 'locked' || chunk === 'proven')) held += price;
  }
  const free = reserved - spent - held;
  if (free < 0n) throw new InvariantError(`chunks cost ${spent + held}, the order has reserved ${reserved}`);
  return { spent, held, free };
}

/** What goes back to the requester when the order is settled: all but what accepted chunks cost. */
export function refundable(reserved: bigint, chunks: readonly ChunkMoney[]): bigint {
  return orderMoney('settled', reserved, chunks).free;
}
