export {
  type AbstentionCode,
  type CaseKey,
  type CaseOutcome,
  type CaseRequest,
  checkCase,
  openCaseKey,
} from './check-case.js';
export { checkEpoch, type EpochContext, type EpochOutcome } from './check-epoch.js';
export { createValidator, type ValidatorOptions, type ValidatorSettings } from './validator.js';
export { type CaseKeyParts, ValidatorJournal } from './validator-journal.js';
export { type VerifyAnswer, type VerifyCase, VerifyPool, type VerifyRequest } from './verify-pool.js';
