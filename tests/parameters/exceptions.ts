/**
 * Numbers in contracts, nodes and clients that are no parameters, each with the reason why no vote is needed on it. Whatever
 * decides who is paid, how long somebody has, or who is believed belongs into packages/contracts/src/parameters.ts instead.
 */
export interface Exception {
  readonly reason: string;
  /** `<file> <name>`; a folder ends in `/` and stands for all in it. */
  readonly constants: readonly string[];
}

const solidity = (file: string, ...names: string[]) => names.map((n) => `packages/contracts/solidity/${file} ${n}`);
const network = (file: string, ...names: string[]) => names.map((n) => `packages/network/src/${file} ${n}`);
const room = (folder: string) => `packages/network/src/${folder}/`;
const sdk = (file: string, ...names: string[]) => names.map((n) => `packages/sdk/src/${file} ${n}`);
const cli = (file: string, ...names: string[]) => names.map((n) => `packages/cli/src/${file} ${n}`);

export const EXCEPTIONS: readonly Exception[] = [
  {
    reason: 'units, and the scales that whole numbers are computed in: what they mean, not how much of it',
    constants: [
      ...solidity('Emission.sol', 'BPS', 'YEAR'),
      ...solidity('StakeManager.sol', 'RAY'),
      ...network('market/prover-rate.ts', 'BPS'),
      ...network('market/deadlines.ts', 'BPS'),
      ...network('market/price-curve.ts', 'MILLION'),
      ...network('market/quote.ts', 'BPS'),
      ...network('scoring/committee.ts', 'ONE'),
      ...sdk('choose-gateway.ts', 'BPS'),
      ...network('scoring/divide.ts', 'BPS'),
      ...network('scoring/emission.ts', 'BPS', 'YEAR_SECONDS'),
      ...network('scoring/penalties.ts', 'BPS'),
      ...network('scoring/yuma.ts', 'ONE'),
      ...network('messages/hash-typed-data.ts', 'WORD'),
      ...network('bittensor/weight-vector.ts', 'U16_MAX'),
      ...network('node/config-keys.ts', 'MIB', 'GIB'),
      ...network('node/doctor.ts', 'GIB'),
      ...network('roles/watch-gas.ts', 'DECIMALS'),
      ...cli('network/amounts.ts', 'DECIMALS'),
    ],
  },
  {
    reason: 'numbers that stand for a role or a kind of leaf in what is signed: another value is another format',
    constants: [
      ...solidity('Equivocations.sol', 'VALIDATOR'),
      ...solidity('StakeManager.sol', 'PROVER', 'VALIDATOR'),
      ...solidity(
        'libraries/Leaves.sol',
        'ORDER',
        'CREDIT',
        'PENALTY',
        'return bytes32((uint256(role) << 160) | uint160(operator));',
      ),
      ...network('messages/documents.ts', 'ROLE'),
      ...network('scoring/types.ts', 'PROVER_ROLE', 'VALIDATOR_ROLE'),
      ...network('messages/tensor-bundle.ts', 'VIEWS'),
      ...network('messages/canonical.ts', 'MAX_DEPTH'),
      ...network('scoring/consensus.ts', 'WEIGHT_MAX'),
      ...sdk('verify-certificate.ts', 'NOTHING'),
      ...sdk('electorate.ts', 'VALIDATOR_ROLE'),
    ],
  },
  {
    reason:
      'two thirds of the stake: with fewer two contradicting roots can both be signed, with more a third can stop all; it comes ' +
      'from the proof of agreement, and every other part is built on it',
    constants: solidity('Settlement.sol', 'if (stake * 3 <= total * 2) revert NoQuorum(stake, total);'),
  },
  {
    reason: 'how finely the shares of a pool are rounded: a step against rounding attacks, of no worth',
    constants: solidity('StakeVotes.sol', 'VIRTUAL_SHARES'),
  },
  {
    reason: 'what a new local network of one machine is given; a real genesis states its own',
    constants: network('local/set-up.ts', 'LOCAL_TERMS', 'SUPPLY_CAP', 'REQUESTER_TOKENS', 'TREASURY_TOKENS'),
  },
  {
    reason: 'the behaviour of simulated agents, no code of a node',
    constants: [room('simulation')],
  },
  {
    reason:
      'how stores, connections and a local chain are looked after: nothing signed depends on it, and a retry changes no outcome',
    constants: [
      room('store'),
      room('transport/client'),
      room('transport/server'),
      ...network(
        'chain/local-anvil.ts',
        'STATE_SECONDS',
        'PAST_STATES',
        'DUMP_TIMEOUT_MS',
        'timeoutMs',
        'RESTART_DELAY_MS',
        'POLL_MS',
        '#process',
      ),
      ...network('chain/local-anvil-state.ts', 'DUMPS'),
      ...network('chain/process-identity.ts', 'POLL_MS'),
      ...network('chain/send-queue.ts', 'LOST_AFTER', 'LOOK_MS', 'AWAY_MS'),
      ...network('chain/evm-ledger.ts', 'KNOWN_ALREADY', 'STAKES_MS', 'PARAMETERS_MS'),
      ...network('node/run-services.ts', '[DONE, BUG]', 'SIGNALS'),
      ...network('node/lifecycle.ts', 'stopTimeoutMs'),
      ...cli('local-network/start-network.ts', 'END_MS'),
      ...cli('local-network/child-node.ts', 'READY_MS', 'STOP_MS', 'RESTART_MS', 'CALM_MS'),
    ],
  },
  {
    reason: 'how much is held in memory, read at once or sent in one call',
    constants: [
      ...network('messages/known-signers.ts', 'SIGNERS', 'WINDOW_BITS', 'USES_FOR_TABLE'),
      ...network('node/endpoint-record.ts', 'MAX_URL'),
      ...network('roles/gateway/gateway.ts', 'MAX_INFERENCE_THREADS'),
      ...network('messages/hash-typed-data.ts', 'MOST_SEPARATORS'),
      ...network('roles/gateway/adopt-epoch.ts', 'WANTED'),
      ...network('roles/gateway/advance-order.ts', 'UNBEGUN'),
      ...network('roles/gateway/take-verdicts.ts', 'TOLD_TENSORS'),
      ...network('roles/gateway/activation-worker.ts', 'arrays'),
      ...network('roles/gateway/appeals.ts', 'PER_PROVER', 'LISTED'),
      ...network('roles/gateway/claims.ts', 'MOST', 'LISTED', 'ATTEMPTS_AT_SLICE'),
      ...network('roles/validator/archived-verdicts.ts', 'RECORD', '[ACCEPTED, TAKEN]', 'DIGEST'),
      ...network('roles/validator/check-epoch.ts', 'PROGRAMS_KNOWN'),
      ...network('roles/validator/validator-journal.ts', 'VERDICTS_HELD'),
      ...network('roles/validator/contacts.ts', 'STRETCHES'),
      ...network('roles/validator/signed-epochs.ts', 'MOST'),
      ...sdk('order-result.ts', '[MAX_EARLY, MAX_EARLY_BYTES]'),
      ...sdk('opened-keys.ts', 'MOST'),
      ...network('roles/gateway/routes.ts', 'EPOCH_VALUES'),
      ...network('roles/gateway/run-epochs.ts', 'EPOCHS_AT_START'),
      ...network('scoring/consensus.ts', 'WEIGHTS_MAX'),
      ...network('roles/peer/epoch-document.ts', 'MANY'),
      ...network('roles/validator/verify-worker.ts', 'KEYS'),
      ...network('transport/request/token.ts', 'MAX_CHARACTERS'),
      ...network('transport/parse-json.ts', 'QUOTE', 'BACKSLASH', 'COMMA', 'OPENING', 'CLOSING'),
      ...network('transport/seal/seal.ts', 'VERSION'),
      ...sdk('base64.ts', 'PART'),
      ...cli('network/write-order-run.ts', 'MAX_PROVER'),
    ],
  },
  {
    reason:
      'how often one looks, and how long before one looks or sends again: the outcome is the same, a little later',
    constants: [
      ...network('roles/gateway/adopt-epoch.ts', 'KNOWN_MS'),
      ...network('roles/gateway/advance-order.ts', 'LEASE_MS', 'RESERVE_CHECK_MS'),
      ...network('roles/gateway/disk-room.ts', 'REMEMBER_MS', 'retryAfterSeconds'),
      ...network('roles/gateway/event-log.ts', 'POLL_MS'),
      ...network('roles/gateway/delegations.ts', 'DELEGATED_SECONDS', 'SEEN_MS'),
      ...network('roles/gateway/gateway.ts', 'SWEEP_MS', 'DELEGATE_MS'),
      ...network('roles/validator/contacts.ts', 'PAUSE_MS', 'REMEMBERED_MS', 'SAVED_EVERY_MS'),
      ...network('roles/validator/signed-epochs.ts', 'RECENT_MS'),
      ...network('roles/gateway/operators.ts', 'SEEN_MS'),
      ...network('roles/gateway/routes.ts', 'EVENT_SECONDS', 'bodyTimeoutMs', 'handlerTimeoutMs'),
      ...network('roles/gateway/run-epochs.ts', 'LEASE_MS', 'SET_ASIDE_MS', 'SET_ASIDE_MAX_MS', 'LOOK_AGAIN_MS'),
      ...network('roles/gateway/settlement-room.ts', 'REMEMBER_MS', 'RETRY_AFTER_SECONDS'),
      ...network('roles/gateway/submit-order.ts', 'retryAfterSeconds'),
      ...network('roles/node-services.ts', 'RECORD_REFRESH_MS', 'retryAfterSeconds'),
      ...network('roles/peer/claim-earnings.ts', 'SETTLED_BY_OTHERS_SECONDS', 'intervalMs'),
      ...network('roles/peer/duty-loop.ts', 'RETRY'),
      ...network('roles/peer/gateway-link.ts', 'RENEW_MS', 'KNOWN_MS'),
      ...network('roles/peer/program-cache.ts', 'BLOB_TIMEOUT_MS'),
      ...network('roles/gateway/claims.ts', 'WAIT_PART'),
      ...network('roles/prover/prover.ts', 'STAKE_MS', 'FIRST_LOOK_MS'),
      ...network('roles/prover/watch-settlement.ts', '[LEAST_PAUSE_MS, MOST_PAUSE_MS]', 'PAUSE_PART'),
      ...network('roles/prover/work-chunk.ts', 'UPLOAD_TIMEOUT_MS', 'RETRY'),
      ...network(
        'roles/validator/validator.ts',
        'GATHER_MS',
        'CHAIN_MS',
        '[FIRST_RETRY_MS, LAST_RETRY_MS]',
        'EPOCH_TIMEOUT_MS',
        'UNPOSTED_MS',
      ),
      ...network('roles/validator/weigh-provers.ts', 'AGAIN_MS'),
      ...network('roles/watch-gas.ts', 'EVERY_MS'),
      ...sdk('chain-access.ts', 'ANSWER_MS'),
      ...sdk('client.ts', 'SUBMIT_TIMEOUT_MS'),
      ...sdk('gateway-blobs.ts', 'BLOB_TIMEOUT_MS'),
      ...sdk('mined-receipt.ts', 'LOOK_MS', 'AWAY_MS'),
      ...sdk('order-handle.ts', 'POLL_MS', 'AFTER_END_MS'),
      ...cli('network/network-access.ts', 'pollingMs'),
    ],
  },
  {
    reason: 'how long a node keeps what it no longer needs for any settlement, on its own disk',
    constants: [
      ...network('roles/gateway/appeals.ts', 'APPEALS_MS'),
      ...network(
        'roles/gateway/sweep.ts',
        'UPLOAD_MS',
        'OPERATORS_MS',
        'FILLS_MS',
        'FILLS_LEFT',
        'EPOCHS_LEFT',
        'LATE_MS',
      ),
      ...network('roles/prover/prover-journal.ts', 'KEEP_MS'),
      ...network('roles/prover/delivered-work.ts', 'KEEP_MS'),
      ...network('roles/validator/validator-journal.ts', 'KEEP_MS'),
    ],
  },
  {
    reason:
      "an operator's own choice, in its settings or its own record; who deals with it sees it and may go elsewhere",
    constants: [
      ...network('roles/gateway/gateway-context.ts', 'GATEWAY_DEFAULTS'),
      ...network('node/endpoint-record.ts', 'lifetimeSeconds'),
      // What a prover thinks of itself; the rate that locks are timed by is the gateway's, and governed.
      ...network('roles/prover/prover.ts', 'RATE_POLICY'),
      ...network('node/capability.ts', 'WEEK_MS', '[ROWS, WIDTH, LAYERS]', '[MAX_RUNS, ENOUGH_MS]'),
    ],
  },
  {
    reason: 'from when on a client or a prover is told that no epoch has its order: what is told moves nothing',
    constants: [
      ...network('scoring/left-out.ts', 'LEFT_OUT_EPOCHS', 'LOOKED_AT'),
      ...cli('network/place-order.ts', 'LATE_MS'),
    ],
  },
  {
    reason: 'how far the clocks of gateways may differ before a validator takes an epoch for one that leaves it out',
    constants: network('roles/validator/check-epoch.ts', 'WEIGHTS_MARGIN_SECONDS'),
  },
  {
    reason: 'how far a node trusts its own estimate of the memory that a proof needs',
    constants: network('roles/peer/prover-memory.ts', 'MARGIN'),
  },
  {
    reason:
      'when a gateway says of itself that it was not there: its word can excuse a missed lock at any time, and never blames one',
    constants: network('roles/gateway/outages.ts', 'BEAT_MS', 'OUTAGE_MS', 'REMEMBERED_MS'),
  },
  {
    reason: 'a refusal before anything is reserved, of an order that could not end in time',
    constants: network('roles/gateway/submit-order.ts', 'MIN_SECONDS'),
  },
  {
    reason: "a signature by which an account pays for itself: nobody else's money or time",
    constants: sdk('chain-access.ts', 'PERMIT_SECONDS'),
  },
  {
    reason: 'a default of a command, which an option changes',
    constants: cli('network/place-order.ts', 'WEEK_SECONDS', 'DEFAULT_OVER_BPS'),
  },
  {
    reason:
      'how long one HTTP request counts: what moves money is signed in the messages inside it, with times that are governed; a ' +
      'node that is refused reads the clock in the answer and signs again',
    constants: [
      ...network('transport/request/check-request.ts', 'CHECK_LIMITS'),
      ...network('transport/request/sign-request.ts', 'REQUEST_VALIDITY_SECONDS'),
    ],
  },
  {
    reason: 'what the doctor and the logs call much or little: said, not done',
    constants: [
      ...network(
        'node/doctor.ts',
        'LEAST_NODE',
        '[WARN_SKEW_MS, FAIL_SKEW_MS]',
        'OLD_BLOCK_SECONDS',
        'timeoutMs',
        'LITTLE_GAS',
      ),
      ...network('node/metrics.ts', 'SECONDS'),
      ...network('node/pretty-log.ts', 'COLOURS'),
      ...network('node/redact.ts', 'MAX_DEPTH'),
    ],
  },
  {
    reason: "how hard an operator's own key file is to guess",
    constants: [
      ...network('node/keystore-format.ts', 'SCRYPT', 'MAX_ROUNDS'),
      ...network('node/keystore.ts', 'MIN_PASSWORD'),
    ],
  },
];
