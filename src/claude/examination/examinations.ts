// Which abilities are used with which executable, and why one is not used at all: what its examination found, kept in the data folder for
// each executable, and what failed in use since. Until an executable has been examined it has none. Not for how it is examined
// (examine.ts).
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { isObject } from '../../platform/json.ts'
import {
  type Abilities,
  type AbilityBook,
  type AbilityFailed,
  type AbilityName,
  abilityNames,
  allAbilities,
  noAbilities,
} from '../cli/abilities.ts'
import type { Examined } from './examine.ts'

/** `state` is the stamp of its file: another file is another executable. */
export type Examinee = { path: string; version: string; state: string }

export type ExaminationsOptions = {
  dataDir: string
  /** What is found depends on this program as well. */
  serverVersion: string
  /** Null: executables are not examined, and count as having every ability. */
  examine: ((claude: Examinee, signal: AbortSignal) => Promise<Examined>) | null
  /** Whether there is another executable to use instead of this one; true by default. */
  hasStandIn?: (claude: Pick<Examinee, 'state'>) => boolean
  onExamined?: (claude: Examinee, examined: Examined) => void
  /** It could not be examined. */
  onFailure?: (claude: Examinee, error: Error) => void
  /** An ability failed in use. */
  onLost?: (failed: AbilityFailed) => void
}

const fileName = 'claude-abilities.json'

/** So many executables are remembered, the newest first. */
const rememberedMax = 20

type Entry = { state: string; serverVersion: string; path: string; version: string; examined: Examined }

export class Examinations implements AbilityBook {
  readonly #options: ExaminationsOptions
  readonly #file: string
  readonly #examined = new Map<string, Examined>()
  readonly #failed = new Map<string, Error>()
  readonly #underWay = new Map<string, Promise<void>>()
  /** By executable: what failed in use. Forgotten when the server ends. */
  readonly #lost = new Map<string, Map<AbilityName, string>>()
  readonly #defects = new Map<string, string>()
  readonly #closing = new AbortController()

  constructor(options: ExaminationsOptions) {
    this.#options = options
    this.#file = join(options.dataDir, fileName)
    for (const { state, serverVersion, examined } of this.#read())
      if (serverVersion === options.serverVersion) this.#examined.set(state, examined)
  }

  of({ state }: Pick<Examinee, 'state'>): Abilities {
    const lost = this.#lost.get(state)
    const found = this.#found(state)
    return lost === undefined ? found : withoutThe([...lost.keys()], found)
  }

  #found(state: string): Abilities {
    if (this.#options.examine === null) return allAbilities
    const examined = this.#examined.get(state)
    return examined === undefined
      ? noAbilities
      : withoutThe(Object.keys(examined.missing) as AbilityName[], allAbilities)
  }

  lose({ state }: Pick<Examinee, 'state'>, failed: AbilityFailed): void {
    if (!this.of({ state })[failed.ability]) return
    const lost = this.#lost.get(state) ?? new Map()
    this.#lost.set(state, lost.set(failed.ability, failed.message))
    this.#options.onLost?.(failed)
  }

  addDefect({ state }: Pick<Examinee, 'state'>, reason: string): void {
    if (this.#options.examine !== null) this.#defects.set(state, reason)
  }

  defectOf(claude: Pick<Examinee, 'state'>): string | null {
    const { hasStandIn = () => true } = this.#options
    const [defect = null] = this.defectsOf(claude)
    return defect !== null && hasStandIn(claude) ? defect : null
  }

  /** What is wrong with it, whether it is used or not. */
  defectsOf({ state }: Pick<Examinee, 'state'>): string[] {
    const seen = this.#defects.get(state)
    return [...(seen === undefined ? [] : [seen]), ...(this.#examined.get(state)?.defects ?? [])]
  }

  /** Null if it is not known yet what it can do. */
  missingOf(claude: Pick<Examinee, 'state'>): Partial<Record<AbilityName, string>> | null {
    const lost = Object.fromEntries(this.#lost.get(claude.state) ?? [])
    const examined = this.#examined.get(claude.state)
    return examined === undefined && this.#options.examine !== null ? null : { ...examined?.missing, ...lost }
  }

  /** Why it could not be examined; null if it was, or was not yet. */
  failureOf({ state }: Pick<Examinee, 'state'>): string | null {
    return this.#failed.get(state)?.message ?? null
  }

  /** Examines the executable, unless that was done before; once if called again meanwhile. Never rejects. */
  async examine(claude: Examinee): Promise<void> {
    const { examine } = this.#options
    const { state } = claude
    if (examine === null || this.#examined.has(state) || this.#failed.has(state)) return
    const underWay = this.#underWay.get(state) ?? this.#examine(claude, examine)
    this.#underWay.set(state, underWay)
    await underWay
  }

  /** Ends what is under way. */
  async close(): Promise<void> {
    this.#closing.abort()
    await Promise.all(this.#underWay.values())
  }

  async #examine(claude: Examinee, examine: NonNullable<ExaminationsOptions['examine']>): Promise<void> {
    const { onExamined, onFailure } = this.#options
    try {
      const examined = await examine(claude, this.#closing.signal)
      this.#examined.set(claude.state, examined)
      onExamined?.(claude, examined)
      if (!examined.isUncertain) this.#write(claude, examined)
    } catch (thrown) {
      if (this.#closing.signal.aborted) return
      const error = thrown instanceof Error ? thrown : new Error(String(thrown))
      this.#failed.set(claude.state, error)
      onFailure?.(claude, error)
    } finally {
      this.#underWay.delete(claude.state)
    }
  }

  /** A file that is missing or damaged is one without entries: everything in it can be found out again. */
  #read(): Entry[] {
    try {
      const entries: unknown = JSON.parse(readFileSync(this.#file, 'utf8'))
      return Array.isArray(entries) ? entries.filter(isEntry) : []
    } catch {
      return []
    }
  }

  #write({ path, version, state }: Examinee, examined: Examined): void {
    const { serverVersion } = this.#options
    const others = this.#read().filter((entry) => entry.state !== state)
    const entries: Entry[] = [{ state, serverVersion, path, version, examined }, ...others].slice(0, rememberedMax)
    try {
      writeFileSync(`${this.#file}.new`, `${JSON.stringify(entries, null, 1)}\n`, { mode: 0o600 })
      renameSync(`${this.#file}.new`, this.#file)
    } catch {
      // It is found out again at the next start.
    }
  }
}

function withoutThe(names: readonly AbilityName[], abilities: Abilities): Abilities {
  return { ...abilities, ...Object.fromEntries(names.map((name) => [name, false])) }
}

function isEntry(value: unknown): value is Entry {
  if (!isObject(value) || typeof value.state !== 'string' || !isObject(value.examined)) return false
  const { missing, defects } = value.examined
  return (
    isObject(missing) &&
    Object.keys(missing).every((name) => abilityNames.includes(name as AbilityName)) &&
    Array.isArray(defects)
  )
}
