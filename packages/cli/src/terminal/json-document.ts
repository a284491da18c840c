/** JSON as people and programs like it: indented, lists of numbers on one line. */
export function jsonDocument(value: unknown): string {
  // A line break never stands in a JSON string, so only lists match.
  return JSON.stringify(value, undefined, 2).replace(/\[\n\s*(-?\d[^[\]{}"]*?)\n\s*\]/g, (_, numbers: string) => {
    return `[${numbers.replace(/,\n\s*/g, ', ')}]`;
  });
}
