/** What every node needs, whatever its roles. */

export {
  CAPABILITY_FILE,
  type CachedMeasureOptions,
  capabilityOf,
  type MeasuredCapability,
  type MeasureOptions,
  measureCapability,
  measuredCapability,
} from './capability.js';
export { CONFIG_FILE, type ConfigSources, keystorePath, loadConfig } from './config.js';
export { CONFIG_KEYS, type ConfigKey, type ConfigName, flagOf, type NodeConfig, type Role } from './config-keys.js';
export { type ConfigRow, configMarkdown, configRows, describeConfig } from './config-text.js';
export { type DataLock, isLocked, LOCK_FILE, lockDirectory } from './data-lock.js';
export {
  type Check,
  type CheckStatus,
  type DoctorConfig,
  type DoctorOptions,
  type DoctorProbes,
  diagnose,
  doctorExitCode,
} from './doctor.js';
export { machineProbes } from './doctor-probes.js';
export {
  capabilityDigest,
  checkEndpoint,
  type EndpointContext,
  type EndpointFault,
  type EndpointRequest,
  isEndpointUrl,
  makeEndpoint,
  nextSequence,
  roleBits,
  rolesIn,
} from './endpoint-record.js';
export { EncryptionKey, type Identity, identityOf } from './identity.js';
export { type CreateKeystoreOptions, createKeystore, keystoreAddress, openKeystore } from './keystore.js';
export type { KeystoreStrength } from './keystore-format.js';
export {
  Lifecycle,
  type LifecycleOptions,
  type LifecycleState,
  type Readiness,
  type Service,
  type ServiceHealth,
} from './lifecycle.js';
export { createLogger, type Logger, type LogOptions, silentLogger } from './logs.js';
export { createMetrics, type Metrics, type MetricsOptions } from './metrics.js';
export {
  NETWORK_FILE,
  type NetworkFile,
  networkFilePath,
  networkOf,
  readNetworkFile,
  writeNetworkFile,
} from './network-file.js';
export { type PasswordSources, promptHidden, readPassword, type Terminal } from './password.js';
export { hideCredentials, redact } from './redact.js';
export { type ProcessEvents, type RunOptions, runServices } from './run-services.js';
export { writePrivateFile } from './write-private-file.js';
