/** Loaded with `--import` before a node: its clock is `DSPERSE_TEST_SHIFT_<name of its folder>` seconds ahead. */
import { basename, dirname } from 'node:path';

const config = process.argv[process.argv.indexOf('--config') + 1] ?? '';
const name = basename(dirname(config)).replaceAll('-', '_').toUpperCase();
const shiftMs = Number(process.env[`DSPERSE_TEST_SHIFT_${name}`] ?? 0) * 1000;
const Real = Date;
const now = () => Real.now() + shiftMs;

globalThis.Date = class extends Real {
  constructor(...given) {
    if (given.length === 0) super(now());
    else super(...given);
  }
  static now() {
    return now();
  }
};
