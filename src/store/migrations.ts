// The database schema, as numbered migrations from an empty database to this version. A published migration is never
// changed. Not for reading and writing (see sqlite.ts).
import type { DatabaseSync } from 'node:sqlite'
import { StartupError } from '../errors.ts'

/**
 * `runs` holds what lists, sums and pruning read. Long texts are in `run_documents`, so that scans stay small and
 * updating `event_bytes` does not rewrite a long request. `pk` is never reused: the events of a dropped run become
 * unreachable at once, and are removed bit by bit from the list in `dropped_runs`.
 */
const first = `
  CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT, WITHOUT ROWID;

  CREATE TABLE runs (
    pk INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    surface TEXT NOT NULL,
    owner TEXT,
    status TEXT NOT NULL,
    session_id TEXT,
    model TEXT,
    cwd TEXT,
    background INTEGER NOT NULL,
    created_at_ms INTEGER NOT NULL,
    started_at_ms INTEGER,
    ended_at_ms INTEGER,
    event_bytes INTEGER NOT NULL DEFAULT 0,
    end_model TEXT,
    input_tokens INTEGER,
    output_tokens INTEGER,
    cache_read_input_tokens INTEGER,
    cache_creation_input_tokens INTEGER,
    cost_usd REAL,
    metadata_json TEXT NOT NULL,
    pending_json TEXT NOT NULL
  ) STRICT;
  CREATE INDEX runs_by_time ON runs (created_at_ms, id);
  CREATE INDEX runs_by_owner ON runs (owner, created_at_ms, id);
  CREATE INDEX runs_by_session ON runs (session_id, created_at_ms, id);
  CREATE INDEX runs_by_status ON runs (status, created_at_ms, id);
  CREATE INDEX runs_by_end ON runs (ended_at_ms, event_bytes) WHERE ended_at_ms IS NOT NULL;

  CREATE TABLE run_documents (
    run INTEGER PRIMARY KEY REFERENCES runs (pk) ON DELETE CASCADE,
    restart_json TEXT,
    end_json TEXT
  ) STRICT;

  CREATE TABLE events (
    run INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    json TEXT NOT NULL,
    PRIMARY KEY (run, seq)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE dropped_runs (run INTEGER PRIMARY KEY) STRICT;

  CREATE TABLE idempotency_keys (
    key TEXT NOT NULL,
    owner TEXT,
    run_id TEXT NOT NULL,
    body_hash TEXT NOT NULL,
    expires_at_ms INTEGER NOT NULL
  ) STRICT;
  CREATE INDEX idempotency_keys_by_key ON idempotency_keys (key, owner);
  CREATE INDEX idempotency_keys_by_end ON idempotency_keys (expires_at_ms);

  CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    owner TEXT,
    cwd TEXT NOT NULL,
    model TEXT,
    created_at_ms INTEGER NOT NULL,
    last_used_at_ms INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
`

/**
 * API keys. A name belongs to at most one key that is not revoked. `pruned_cost_usd` is the cost of runs that were
 * dropped since, so that pruning does not refill a budget.
 */
const second = `
  CREATE TABLE keys (
    id TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    prefix TEXT NOT NULL,
    hash TEXT NOT NULL UNIQUE,
    scopes_json TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER,
    rate_per_minute INTEGER,
    budget_usd REAL,
    revoked_at_ms INTEGER,
    last_used_at_ms INTEGER,
    pruned_cost_usd REAL NOT NULL DEFAULT 0
  ) STRICT;
  CREATE UNIQUE INDEX keys_in_force ON keys (name) WHERE revoked_at_ms IS NULL;
  CREATE INDEX runs_by_spender ON runs (owner, cost_usd, ended_at_ms)
    WHERE owner IS NOT NULL AND ended_at_ms IS NOT NULL AND cost_usd IS NOT NULL;
`

/** The requests of runs whose surface returns them later. They may be long, and lists of runs do not need them. */
const third = `
  CREATE TABLE asked (
    run INTEGER PRIMARY KEY REFERENCES runs (pk) ON DELETE CASCADE,
    json TEXT NOT NULL
  ) STRICT;
`

