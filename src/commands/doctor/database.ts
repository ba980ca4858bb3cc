// The database, without changing anything in it: whether it is whole and of a shape that this version knows, and how the API keys in it
// go with the settings.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { hashOf } from '../../auth/keys.ts'
import { isUsable, type KeyRecord } from '../../core/key-record.ts'
import { isLoopbackHost } from '../../platform/loopback.ts'
import { preparer } from '../../store/database.ts'
import { listKeys } from '../../store/key-table.ts'
import { migrations, schemaVersion } from '../../store/migrations.ts'
import { type DoctorContext, type Finding, ok, problem, quoted, reasonOf, warning } from './finding.ts'

const fileOf = ({ config }: DoctorContext) => join(config.dataDir, 'claude-serve.db')

/** The version since which there are keys. */
const firstWithKeys = 2

function read<T>(file: string, use: (db: DatabaseSync) => T): T {
  const db = new DatabaseSync(file, { readOnly: true })
  try {
    db.exec('PRAGMA busy_timeout = 2000')
    return use(db)
  } finally {
    db.close()
  }
}

export async function examineDatabase(patient: DoctorContext): Promise<Finding[]> {
  const check = 'database'
  const file = fileOf(patient)
  if (!existsSync(file)) return [ok(check, 'none yet: it is made at the first start')]
  const away = `mv ${quoted(file)} ${quoted(`${file}.damaged`)}`
  try {
    return [read(file, (db) => examineOpened(check, file, db, away))]
  } catch (fault) {
    const isDamaged = /malformed|not a database/.test(reasonOf(fault))
    return [problem(check, `${file} cannot be read: ${reasonOf(fault)}`, isDamaged ? away : null)]
  }
}

function examineOpened(check: string, file: string, db: DatabaseSync, away: string): Finding {
  const version = schemaVersion(db)
  if (version > migrations.length) {
    const text = `${file} was made by a newer claude-serve (schema ${version}, this one knows ${migrations.length})`
    return problem(check, text, 'npm install -g claude-serve@latest')
  }
  const said = db.prepare('PRAGMA quick_check(1)').get()?.quick_check
  if (said !== 'ok') return problem(check, `${file} is damaged: ${String(said)}`, away)
  const older = version < migrations.length ? `; the next start brings its schema up to date` : ''
  return ok(check, `${file} is whole${older}`)
}

export async function examineKeys(patient: DoctorContext): Promise<Finding[]> {
  const check = 'keys'
  const keys = keysIn(fileOf(patient))
  if (keys === null) return [warning(check, 'not known: the database cannot be read')]
  return [...examineHost(check, patient, keys), ...examineKeyList(check, patient, keys)]
}

/** Those that were not revoked; null where that cannot be known. */
function keysIn(file: string): KeyRecord[] | null {
  if (!existsSync(file)) return []
  try {
    return read(file, (db) => {
      if (schemaVersion(db) < firstWithKeys) return []
      return listKeys(preparer(db)).filter(({ revokedAtMs }) => revokedAtMs === null)
    })
  } catch {
    return null
  }
}

const howToMake = 'claude-serve keys create <name>'

function examineHost(check: string, { config: { host, allowHosts } }: DoctorContext, keys: KeyRecord[]): Finding[] {
  if (isLoopbackHost(host)) return []
  const wide = `--host ${host} reaches beyond this machine`
  return [
    ...(keys.length > 0 ? [] : [problem(check, `${wide}, and there is no API key`, howToMake)]),
    ...(allowHosts.length > 0
      ? []
      : [problem(check, `${wide}, and no name is allowed for it`, 'give --allow-host <name>')]),
  ]
}

function examineKeyList(check: string, { config, environment }: DoctorContext, keys: KeyRecord[]): Finding[] {
  const isWide = !isLoopbackHost(config.host)
  if (keys.length === 0) return isWide ? [] : [ok(check, 'none: on loopback your own programs need none')]
  const usable = keys.filter((key) => isUsable(key, Date.now()))
  if (usable.length === 0)
    return [problem(check, 'all API keys have expired, and requests need one until they are revoked', howToMake)]
  const own = environment.CLAUDE_SERVE_API_KEY ?? ''
  const count = `${usable.length} that can be used`
  if (own === '') return [ok(check, `${count}; commands need one in CLAUDE_SERVE_API_KEY`)]
  const isKnown = usable.some(({ hash }) => hash === hashOf(own))
  if (isKnown) return [ok(check, `${count}, and CLAUDE_SERVE_API_KEY is one of them`)]
  return [warning(check, 'CLAUDE_SERVE_API_KEY holds none of the keys that can be used', howToMake)]
}
