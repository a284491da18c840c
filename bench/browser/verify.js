/** Verifies a run that was made elsewhere, and one with a bit of a proof changed: with the verifier and nothing else. */
import { fingerprintOf, verifyRun } from '@dsperse/core/verify';

const bytes = (base64) => Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
const integers = (object) => new Map(Object.entries(object).map(([name, data]) => [name, Int32Array.from(data)]));

async function verify() {
  const run = await (await fetch('/run.json')).json();
  const key = bytes(run.key);
  const inputs = integers(run.inputs);
  const values = integers(run.values);
  const slices = run.slices.map((s) => s && { statement: s.statement, proof: bytes(s.proof) });
  const options = { fingerprint: run.fingerprint, inputs };
  const verifyMs = [];
  let verdict;
  for (let i = 0; i < 5; i++) {
    const start = performance.now();
    ({ verdict } = verifyRun(key, { nonce: run.nonce, values, slices }, options));
    verifyMs.push(performance.now() - start);
  }
  const [{ statement, proof }, ...others] = slices;
  const forged = proof.slice();
  forged[forged.length >> 1] ^= 1;
  const forgery = verifyRun(
    key,
    { nonce: run.nonce, values, slices: [{ statement, proof: forged }, ...others] },
    options,
  );
  return {
    isolated: crossOriginIsolated,
    sharedMemory: typeof SharedArrayBuffer !== 'undefined',
    fingerprint: fingerprintOf(key),
    verdict,
    forgery: forgery.verdict,
    verifyMs,
  };
}

const result = await verify().catch((error) => ({ error: `${error?.message ?? error}` }));
document.getElementById('out').textContent = JSON.stringify(result, null, 2);
await fetch('/result', { method: 'POST', body: JSON.stringify(result) });