/**
 * Renames the table of stored requests, and fields of runs to be restarted, as the code names them now. A request that
 * SQLite's JSON functions cannot read because it is nested too deeply is not restarted: its run ends as interrupted.
 */
const fourth = `
  ALTER TABLE asked RENAME TO run_requests;
  UPDATE run_documents SET restart_json = CASE WHEN json_valid(restart_json) THEN
    json_remove(
      json_set(restart_json,
        '$.streaming', json(restart_json -> '$.live'),
        '$.approvals', json(restart_json -> '$.asks'),
        '$.isAuxiliary', json(restart_json -> '$.isSide')),
      '$.live', '$.asks', '$.isSide')
    END
    WHERE restart_json IS NOT NULL;
`

/** What keys may do, and the cost of pruned runs by the day on which they ended. */
const fifth = `
  ALTER TABLE keys ADD COLUMN policy_json TEXT NOT NULL DEFAULT '{}';
  CREATE TABLE pruned_costs (
    owner TEXT NOT NULL,
    day TEXT NOT NULL,
    cost_usd REAL NOT NULL,
    PRIMARY KEY (owner, day)
  ) STRICT, WITHOUT ROWID;
`

/** The cost of a run's row, with a sign, for its owner on the day on which it ended. `lost_usd` is what the rounding of each sum has lost. */
const addToSpent = (row: 'OLD' | 'NEW', sign: '' | '-') => `
    INSERT INTO spent (owner, day, cost_usd, lost_usd)
      SELECT ${row}.owner, strftime('%Y-%m-%d', ${row}.ended_at_ms / 1000, 'unixepoch'), ${sign}${row}.cost_usd, 0
      WHERE ${row}.owner IS NOT NULL AND ${row}.ended_at_ms IS NOT NULL AND ${row}.cost_usd IS NOT NULL
      ON CONFLICT (owner, day) DO UPDATE SET
        cost_usd = cost_usd + excluded.cost_usd,
        lost_usd = lost_usd + CASE WHEN abs(cost_usd) >= abs(excluded.cost_usd)
          THEN (cost_usd - (cost_usd + excluded.cost_usd)) + excluded.cost_usd
          ELSE (excluded.cost_usd - (cost_usd + excluded.cost_usd)) + cost_usd END;`

/**
 * What each owner has spent on each day by UTC, kept up to date with the runs; pruning leaves it alone. The day '' holds what was pruned
 * before costs were kept by day.
 */
const sixth = `
  CREATE TABLE spent (
    owner TEXT NOT NULL,
    day TEXT NOT NULL,
    cost_usd REAL NOT NULL,
    lost_usd REAL NOT NULL,
    PRIMARY KEY (owner, day)
  ) STRICT, WITHOUT ROWID;
  INSERT INTO spent (owner, day, cost_usd, lost_usd)
    SELECT owner, day, total(cost_usd), 0 FROM (
      SELECT owner, strftime('%Y-%m-%d', ended_at_ms / 1000, 'unixepoch') AS day, cost_usd FROM runs
        WHERE owner IS NOT NULL AND ended_at_ms IS NOT NULL AND cost_usd IS NOT NULL
      UNION ALL
      SELECT owner, day, cost_usd FROM pruned_costs
      UNION ALL
      SELECT id, '', pruned_cost_usd - (SELECT total(cost_usd) FROM pruned_costs WHERE owner = keys.id) FROM keys
        WHERE pruned_cost_usd > 0
    ) GROUP BY owner, day;
  DROP TABLE pruned_costs;
  DROP INDEX runs_by_spender;
  ALTER TABLE keys DROP COLUMN pruned_cost_usd;
  CREATE TRIGGER runs_spent_at_insert AFTER INSERT ON runs BEGIN ${addToSpent('NEW', '')}
  END;
  CREATE TRIGGER runs_spent_at_update AFTER UPDATE OF owner, ended_at_ms, cost_usd ON runs BEGIN ${addToSpent('OLD', '-')} ${addToSpent('NEW', '')}
  END;
`

