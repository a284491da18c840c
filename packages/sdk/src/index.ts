/** What an application imports: orders that are proven, and the verdict on them, from Node or a browser. */

export type { CertifiedChunk, Electorate } from './certificate-chunk.js';
export { ChainAccess, type ChainOptions, type ContractName } from './chain-access.js';
export {
  type ChosenGateway,
  type ComparedGateways,
  capPrice,
  chooseGateway,
  compareGateways,
  type GatewayLimits,
  type GatewayOffer,
  type PaidPrice,
  type SkippedGateway,
} from './choose-gateway.js';
export {
  Client,
  type ClientOptions,
  createClient,
  type OrderInput,
  type OrderRequest,
  type QuoteRequest,
} from './client.js';
export {
  type Balances,
  balancesOf,
  deposit,
  forceExit,
  placeDirect,
  type ReservedOrder,
  requestCancel,
  reservedOrder,
  withdraw,
} from './deposits.js';
export { electorateOf } from './electorate.js';
export type { PublishableProgram } from './gateway-blobs.js';
export { checkGateway, type ExpectedNetwork, type GatewayIdentity } from './gateway-identity.js';
export {
  castVote,
  delegateVotes,
  executeProposal,
  findProposal,
  type GovernedCall,
  listParameters,
  listProposals,
  overrideDelegate,
  overridePool,
  type ParameterChange,
  type ParameterRow,
  PROPOSAL_STATES,
  type Proposal,
  type ProposalState,
  type ProposalStatus,
  parameterCalls,
  propose,
  queueProposal,
  VOTES,
  type Vote,
  votingWeight,
} from './governance.js';
export { OrderHandle, type WaitOptions } from './order-handle.js';
export { hasEnded, isDelivered, type OrderResult, type OutputTensor } from './order-result.js';
export { draftOrder, type OrderTerms, type PriceTerms, programPrice, sealOrder } from './order-terms.js';
export type { ActivationSource, SavedOrder } from './saved-order.js';
export {
  type OverrideChoice,
  openOverride,
  type SignedOverride,
  sendOverride,
  signOverride,
} from './signed-override.js';
export {
  addStake,
  registerOperator,
  roleName,
  roleNumber,
  type StakeLoss,
  type StakePool,
  type StakingRole,
  signRegistration,
  stakeLosses,
  stakePools,
  type Thaw,
  thawsOf,
  undelegate,
  withdrawThawed,
} from './staking.js';
export { type CertificateEvidence, type CertificateVerdict, verifyCertificate } from './verify-certificate.js';
