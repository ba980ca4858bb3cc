// The command `keys`: creates, lists, changes and revokes API keys in the data folder, whether a server runs there or not. A running server
// applies changes from its next request on. Not for what a key permits (see auth/keys.ts).
import { randomBytes } from 'node:crypto'
import { budgetUse } from '../../auth/key-policy.ts'
import { newSecret } from '../../auth/keys.ts'
import { isLoginCode, type KeyRecord } from '../../core/key-record.ts'
import { nearestName } from '../../platform/did-you-mean.ts'
import { ownCommand } from '../../platform/installation.ts'
import { type KeyAccess, openKeyStore } from '../../store/key-store.ts'
import {
  CommandError,
  type ExitCode,
  type LocationFlags,
  note,
  print,
  printJson,
  runCommand,
  settingsFor,
  UsageError,
} from '../command.ts'
import { withHeading } from '../table.ts'
import { describeKey, keyAsJson, keysAsTable, type ShownKey, stateOf } from './lists.ts'
import { type KeyFlags, readChanges, readKeyFields, readName, refuseSecret } from './values.ts'

export type CreateFlags = LocationFlags & KeyFlags & { quiet?: boolean }
export type ListFlags = LocationFlags & { all?: boolean }
export type RevokeFlags = LocationFlags
export type EditFlags = LocationFlags & KeyFlags & { name?: string }

export function createKey(name: string, flags: CreateFlags): Promise<ExitCode> {
  return runCommand('keys create', async () => {
    if (flags.json === true && flags.quiet === true) throw new UsageError('pass either --json or --quiet, not both')
    const nowMs = Date.now()
    const options = readKeyFields(name, flags, nowMs)
    checkPeriod(options)
    const { secret, prefix, hash } = newSecret()
    const id = `key_${randomBytes(8).toString('hex')}`
    const key: KeyRecord = { id, prefix, hash, ...options, createdAtMs: nowMs, revokedAtMs: null, lastUsedAtMs: null }
    const isFirst = await withKeys(flags, async (keys) => {
      const hadKeys = await keys.hasKeys()
      await keys.createKey(key)
      return !hadKeys
    })
    showSecret(key, secret, flags)
    if (flags.quiet === true) return
    note('this is the only time that the secret is shown')
    if (isFirst)
      note("from now on, every request requires a key: send it as 'authorization: Bearer <key>' or 'x-api-key: <key>'")
  })
}

export function editKey(idOrName: string, flags: EditFlags): Promise<ExitCode> {
  return runCommand('keys edit', async () => {
    refuseSecret(idOrName)
    const key = await withKeys(flags, async (keys, folder) => {
      const key = await findKey(keys, idOrName, folder, 'edit')
      const name = flags.name === undefined ? {} : { name: readName(flags.name) }
      const changes = { ...name, ...readChanges(flags, key.policy, Date.now()) }
      if (Object.keys(changes).length === 0) throw new UsageError('pass what to change, such as --budget 10')
      const changed: KeyRecord = { ...key, ...changes }
      checkPeriod(changed)
      await keys.updateKey(key.id, changes)
      return changed
    })
    if (flags.json === true) printJson(keyAsJson(await withKeys(flags, (keys) => toShown(keys, key))))
    else print(describeKey(key))
  })
}

function checkPeriod({ budgetUsd, policy }: Pick<KeyRecord, 'budgetUsd' | 'policy'>): void {
  if (policy.budgetPeriod !== null && budgetUsd === null) throw new UsageError('--budget-period requires a --budget')
}

function showSecret(key: KeyRecord, secret: string, { json, quiet }: CreateFlags): void {
  if (json === true) {
    return printJson({ ...keyAsJson({ key, spentUsd: 0, state: 'active' }), secret })
  }
  if (quiet !== true) print(describeKey(key))
  print(secret)
}

export function listKeys(flags: ListFlags): Promise<ExitCode> {
  return runCommand('keys list', async () => {
    const { all, folder } = await withKeys(flags, async (keys, folder) => ({ all: await readKeys(keys), folder }))
    const shown = flags.all === true ? all : all.filter(({ state }) => state === 'active')
    if (flags.json === true) return printJson(shown.map(keyAsJson))
    if (shown.length === 0) return print(describeNone(all, folder))
    print(withHeading(keysAsTable(shown, { withState: flags.all === true })))
  })
}

/** All keys except the codes of one-time links, which are not created by a person. */
const personalKeys = async (keys: KeyAccess) => (await keys.keys()).filter((key) => !isLoginCode(key))

async function readKeys(keys: KeyAccess): Promise<ShownKey[]> {
  const nowMs = Date.now()
  const shown: ShownKey[] = []
  for (const key of await personalKeys(keys)) shown.push(await toShown(keys, key, nowMs))
  return shown
}

/** What it has spent counts from the start of its budget's period. */
async function toShown(keys: KeyAccess, key: KeyRecord, nowMs = Date.now()): Promise<ShownKey> {
  const use = await budgetUse(key, keys, nowMs)
  return { key, spentUsd: use?.spentUsd ?? (await keys.spentBy(key.id)), state: stateOf(key, nowMs) }
}

function describeNone(all: readonly ShownKey[], folder: string): string {
  const howToCreate = `create one with ${ownCommand('keys create <name>')}`
  if (all.length === 0) return `there are no keys in ${folder}; ${howToCreate}`
  const hidden = `no key in ${folder} can be used: ${all.length} expired or revoked (--all shows them)`
  const isLocked = all.some(({ state }) => state === 'expired')
  const locked = 'requests still require a key until the expired ones are revoked'
  return [hidden, ...(isLocked ? [locked] : []), howToCreate].join('; ')
}

export function revokeKey(idOrName: string, flags: RevokeFlags): Promise<ExitCode> {
  return runCommand('keys revoke', async () => {
    refuseSecret(idOrName)
    const nowMs = Date.now()
    const { key, isLast } = await withKeys(flags, async (keys, folder) => {
      const key = await findKey(keys, idOrName, folder, 'revoke')
      await keys.revokeKey(key.id, nowMs)
      return { key, isLast: !(await keys.hasKeys()) }
    })
    if (flags.json === true) {
      printJson({ id: key.id, name: key.name, revoked_at: new Date(nowMs).toISOString() })
    } else print(`revoked ${key.name} (${key.id})`)
    if (isLast) note('that was the last key: from now on, requests from this user on loopback do not need one')
  })
}

/** A key that is not revoked, by its id or its name. */
async function findKey(keys: KeyAccess, idOrName: string, folder: string, what: string): Promise<KeyRecord> {
  const unrevoked = (await personalKeys(keys)).filter(({ revokedAtMs }) => revokedAtMs === null)
  const key = unrevoked.find(({ id }) => id === idOrName) ?? unrevoked.find(({ name }) => name === idOrName)
  if (key !== undefined) return key
  const names = unrevoked.map(({ name }) => name)
  const nearest = nearestName(idOrName, names)
  const hint = nearest === null ? `see ${ownCommand('keys list')}` : `did you mean ${nearest}?`
  throw new CommandError(`there is no key ${JSON.stringify(idOrName)} to ${what} in ${folder}: ${hint}`)
}

async function withKeys<T>(flags: LocationFlags, use: (keys: KeyAccess, folder: string) => Promise<T>): Promise<T> {
  // An address that requires a key must not prevent the first key from being created.
  const { dataDir } = settingsFor(flags, { host: '127.0.0.1' })
  const keys = await openKeyStore(dataDir, note)
  try {
    return await use(keys, dataDir)
  } finally {
    await keys.close()
  }
}
