/** How much the operator has for transactions: a node without gas works, and can neither reserve nor claim. */
import type { Address } from 'viem';
import type { EvmLedger } from '../chain/index.js';
import type { Metrics, Service } from '../node/index.js';

const EVERY_MS = 60_000;
const DECIMALS = 1e18;

export function watchGas(ledger: Pick<EvmLedger, 'publicClient'>, operator: Address, metrics: Metrics): Service {
  const gauge = metrics.gauge('dsperse_operator_gas_tokens', "native tokens of the chain on the operator's account");
  let timer: NodeJS.Timeout | undefined;
  // A chain that does not answer is seen elsewhere; the last value stays.
  const look = async (): Promise<void> => {
    const units = await ledger.publicClient.getBalance({ address: operator }).catch(() => undefined);
    if (units !== undefined) gauge.set(Number(units) / DECIMALS);
  };
  return {
    name: 'gas',
    start() {
      void look();
      timer = setInterval(look, EVERY_MS);
    },
    stop: () => clearInterval(timer),
  };
}
