// Which abilities are used with which executable, and why one is not used at all: what its examination found, kept in the data folder for
// each executable, and what failed in use since. Until an executable has been examined it has none. Not for how it is examined
// (examine.ts).
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { type Clock, systemClock } from '../../platform/clock.ts'
import { isObject } from '../../platform/json.ts'
import { replacePrivateFile } from '../../platform/private-files.ts'
import {
  type Abilities,
  type AbilityBook,
  type AbilityFailed,
  type AbilityName,
  abilityNames,
  allAbilities,
  type ExecutableId,
  noAbilities,
} from '../cli/abilities.ts'
import { fileStamp } from '../cli/file-stamp.ts'
import type { Examined } from './examine.ts'

export type Examinee = ExecutableId & { path: string }

export type ExaminationsOptions = {
  dataDir: string
  /** What is found depends on this program as well. */
  serverVersion: string
  /** Null: executables are not examined, and count as having every ability. */
  examine: ((claude: Examinee, signal: AbortSignal) => Promise<Examined>) | null
  clock?: Pick<Clock, 'schedule'>
  /** Whether there is another executable to use instead of this one; true by default. */
  hasStandIn?: (claude: ExecutableId) => boolean
  onExamined?: (claude: Examinee, examined: Examined) => void
  /** It could not be examined. */
  onFailure?: (claude: Examinee, error: Error) => void
  /** An ability failed in use. */
  onLost?: (failed: AbilityFailed) => void
}

const fileName = 'claude-abilities.json'

/** After so long one that could not be examined is examined again, in milliseconds: the machine may have been too busy. */
const againMs = 600_000

/** What is larger was not written by this program, in bytes. */
const fileBytesMax = 1_000_000

/** So many executables are remembered, the newest first. */
const rememberedMax = 20

/** `lookedFor`: the names of the abilities, with spaces between. */
type Entry = {
  state: string
  serverVersion: string
  lookedFor: string
  path: string
  version: string
  examined: Examined
}

/** What an examination looks for now. */
export const wholeLook = abilityNames.join(' ')

export class Examinations implements AbilityBook {
  readonly #options: ExaminationsOptions
  readonly #file: string
  readonly #examined = new Map<string, Examined>()
  readonly #failed = new Map<string, Error>()
  readonly #underWay = new Map<string, Promise<void>>()
  /** By executable: what failed in use. Forgotten when the server ends. */
  readonly #lost = new Map<string, Map<AbilityName, string>>()
  readonly #defects = new Map<string, string>()
  /** By executable: the version that a process of it has reported instead. */
  readonly #versions = new Map<string, string>()
  readonly #closing = new AbortController()
  #cancelRetry = () => {}

  constructor(options: ExaminationsOptions) {
    this.#options = options
    this.#file = join(options.dataDir, fileName)
    for (const { serverVersion, lookedFor, examined, ...claude } of this.#read()) {
      const isOfThisServer = serverVersion === options.serverVersion && lookedFor === wholeLook
      if (isOfThisServer) this.#examined.set(keyOf(claude), examined)
    }
  }

