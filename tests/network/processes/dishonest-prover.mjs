/**
 * Loaded with `--import` before a prover: what it delivers is spoiled in the way that the file `DSPERSE_TEST_ATTACK` names.
 * The attacks are a module of their own, which `DSPERSE_TEST_ATTACKS` points at.
 */
import { readFileSync } from 'node:fs';
import { ProvingThread } from '../../../packages/network/dist/roles/prover/proving-thread.js';

const { attacks } = await import(process.env.DSPERSE_TEST_ATTACKS);
const prove = ProvingThread.prototype.prove;
ProvingThread.prototype.prove = function (job, signal) {
  const honest = (j, s) => prove.call(this, j, s);
  const attack = attacks[readFileSync(process.env.DSPERSE_TEST_ATTACK, 'utf8').trim()];
  return (attack ? attack(honest) : honest)(job, signal);
};
