/**
 * Arithmetic of the independent verifier (bigint-verifier.ts), from the definitions and with nothing shared: QM31 over
 * BigInt, the circle domains by group law, the code by evaluation, the transcript over @noble/hashes.
 */
import { blake3 } from '@noble/hashes/blake3.js';

export const P = 2n ** 31n - 1n;

/** c0 + c1·i + (c2 + c3·i)·u, i² = -1, u² = 2 + i. */
export type Q = readonly [bigint, bigint, bigint, bigint];

export const mod = (x: bigint): bigint => ((x % P) + P) % P;
export const lift = (x: number | bigint): Q => [mod(BigInt(x)), 0n, 0n, 0n];
export const ZERO = lift(0);
export const ONE = lift(1);
export const plus = (a: Q, b: Q): Q => [mod(a[0] + b[0]), mod(a[1] + b[1]), mod(a[2] + b[2]), mod(a[3] + b[3])];
export const minus = (a: Q, b: Q): Q => [mod(a[0] - b[0]), mod(a[1] - b[1]), mod(a[2] - b[2]), mod(a[3] - b[3])];
export const same = (a: Q, b: Q): boolean => a.every((x, i) => x === b[i]);

export function times(a: Q, b: Q): Q {
  const product = (x: readonly bigint[], y: readonly bigint[]) => [
    x[0] * y[0] - x[1] * y[1],
    x[0] * y[1] + x[1] * y[0],
  ];
  const [a0, a1, b0, b1] = [a.slice(0, 2), a.slice(2), b.slice(0, 2), b.slice(2)];
  const low = product(a0, b0);
  const high = product(a1, b1);
  const lowHigh = product(a0, b1);
  const highLow = product(a1, b0);
  return [
    mod(low[0] + 2n * high[0] - high[1]),
    mod(low[1] + 2n * high[1] + high[0]),
    mod(lowHigh[0] + highLow[0]),
    mod(lowHigh[1] + highLow[1]),
  ];
}

export function power(x: Q, e: bigint): Q {
  let r = ONE;
  for (let base = x; e > 0n; e >>= 1n, base = times(base, base)) if (e & 1n) r = times(r, base);
  return r;
}

/** By Fermat in the field of p^4 elements. */
export const inverse = (x: Q): Q => power(x, P ** 4n - 2n);
export const sum = (xs: readonly Q[]): Q => xs.reduce(plus, ZERO);
export const dot = (a: readonly Q[], b: readonly Q[]): Q => sum(a.map((x, i) => times(x, b[i])));

/** eq(r, ·) over {0,1}^n, r[0] the most significant bit. */
export const eqTable = (r: readonly Q[]): Q[] =>
  r.reduce<Q[]>((table, x) => table.flatMap((t) => [times(t, minus(ONE, x)), times(t, x)]), [ONE]);

/** The multilinear extension of a table at a point. */
export const extension = (table: readonly Q[], r: readonly Q[]): Q => dot(table, eqTable(r));

/** The polynomial of degree 2 with s(0), s(2) and s(0) + s(1) given, at x: by Lagrange. */
export function roundAt(s0: Q, s2: Q, total: Q, x: Q): Q {
  const s1 = minus(total, s0);
  const half = inverse(lift(2));
  const [x1, x2] = [minus(x, ONE), minus(x, lift(2))];
  const l0 = times(times(x1, x2), half);
  const l1 = minus(ZERO, times(x, x2));
  const l2 = times(times(x, x1), half);
  return sum([times(s0, l0), times(s1, l1), times(s2, l2)]);
}

/** x of the circle point at `index` of the domain S_mu: cos(o·π/2^(mu+1)), o by the recursion of the order. */
export function domainX(mu: number, index: number): bigint {
  const odd = (m: number, i: number): number =>
    m === 0 ? 1 : i < 2 ** (m - 1) ? odd(m - 1, i) : 2 ** (m + 1) - odd(m - 1, i - 2 ** (m - 1));
  let exponent = BigInt(odd(mu, index)) << BigInt(29 - mu);
  let point = [1n, 0n];
  let base = [2n, 1268011823n];
  const join = (a: bigint[], b: bigint[]) => [mod(a[0] * b[0] - a[1] * b[1]), mod(a[0] * b[1] + a[1] * b[0])];
  for (; exponent > 0n; exponent >>= 1n, base = join(base, base)) if (exponent & 1n) point = join(point, base);
  return point[0];
}

/** f(x) = e0(2x² - 1) + x·e1(2x² - 1), e0 and e1 the halves of the message. */
export function codeSymbol(message: readonly Q[], x: bigint): Q {
  if (message.length === 1) return message[0];
  const half = message.length / 2;
  const next = mod(2n * x * x - 1n);
  return plus(codeSymbol(message.slice(0, half), next), times(lift(x), codeSymbol(message.slice(half), next)));
}

/** A fold of the values at x and -x by rho: e0 + rho·(e1 - e0). */
export function foldPair(plusX: Q, minusX: Q, x: bigint, rho: Q): Q {
  const e0 = times(plus(plusX, minusX), inverse(lift(2)));
  const e1 = times(minus(plusX, minusX), inverse(lift(2n * x)));
  return plus(e0, times(rho, minus(e1, e0)));
}

export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);
export const join = (...parts: Uint8Array[]): Uint8Array => Uint8Array.from(parts.flatMap((p) => [...p]));
export const hash = (...parts: Uint8Array[]): Uint8Array => blake3(join(...parts));
export const word = (x: number): Uint8Array => Uint8Array.of(x & 255, (x >> 8) & 255, (x >> 16) & 255, x >>> 24);
export const wordAt = (b: Uint8Array, o: number): number =>
  (b[o] | (b[o + 1] << 8) | (b[o + 2] << 16) | (b[o + 3] << 24)) >>> 0;

export class HashChain {
  state = hash(bytesOf('dsperse transcript 1'));

  private step(kind: number, label: string, data: Uint8Array): void {
    const name = bytesOf(label);
    this.state = hash(this.state, Uint8Array.of(kind), word(name.length), name, word(data.length), data);
  }

  absorb(label: string, data: Uint8Array): void {
    this.step(0, label, data);
  }

  challenge(label: string): Q {
    const out: bigint[] = [];
    while (out.length < 4) {
      this.step(1, label, new Uint8Array(0));
      for (let i = 0; i < 32 && out.length < 4; i += 4) {
        const x = BigInt(wordAt(this.state, i)) % 2n ** 31n;
        if (x !== P) out.push(x);
      }
    }
    this.step(2, label, new Uint8Array(0));
    return [out[0], out[1], out[2], out[3]];
  }

  challenges(label: string, count: number): Q[] {
    return Array.from({ length: count }, () => this.challenge(label));
  }

  indices(label: string, count: number, bits: number): number[] {
    const out: number[] = [];
    while (out.length < count) {
      this.step(1, label, new Uint8Array(0));
      for (let i = 0; i < 32; i += 4) out.push(Math.floor(wordAt(this.state, i) / 2 ** (32 - bits)));
    }
    return out.slice(0, count);
  }
}
