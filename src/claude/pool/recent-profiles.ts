// The profiles in recent use, for which the pool keeps spare processes.
import type { Clock } from '../../platform/clock.ts'
import { profileKey } from '../cli/profile.ts'
import { processFingerprint } from '../cli/settings-fingerprint.ts'
import type { SpawnSpec } from './pool-worker.ts'

export class RecentProfiles {
  readonly #clock: Pick<Clock, 'now'>
  readonly #specs = new Map<string, SpawnSpec & { usedAt: number }>()

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock
  }

  note({ profile, fingerprint, claude }: SpawnSpec): void {
    // A process with a budget serves one run; the next one may not even have the same budget.
    if (profile.maxBudgetUsd !== null) return
    this.#specs.set(profileKey(profile), { profile, fingerprint, claude, usedAt: this.#clock.now() })
  }

  remove(key: string): void {
    this.#specs.delete(key)
  }

  removeUnused(forMs: number): void {
    const now = this.#clock.now()
    for (const [key, spec] of this.#specs) if (now - spec.usedAt > forMs) this.#specs.delete(key)
  }

  /** Notes the settings that processes in the folder read from now on. False if nothing has changed. */
  refresh(cwd: string, settings: string): boolean {
    const isChanged = (spec: SpawnSpec) =>
      spec.profile.cwd === cwd && spec.fingerprint !== processFingerprint(spec.claude, settings)
    const changed = [...this.#specs.values()].filter(isChanged)
    for (const spec of changed) spec.fingerprint = processFingerprint(spec.claude, settings)
    return changed.length > 0
  }

  /** Whether a process started with these would serve a request that comes now. */
  isCurrent(key: string, fingerprint: string): boolean {
    return this.#specs.get(key)?.fingerprint === fingerprint
  }

  /** The most recently used first. */
  byRecency(): [key: string, spec: SpawnSpec & { readonly usedAt: number }][] {
    return [...this.#specs].sort(([, a], [, b]) => b.usedAt - a.usedAt)
  }
}
