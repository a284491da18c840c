/** The contracts of the network: ABIs, parameters, deployment. */
export { type Deployment, deployNetwork, type NetworkAddresses } from './deploy.js';
export { DeploymentError, type DeploymentErrorCode } from './deployment-error.js';
export {
  accountKey,
  BURN_ACCOUNT,
  CREDIT_LEAF,
  ORDER_LEAF,
  operatorKey,
  PENALTY_LEAF,
  PROVER,
  REGISTRATION_TYPES,
  VALIDATOR,
} from './encoding.js';
export { dsperseGovernorAbi } from './generated/dsperse-governor.js';
export { dsperseTimelockAbi } from './generated/dsperse-timelock.js';
export { dsperseTokenAbi } from './generated/dsperse-token.js';
export { emissionAbi } from './generated/emission.js';
export { guardianAbi } from './generated/guardian.js';
export { marketAbi } from './generated/market.js';
export { modelRegistryAbi } from './generated/model-registry.js';
export { parametersAbi } from './generated/parameters.js';
export { settlementAbi } from './generated/settlement.js';
export { stakeManagerAbi } from './generated/stake-manager.js';
export { treasuryAbi } from './generated/treasury.js';
export { type DeployedParameter, type Genesis, parameterDefinitions, validateGenesis } from './genesis.js';
export {
  LOCAL_PARAMETERS,
  PARAMETERS,
  type ParameterDefinition,
  type ParameterName,
  type ParameterOverride,
  type ParameterUnit,
  parameterDefault,
} from './parameters.js';
