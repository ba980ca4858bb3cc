// A data folder for the stores of one test, and programs that use it from outside. Not for its contents.
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, realpathSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { DatabaseSync } from 'node:sqlite'
import type { TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Store } from '../../src/core/store.ts'
import { StartupError } from '../../src/errors.ts'
import type { Prepare } from '../../src/store/database.ts'
import { migrate } from '../../src/store/migrations.ts'
import { openSqliteStore, type SqliteOptions } from '../../src/store/sqlite.ts'

export type StoreFolder = {
  folder: string
  /** The database's file. */
  file: string
  /** Opens a store in the folder; it is closed when the test ends. */
  open(options?: Partial<SqliteOptions>): Promise<Store>
  /** Uses the database directly, as another tool would. */
  look<T>(use: (db: DatabaseSync) => T): T
}

/** The folder is removed when the test ends, after its stores are closed. */
export function makeStoreFolder(t: TestContext): StoreFolder {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'claude-serve-store-')))
  const file = join(folder, 'claude-serve.db')
  const stores: Store[] = []
  t.after(async () => {
    for (const store of stores) await store.close()
    rmSync(folder, { recursive: true, force: true })
  })
  return {
    folder,
    file,
    async open(options = {}) {
      const store = await openSqliteStore({ folder, ...options })
      stores.push(store)
      return store
    },
    look(use) {
      const db = new DatabaseSync(file)
      try {
        return use(db)
      } finally {
        db.close()
      }
    },
  }
}

/** How SQLite finds the rows of each statement that `use` prepares: those of its first table. */
export function plansOf(use: (prepare: Prepare) => void): string[] {
  const db = new DatabaseSync(':memory:')
  migrate(db)
  const plans: string[] = []
  use((sql) => {
    const steps = db.prepare(`EXPLAIN QUERY PLAN ${sql}`).all()
    plans.push(String(steps.find(({ detail }) => /^(SEARCH|SCAN) /.test(String(detail)))?.detail))
    return db.prepare(sql)
  })
  db.close()
  return plans
}

/** The message of the StartupError with which opening fails. */
export async function startupError(opening: Promise<unknown>): Promise<string> {
  try {
    await opening
  } catch (error) {
    assert.ok(error instanceof StartupError, String(error))
    return error.message
  }
  assert.fail('it opened')
}

/** For tests that start programs. */
export const hasShell = { skip: process.platform === 'win32' && 'needs a POSIX shell' }

export type Program = {
  pid: number
  /** The next line that it prints; null at its end. */
  line(): Promise<string | null>
  /** Sends SIGKILL and waits until the process is gone. */
  kill(): Promise<void>
}

/**
 * Starts one of the programs next to this file, and kills it when the test ends. `shell` runs first, in the same
 * process.
 */
export function startProgram(t: TestContext, name: string, folder: string, shell = ''): Program {
  const path = fileURLToPath(new URL(`programs/${name}.ts`, import.meta.url))
  const args = ['-c', `${shell} exec "$0" "$@"`, process.execPath, path, folder]
  const child = spawn('/bin/sh', args, { stdio: ['ignore', 'pipe', 'inherit'], env: {} })
  const exited = once(child, 'exit')
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const kill = async () => {
    child.kill('SIGKILL')
    await exited
  }
  t.after(kill)
  return {
    pid: pidOf(child),
    line: async () => (await lines.next()).value ?? null,
    kill,
  }
}

function pidOf(child: ChildProcess): number {
  if (child.pid === undefined) throw new Error('the program did not start')
  return child.pid
}
