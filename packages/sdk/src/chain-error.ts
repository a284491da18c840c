/** What went wrong on the chain, as the errors that callers know. */
import { InputError } from '@dsperse/core/verify';
import { TransportError } from '@dsperse/network/transport';
import {
  type Abi,
  BaseError,
  ContractFunctionRevertedError,
  decodeErrorResult,
  type Hex,
  InsufficientFundsError,
} from 'viem';
import { REFUSALS } from './refusals.js';

/** @param abis of contracts that may be called by the one that was called */
export function chainError(error: unknown, what: string, abis: readonly Abi[] = []): Error {
  if (error instanceof InputError || error instanceof TransportError) return error;
  if (error instanceof BaseError) {
    const revert = error.walk((e) => e instanceof ContractFunctionRevertedError);
    if (revert instanceof ContractFunctionRevertedError) {
      const { name, args } = reasonOf(revert, abis);
      const said = args.length > 0 ? `${name}(${args.map(String).join(', ')})` : name;
      const { message, hint } = REFUSALS[name]?.(args) ?? { hint: `packages/contracts describes what ${what} demands` };
      const words = message ?? `${what}: the contract refuses: ${said}`;
      return new InputError('refused', words, hint, undefined, { cause: error });
    }
    if (error.walk((e) => e instanceof InsufficientFundsError)) {
      const hint = 'send it some ether of this chain';
      return new InputError('no-fees', `${what}: the account has too little ether for the fee`, hint, undefined, {
        cause: error,
      });
    }
    return new TransportError('chain', `${what}: ${error.shortMessage.split('\n')[0]}`, {
      retryable: true,
      hint: 'is the chain’s RPC running?',
      cause: error,
    });
  }
  return new TransportError('chain', `${what}: ${error instanceof Error ? error.message : String(error)}`, {
    retryable: true,
    hint: 'is the chain’s RPC running?',
    cause: error,
  });
}

function reasonOf(
  revert: ContractFunctionRevertedError,
  abis: readonly Abi[],
): { name: string; args: readonly unknown[] } {
  const { data, raw, reason } = revert;
  if (data?.errorName) return { name: data.errorName, args: data.args ?? [] };
  for (const abi of raw && raw !== '0x' ? abis : []) {
    try {
      const { errorName, args } = decodeErrorResult({ abi, data: raw as Hex });
      return { name: errorName, args: (args as readonly unknown[] | undefined) ?? [] };
    } catch {
      // Not one of its errors.
    }
  }
  return { name: reason ?? 'no reason given', args: [] };
}