  of(claude: ExecutableId): Abilities {
    if (this.#versions.has(keyOf(claude))) return noAbilities
    const lost = this.#lost.get(keyOf(claude))
    const found = this.#found(keyOf(claude))
    return lost === undefined ? found : withoutThe([...lost.keys()], found)
  }

  #found(key: string): Abilities {
    if (this.#options.examine === null) return allAbilities
    const examined = this.#examined.get(key)
    return examined === undefined
      ? noAbilities
      : withoutThe(Object.keys(examined.missing) as AbilityName[], allAbilities)
  }

  lose(claude: ExecutableId, failed: AbilityFailed): void {
    if (!this.of(claude)[failed.ability]) return
    const lost = this.#lost.get(keyOf(claude)) ?? new Map()
    this.#lost.set(keyOf(claude), lost.set(failed.ability, failed.message))
    this.#options.onLost?.(failed)
  }

  addDefect(claude: ExecutableId, reason: string): void {
    if (this.#options.examine !== null) this.#defects.set(keyOf(claude), reason)
  }

  noteVersion(claude: ExecutableId, reported: string): void {
    if (this.#options.examine !== null) this.#versions.set(keyOf(claude), reported)
  }

  /** The version that a process of it has reported; null if that is the one that it says, or none is known. */
  versionOf(claude: ExecutableId): string | null {
    return this.#versions.get(keyOf(claude)) ?? null
  }

  defectOf(claude: ExecutableId): string | null {
    const { hasStandIn = () => true } = this.#options
    const [defect = null] = this.defectsOf(claude)
    return defect !== null && hasStandIn(claude) ? defect : null
  }

  /** What is wrong with it, whether it is used or not. */
  defectsOf(claude: ExecutableId): string[] {
    const seen = this.#defects.get(keyOf(claude))
    return [...(seen === undefined ? [] : [seen]), ...(this.#examined.get(keyOf(claude))?.defects ?? [])]
  }

  /** Null if it is not known yet what it can do. */
  missingOf(claude: ExecutableId): Partial<Record<AbilityName, string>> | null {
    const other = this.versionOf(claude)
    if (other !== null) {
      const reason = `its --version prints ${claude.version}, and its processes are of version ${other}`
      return Object.fromEntries(abilityNames.map((name) => [name, reason]))
    }
    const lost = Object.fromEntries(this.#lost.get(keyOf(claude)) ?? [])
    const examined = this.#examined.get(keyOf(claude))
    return examined === undefined && this.#options.examine !== null ? null : { ...examined?.missing, ...lost }
  }

  /** Why it could not be examined; null if it was, or was not yet. */
  failureOf(claude: ExecutableId): string | null {
    return this.#failed.get(keyOf(claude))?.message ?? null
  }

  /** Examines the executable, unless that was done before; once if called again meanwhile. Never rejects. */
  async examine(claude: Examinee): Promise<void> {
    const { examine } = this.#options
    const key = keyOf(claude)
    if (examine === null || this.#examined.has(key) || this.#failed.has(key)) return
    const underWay = this.#underWay.get(key) ?? this.#examine(claude, examine)
    this.#underWay.set(key, underWay)
    await underWay
  }

  async examined(claude: ExecutableId): Promise<void> {
    await this.#underWay.get(keyOf(claude))
  }

  /** Ends what is under way. */
  async close(): Promise<void> {
    this.#closing.abort()
    this.#cancelRetry()
    await Promise.all(this.#underWay.values())
  }

  async #examine(claude: Examinee, examine: NonNullable<ExaminationsOptions['examine']>): Promise<void> {
    const { onExamined, onFailure } = this.#options
    try {
      const examined = await examine(claude, this.#closing.signal)
      const isFine = examined.defects.length === 0 && Object.keys(examined.missing).length === 0
      // It may have been away for a moment only, as during an installation that failed.
      if (!isFine && this.#isReplaced(claude)) return this.#retryLater(claude)
      this.#examined.set(keyOf(claude), examined)
      onExamined?.(claude, examined)
      if (!examined.isUncertain) this.#write(claude, examined)
    } catch (thrown) {
      // Nobody uses one that was replaced meanwhile.
      if (this.#closing.signal.aborted || this.#isReplaced(claude)) return
      const error = thrown instanceof Error ? thrown : new Error(String(thrown))
      this.#failed.set(keyOf(claude), error)
      onFailure?.(claude, error)
      this.#retryLater(claude)
    } finally {
      this.#underWay.delete(keyOf(claude))
    }
  }

  #retryLater(claude: Examinee): void {
    const { clock = systemClock } = this.#options
    this.#cancelRetry = clock.schedule(() => {
      this.#failed.delete(keyOf(claude))
      if (!this.#isReplaced(claude)) void this.examine(claude)
    }, againMs)
  }

  #isReplaced({ path, state }: Examinee): boolean {
    return fileStamp(path) !== state
  }

  /** A file that is missing or damaged is one without entries: everything in it can be found out again. */
  #read(): Entry[] {
    try {
      const info = statSync(this.#file)
      if (!info.isFile() || info.size > fileBytesMax) return []
      const entries: unknown = JSON.parse(readFileSync(this.#file, 'utf8'))
      return Array.isArray(entries) ? entries.filter(isEntry) : []
    } catch {
      return []
    }
  }

  #write({ path, version, state }: Examinee, examined: Examined): void {
    const { serverVersion } = this.#options
    const others = this.#read().filter((entry) => keyOf(entry) !== keyOf({ state, version }))
    const entries: Entry[] = [{ state, serverVersion, lookedFor: wholeLook, path, version, examined }, ...others].slice(
      0,
      rememberedMax,
    )
    try {
      replacePrivateFile(this.#file, `${JSON.stringify(entries, null, 1)}\n`)
    } catch {
      // It is found out again at the next start.
    }
  }
}

function withoutThe(names: readonly AbilityName[], abilities: Abilities): Abilities {
  return { ...abilities, ...Object.fromEntries(names.map((name) => [name, false])) }
}

const keyOf = ({ state, version }: ExecutableId) => `${state} ${version}`

const isText = (value: unknown): value is string => typeof value === 'string'

function isEntry(value: unknown): value is Entry {
  if (!isObject(value) || ![value.state, value.version, value.path].every(isText) || !isObject(value.examined))
    return false
  const { missing, defects } = value.examined
  if (!isObject(missing) || !Array.isArray(defects)) return false
  const isKnown = Object.keys(missing).every((name) => abilityNames.includes(name as AbilityName))
  return isKnown && Object.values(missing).every(isText) && defects.every(isText)
}
