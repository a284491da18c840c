import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { isBenchModel } from './catalogue.js';
import { PEER_FIGURES } from './peers.js';

describe('published figures', () => {
  const notes = readFileSync(new URL('../../../../bench/peers.md', import.meta.url), 'utf8');

  it.each(PEER_FIGURES)('$system, $model: the notes have the same row and the source', (figure) => {
    const row = notes.split('\n').find((line) => line.includes(figure.system) && line.includes(figure.model));
    expect(row).toBeDefined();
    const seconds = figure.proveMs / 1000;
    const cells = row?.split('|').map((cell) => cell.trim()) ?? [];
    expect(cells.includes(`${seconds} s`) || cells.includes(`${seconds / 60} min`)).toBe(true);
    expect(notes).toContain(figure.source);
    expect(figure.comparable.every(isBenchModel)).toBe(true);
  });
});