/** Conversations that clients keep here. `bytes` is the size of the items. */
const seventh = `
  CREATE TABLE conversations (
    pk INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    owner TEXT,
    metadata_json TEXT NOT NULL,
    created_at_ms INTEGER NOT NULL,
    bytes INTEGER NOT NULL DEFAULT 0
  ) STRICT;
  CREATE TABLE conversation_items (
    seq INTEGER PRIMARY KEY AUTOINCREMENT,
    conversation INTEGER NOT NULL,
    id TEXT NOT NULL,
    json TEXT NOT NULL
  ) STRICT;
  CREATE INDEX conversation_items_by_order ON conversation_items (conversation, seq);
  CREATE INDEX conversation_items_by_id ON conversation_items (conversation, id);
`

/**
 * Batches with their items, and files. An item keeps its request until it has its line of the results. `bytes` of a batch is the size of
 * both.
 */
const eighth = `
  CREATE TABLE batches (
    pk INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    api TEXT NOT NULL,
    owner TEXT,
    status TEXT NOT NULL,
    details_json TEXT NOT NULL,
    total INTEGER NOT NULL DEFAULT 0,
    succeeded INTEGER NOT NULL DEFAULT 0,
    errored INTEGER NOT NULL DEFAULT 0,
    canceled INTEGER NOT NULL DEFAULT 0,
    expired INTEGER NOT NULL DEFAULT 0,
    bytes INTEGER NOT NULL DEFAULT 0,
    created_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER NOT NULL,
    cancelled_at_ms INTEGER,
    ended_at_ms INTEGER
  ) STRICT;
  CREATE INDEX batches_by_owner ON batches (owner, pk);
  CREATE INDEX batches_by_status ON batches (status, ended_at_ms);
  CREATE TABLE batch_items (
    batch INTEGER NOT NULL,
    position INTEGER NOT NULL,
    custom_id TEXT NOT NULL,
    request_json TEXT,
    outcome TEXT,
    line TEXT,
    PRIMARY KEY (batch, position)
  ) STRICT, WITHOUT ROWID;
  CREATE INDEX batch_items_pending ON batch_items (batch, position) WHERE outcome IS NULL;

  CREATE TABLE files (
    pk INTEGER PRIMARY KEY AUTOINCREMENT,
    id TEXT NOT NULL UNIQUE,
    owner TEXT,
    name TEXT NOT NULL,
    purpose TEXT NOT NULL,
    bytes INTEGER NOT NULL,
    lines_json TEXT,
    is_complete INTEGER NOT NULL,
    created_at_ms INTEGER NOT NULL,
    expires_at_ms INTEGER
  ) STRICT;
  CREATE INDEX files_by_owner ON files (owner, pk);
  CREATE TABLE file_pieces (
    file INTEGER NOT NULL,
    number INTEGER NOT NULL,
    bytes BLOB NOT NULL,
    PRIMARY KEY (file, number)
  ) STRICT;
`

export const migrations: readonly string[] = [first, second, third, fourth, fifth, sixth, seventh, eighth]

/** How many migrations have been applied to the database. */
export function schemaVersion(db: DatabaseSync): number {
  return Number(db.prepare('PRAGMA user_version').get()?.user_version)
}

/** Throws a StartupError if the database was created by a newer version. Changes nothing. */
export function refuseNewerSchema(db: DatabaseSync, file: string): void {
  const version = schemaVersion(db)
  if (version <= migrations.length) return
  throw new StartupError(
    `The database ${file} was created by a newer claude-serve (its schema is ${version}, this version supports ${migrations.length}): run that version, or set another folder with --data-dir.`,
  )
}

/** Applies the missing migrations. Each is atomic, including the new version number. */
export function migrate(db: DatabaseSync, steps: readonly string[] = migrations): void {
  for (let version = schemaVersion(db); version < steps.length; version++) {
    try {
      db.exec(`BEGIN IMMEDIATE; ${steps[version]}; PRAGMA user_version = ${version + 1}; COMMIT`)
    } catch (error) {
      if (db.isTransaction) db.exec('ROLLBACK')
      throw error
    }
  }
}
