export { type ClaimOptions, claimOnce, createClaims } from './claim-earnings.js';
export { type DutyLoop, runDutyLoop } from './duty-loop.js';
export * from './epoch-document.js';
export { GatewayLink, type GatewayLinkOptions } from './gateway-link.js';
export { fetchBlob, ProgramCache, type ProgramCacheOptions } from './program-cache.js';
