/** Looking up many things of which each takes a round trip. */

/** Asked together: an RPC gets them in one request, and none is asked for thousands at once. */
const AT_ONCE = 100;

/**
 * What is looked up of each, in their order. Between those that are asked together the process does other work, also where
 * nothing had to be waited for.
 */
export async function lookUpEach<T, R>(items: readonly T[], lookUp: (item: T) => Promise<R>): Promise<R[]> {
  const found: R[] = [];
  for (let at = 0; at < items.length; at += AT_ONCE) {
    found.push(...(await Promise.all(items.slice(at, at + AT_ONCE).map(lookUp))));
    await new Promise((resolve) => setImmediate(resolve));
  }
  return found;
}
