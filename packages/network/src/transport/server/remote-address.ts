/** Where a request comes from, as a key for rate limits. */
import type { IncomingMessage } from 'node:http';
import { isIP, isIPv6 } from 'node:net';

/** The first four groups of an IPv6 address: one customer usually holds all that follow. */
function network64(address: string): string {
  const [head, tail] = address.split('::');
  const left = head ? head.split(':') : [];
  const right = tail ? tail.split(':') : [];
  const groups =
    tail === undefined ? left : [...left, ...Array(Math.max(0, 8 - left.length - right.length)).fill('0'), ...right];
  return `${groups.slice(0, 4).join(':')}::/64`;
}

export function addressKey(address: string): string {
  const mapped = address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
  return isIPv6(mapped) ? network64(mapped) : mapped;
}

/**
 * `trustedProxies`: how many proxies of the operator's own stand before this node; each adds one address to the header
 * x-forwarded-for, and the first of theirs is the client's. With 0 the header is not looked at.
 */
export function remoteAddress(incoming: IncomingMessage, trustedProxies: number): string {
  const peer = incoming.socket.remoteAddress ?? 'unknown';
  if (trustedProxies === 0) return peer;
  const header = incoming.headers['x-forwarded-for'];
  const hops = (Array.isArray(header) ? header.join() : (header ?? '')).split(',').map((hop) => hop.trim());
  const claimed = hops.at(-trustedProxies);
  return claimed !== undefined && isIP(claimed) ? claimed : peer;
}
