/** The same prover and verifier in Chromium, where there is one. */
import { describe, expect, it } from 'vitest';
import { findChromium } from '../../packages/cli/src/bench/browser/chromium.js';
import { dsperse } from './dsperse-process.js';

const chromium = findChromium();

describe(`in a browser${chromium ? '' : ' (skipped: there is no Chromium; CHROMIUM may name one)'}`, () => {
  // The command itself fails where the page is not isolated, where Node compiles another program than the browser, and
  // where the verifier alone does not accept the run or accepts it with a bit changed.
  it.skipIf(!chromium)('LeNet-5 is compiled, proven and verified with threads, and verified alone', async () => {
    const { code, json } = await dsperse('bench', 'lenet5', '--browser', '--runs', '1', '--json');
    expect(json.browserFailures).toEqual([]);
    expect(code).toBe(0);
    const [result] = json.browser;
    expect(result).toMatchObject({ model: 'lenet5', browser: expect.stringContaining('Chrom') });
    expect(result.threads).toBe(Math.min(8, json.machine.cores));
    expect(result.proofBytes).toBeGreaterThan(1e4);
    expect(result.verifierAloneMs.median).toBeGreaterThan(0);
  });

  it.runIf(!chromium)('is refused with a hint', async () => {
    const { code, json } = await dsperse('bench', 'lenet5', '--browser', '--json');
    expect(code).toBe(2);
    expect(json.error.code).toBe('no-browser');
  });
});
