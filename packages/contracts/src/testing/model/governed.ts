import { type Address, type Hex, hexToString } from 'viem';
import { BPS, type Handler, isPaused, need } from './state.js';

export const tokenHandlers: Record<string, Handler> = {
  transfer(m, { sender }, to: Address, amount: bigint) {
    m.transfer(sender, to, amount);
  },
  delegate(m, { sender }, to: Address) {
    m.delegates.set(sender, to);
  },
  mint() {
    need(false, 'not the emission');
  },
  burn(m, { sender }, amount: bigint) {
    need(m.balance(sender) >= amount, 'token balance');
    m.balances.set(sender, m.balance(sender) - amount);
    m.supply -= amount;
  },
};

export const parameterHandlers: Record<string, Handler> = {
  set(m, { now, sender }, key: Hex, value: bigint) {
    need(sender === m.at.timelock, 'timelock');
    const parameter = m.parameters.get(hexToString(key, { size: 32 }));
    need(parameter !== undefined, 'unknown');
    need(value >= parameter.min && value <= parameter.max, 'bounds');
    need(parameter.changedAt === 0n || now >= parameter.changedAt + m.parameter('parameterStepSeconds'), 'too soon');
    const most = (parameter.value * parameter.maxStepBps) / BPS || 1n;
    need(value <= parameter.value + most && value >= parameter.value - most, 'step');
    need(now >= m.frozenUntil, 'frozen');
    parameter.past.push({ value: parameter.value, until: now });
    parameter.value = value;
    parameter.changedAt = now;
  },
};

export const guardianHandlers: Record<string, Handler> = {
  pause(m, { now, sender }) {
    need(sender === m.at.guardian && now >= m.nextPauseAt, 'guardian');
    m.pausedUntil = now + m.parameter('pauseSeconds');
    m.nextPauseAt = m.pausedUntil + m.parameter('pauseCooldownSeconds');
  },
  unpause(m, { now, sender }) {
    need((sender === m.at.guardian || sender === m.at.timelock) && isPaused(m, now), 'guardian');
    m.pausedUntil = now;
  },
};
