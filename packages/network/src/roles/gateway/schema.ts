/** The gateway's tables. Signed messages are kept whole, as JSON: settlement is computed from them. */

export const MIGRATIONS = [
  {
    id: '0001-orders',
    sql: `
      create table programs (
        fingerprint text primary key,
        document jsonb not null,
        publisher text not null,
        created_ms bigint not null
      );
      create table blobs (
        digest text primary key,
        kind text not null,
        bytes bigint not null,
        owner text not null,
        order_id text,
        created_ms bigint not null
      );
      create index blobs_order on blobs (order_id);
      create table operators (
        address text primary key,
        endpoint jsonb not null,
        sequence bigint not null,
        roles integer not null,
        ask numeric not null,
        capacity integer not null,
        rate bigint not null,
        failures integer not null default 0,
        seen_ms bigint not null
      );
      create table orders (
        id text primary key,
        requester text not null,
        signed jsonb not null,
        reply_key text not null,
        fingerprint text not null,
        state text not null,
        reason text,
        cancelled boolean not null default false,
        reserved boolean not null default false,
        input_digest text not null,
        activations_digest text,
        values_digest text,
        secret text not null,
        manifest jsonb,
        seal jsonb,
        started_at bigint,
        deadline bigint not null,
        budget numeric not null,
        spent numeric not null default 0,
        created_ms bigint not null,
        ended_ms bigint,
        epoch bigint,
        lease text,
        lease_until_ms bigint not null default 0
      );
      create index orders_state on orders (state);
      create table chunks (
        order_id text not null references orders (id) on delete cascade,
        idx integer not null,
        slices jsonb not null,
        work_units bigint not null,
        boundary_digest text,
        state text not null,
        attempt integer not null default 0,
        offered_to text,
        offer jsonb,
        offer_until_ms bigint,
        primary key (order_id, idx)
      );
      create index chunks_offered on chunks (offered_to) where state in ('offered', 'locked');
      create table attempts (
        order_id text not null references orders (id) on delete cascade,
        idx integer not null,
        attempt integer not null,
        prover text not null,
        lock jsonb not null,
        locked_ms bigint not null,
        price numeric not null,
        collateral numeric not null,
        deadline bigint not null,
        work_units bigint not null,
        release jsonb,
        delivery jsonb,
        acknowledgement jsonb,
        received_ms bigint,
        revealing_ms bigint,
        outcome text,
        reason text,
        ended_ms bigint,
        primary key (order_id, idx, attempt)
      );
      create index attempts_prover on attempts (prover, ended_ms);
      create table passes (
        order_id text not null references orders (id) on delete cascade,
        idx integer not null,
        attempt integer not null,
        prover text not null,
        primary key (order_id, idx, attempt, prover)
      );
      create table commits (
        order_id text not null references orders (id) on delete cascade,
        idx integer not null,
        attempt integer not null,
        validator text not null,
        signed jsonb not null,
        primary key (order_id, idx, attempt, validator)
      );
      create table verdicts (
        order_id text not null references orders (id) on delete cascade,
        idx integer not null,
        attempt integer not null,
        validator text not null,
        accepted boolean not null,
        signed jsonb not null,
        primary key (order_id, idx, attempt, validator)
      );
      create table events (
        seq bigserial primary key,
        topic text not null,
        kind text not null,
        data jsonb not null,
        at_ms bigint not null
      );
      create index events_topic on events (topic, seq);
      create table nonces (
        sender text not null,
        nonce text not null,
        expires_ms bigint not null,
        primary key (sender, nonce)
      );
      create index nonces_expiry on nonces (expires_ms);
      create table leases (name text primary key, holder text not null, until_ms bigint not null);
      create table epochs (
        epoch bigint primary key,
        state text not null,
        document_digest text not null,
        root text not null,
        message jsonb not null,
        settlement jsonb not null,
        created_ms bigint not null
      );
      create table epoch_signatures (
        epoch bigint not null references epochs (epoch) on delete cascade,
        validator text not null,
        root text not null,
        signature text not null,
        primary key (epoch, validator)
      );
      create table fills (
        order_id text not null,
        idx integer not null,
        unit_price numeric not null,
        seconds double precision not null,
        filled boolean not null,
        at_ms bigint not null,
        primary key (order_id, idx)
      );
    `,
  },
  {
    id: '0002-open-work',
    sql: `
      create index chunks_proven on chunks (order_id, idx) where state = 'proven';
      create index attempts_open on attempts (prover) where outcome is null;
      create index attempts_accepted on attempts (ended_ms) where outcome = 'accepted';
      create index attempts_failed on attempts (prover, ended_ms) where outcome in ('missed', 'rejected');
    `,
  },
  {
    id: '0003-judging',
    sql: `
      alter table attempts add column canary text;
      alter table attempts add column everyone boolean not null default false;
    `,
  },
  {
    id: '0004-outages',
    sql: `
      create table outages (from_ms bigint primary key, until_ms bigint not null);
      alter table attempts add column excused boolean not null default false;
    `,
  },
  {
    id: '0005-delegations',
    sql: `
      create table members (address text primary key, seen_ms bigint not null);
      create table delegations (
        gateway text not null,
        to_gateway text not null,
        until bigint not null,
        signed jsonb not null,
        primary key (gateway, to_gateway)
      );
    `,
  },
  {
    id: '0006-refusals',
    sql: `
      create table epoch_refusals (
        epoch bigint not null,
        validator text not null,
        order_id text not null,
        primary key (epoch, validator, order_id)
      );
    `,
  },
  {
    id: '0007-weights',
    sql: `
      create table weight_commits (
        epoch bigint not null,
        validator text not null,
        signed jsonb not null,
        primary key (epoch, validator)
      );
      create table weight_reveals (
        epoch bigint not null,
        validator text not null,
        reveal jsonb not null,
        primary key (epoch, validator)
      );
    `,
  },
  {
    // What is asked for every second, or with every order, must not read all that is kept.
    id: '0008-kept-rows',
    sql: `
      create index orders_unsettled on orders (ended_ms, id) where epoch is null and reserved and ended_ms is not null;
      create index orders_ended on orders (ended_ms) where ended_ms is not null;
      create index orders_epoch on orders (epoch) where epoch is not null;
      create index epochs_open on epochs (epoch) where state in ('collecting', 'posted');
      create index epochs_settled on epochs (epoch) where state = 'settled';
      create index blobs_owner on blobs (owner) include (bytes);
      create index blobs_uploaded on blobs (created_ms) where kind = 'uploaded';
      create index events_passing on events (at_ms) where topic not like 'order:%';
      create index fills_at on fills (at_ms);
      drop index attempts_accepted;
      create index attempts_concluded on attempts (ended_ms) where outcome in ('accepted', 'canary');
    `,
  },
  {
    id: '0009-appeals',
    sql: `
      create table appeals (
        order_id text not null,
        idx integer not null,
        attempt integer not null,
        prover text not null,
        appeal jsonb not null,
        received_ms bigint not null,
        primary key (order_id, idx, attempt)
      );
      create index appeals_received on appeals (received_ms);
      create table epoch_appeals (
        epoch bigint not null,
        validator text not null,
        order_id text not null,
        idx integer not null,
        attempt integer not null,
        primary key (epoch, validator, order_id, idx, attempt)
      );
    `,
  },
  {
    id: '0010-outputs',
    sql: 'alter table attempts add column outputs jsonb;',
  },
  {
    id: '0011-claims',
    sql: `
      create table claims (
        order_id text not null,
        idx integer not null,
        attempt integer not null,
        prover text not null,
        claim jsonb not null,
        received_ms bigint not null,
        exit_at bigint not null,
        epoch bigint,
        primary key (order_id, idx, attempt, prover)
      );
      create table testimonies (
        order_id text not null,
        idx integer not null,
        attempt integer not null,
        validator text not null,
        signed jsonb,
        primary key (order_id, idx, attempt, validator)
      );
    `,
  },
  {
    id: '0012-trace-bytes',
    sql: `
      alter table orders add column trace_bytes integer;
      drop index orders_unsettled;
      create index orders_unsettled on orders (ended_ms, id) include (trace_bytes)
        where epoch is null and reserved and ended_ms is not null;
    `,
  },
];
