// The kinds of request in recent use, for which the pool keeps spare processes: what one is born with, and what it reads.
import { type Profile, profileKey } from '../cli/profile.ts'
import type { WorkerContext } from '../process/worker.ts'

/** Everything needed to start a process of the kind. `fingerprint`: see claude/cli/settings-fingerprint.ts. */
export type Kind = { profile: Profile; fingerprint: string; claude: WorkerContext['claude'] & { state: string } }

export class Kinds {
  readonly #kinds = new Map<string, Kind & { usedAt: number }>()

  note({ profile, fingerprint, claude }: Kind): void {
    // A process with a budget serves one run; the next one may not even have the same budget.
    if (profile.maxBudgetUsd !== null) return
    this.#kinds.set(profileKey(profile), { profile, fingerprint, claude, usedAt: performance.now() })
  }

  forget(key: string): void {
    this.#kinds.delete(key)
  }

  forgetUnused(forMs: number): void {
    const now = performance.now()
    for (const [key, kind] of this.#kinds) if (now - kind.usedAt > forMs) this.#kinds.delete(key)
  }

  /** Takes note that what processes in the folder read has changed; false where it has not. */
  refresh(cwd: string, fingerprint: string): boolean {
    const changed = [...this.#kinds.values()].filter(
      (kind) => kind.profile.cwd === cwd && kind.fingerprint !== fingerprint,
    )
    for (const kind of changed) kind.fingerprint = fingerprint
    return changed.length > 0
  }

  /** Whether a process that was born so would be given to a request that comes now. */
  isCurrent(key: string, fingerprint: string): boolean {
    return this.#kinds.get(key)?.fingerprint === fingerprint
  }

  /** The most recently used first. */
  byRecency(): [key: string, kind: Kind & { readonly usedAt: number }][] {
    return [...this.#kinds].sort(([, a], [, b]) => b.usedAt - a.usedAt)
  }
}
