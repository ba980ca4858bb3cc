// The database, opened read-only: whether it is intact and has a schema that this version knows, and whether its API keys fit the
// settings.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { hashOf } from '../../auth/keys.ts'
import { isLoginCode, isUsable, type KeyRecord } from '../../core/key-record.ts'
import { installation, ownCommand, shellWord } from '../../platform/installation.ts'
import { isLoopbackHost } from '../../platform/loopback.ts'
import { preparer } from '../../store/database.ts'
import { listKeys } from '../../store/key-table.ts'
import { migrations, schemaVersion } from '../../store/migrations.ts'
import { isDamage } from '../../store/store-error.ts'
import { reasonOf } from '../command.ts'
import { type DoctorContext, type Finding, ok, problem, warning } from './finding.ts'

const fileOf = ({ config }: DoctorContext) => join(config.dataDir, 'claude-serve.db')

/** The schema version that introduced keys. */
const firstVersionWithKeys = 2

function read<T>(file: string, use: (db: DatabaseSync) => T): T {
  const db = new DatabaseSync(file, { readOnly: true })
  try {
    db.exec('PRAGMA busy_timeout = 2000')
    return use(db)
  } finally {
    db.close()
  }
}

export async function examineDatabase(context: DoctorContext): Promise<Finding[]> {
  const check = 'database'
  const file = fileOf(context)
  if (!existsSync(file)) return [ok(check, 'none yet: it is created at the first start')]
  const moveAway = `mv ${shellWord(file)} ${shellWord(`${file}.damaged`)}`
  try {
    return [read(file, (db) => examineOpened(check, file, db, moveAway))]
  } catch (error) {
    return [problem(check, `${file} cannot be read: ${reasonOf(error)}`, isDamage(error) ? moveAway : null)]
  }
}

function examineOpened(check: string, file: string, db: DatabaseSync, moveAway: string): Finding {
  const version = schemaVersion(db)
  if (version > migrations.length) {
    const text = `${file} was created by a newer claude-serve (schema ${version}; this version supports ${migrations.length})`
    return problem(check, text, installation().upgrade)
  }
  const result = db.prepare('PRAGMA quick_check(1)').get()?.quick_check
  if (result !== 'ok') return problem(check, `${file} is damaged: ${String(result)}`, moveAway)
  const migration = version < migrations.length ? '; the next start updates its schema' : ''
  return ok(check, `${file} is intact${migration}`)
}

export async function examineKeys(context: DoctorContext): Promise<Finding[]> {
  const check = 'keys'
  const keys = keysIn(fileOf(context))
  if (keys === null) return [warning(check, 'unknown: the database cannot be read')]
  return [...examineHost(check, context, keys), ...examineKeyList(check, context, keys)]
}

/** The keys that are not revoked, without the codes of one-time links; null if the database cannot be read. */
function keysIn(file: string): KeyRecord[] | null {
  if (!existsSync(file)) return []
  try {
    return read(file, (db) => {
      if (schemaVersion(db) < firstVersionWithKeys) return []
      return listKeys(preparer(db)).filter((key) => key.revokedAtMs === null && !isLoginCode(key))
    })
  } catch {
    return null
  }
}

const createCommand = () => ownCommand('keys create <name>')

function examineHost(check: string, { config: { host, allowHosts } }: DoctorContext, keys: KeyRecord[]): Finding[] {
  if (isLoopbackHost(host)) return []
  const wide = `--host ${host} is reachable from other machines`
  return [
    ...(keys.length > 0 ? [] : [problem(check, `${wide}, but there is no API key`, createCommand())]),
    ...(allowHosts.length > 0 || installation().kind === 'container'
      ? []
      : [problem(check, `${wide}, but no host name is allowed`, 'set --allow-host <name>')]),
  ]
}

function examineKeyList(check: string, { config, environment }: DoctorContext, keys: KeyRecord[]): Finding[] {
  const isWide = !isLoopbackHost(config.host)
  if (keys.length === 0) return isWide ? [] : [ok(check, 'none: on loopback your own programs do not need one')]
  const usable = keys.filter((key) => isUsable(key, Date.now()))
  if (usable.length === 0)
    return [
      problem(check, 'all API keys have expired, but requests require one until these are revoked', createCommand()),
    ]
  const own = environment.CLAUDE_SERVE_API_KEY ?? ''
  const count = `${usable.length} usable`
  if (own === '') return [ok(check, `${count}; commands need one in CLAUDE_SERVE_API_KEY`)]
  const isKnown = usable.some(({ hash }) => hash === hashOf(own))
  if (isKnown) return [ok(check, `${count}, and CLAUDE_SERVE_API_KEY is one of them`)]
  return [warning(check, 'CLAUDE_SERVE_API_KEY does not hold a usable key', createCommand())]
}
