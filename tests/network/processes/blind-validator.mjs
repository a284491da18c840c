/**
 * Loaded with `--import` before a validator: while the file `DSPERSE_TEST_BLIND` says `blind`, it accepts whatever comes, and
 * looks at nothing.
 */
import { readFileSync } from 'node:fs';
import { VerifyPool } from '../../../packages/network/dist/roles/validator/verify-pool.js';

const verify = VerifyPool.prototype.verify;
VerifyPool.prototype.verify = async function (request) {
  const isBlind = readFileSync(process.env.DSPERSE_TEST_BLIND, 'utf8').trim() === 'blind';
  return isBlind ? { outcome: { accepted: true }, seconds: 0 } : verify.call(this, request);
};
