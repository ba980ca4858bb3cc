// A value that is costly to find and depends on files: found once for each state of them, and again when they have changed or it is too
// old.

export type Computed<T> = {
  value: T
  /** The state of the files that it was made from; see `stateNow`. */
  state: string
  /** How long it stays valid while no file has changed, in milliseconds. */
  freshMs: number
}

export type CachedValueOptions<T> = {
  compute: () => Promise<Computed<T>>
  /** A word that stays equal while the files are unchanged. */
  stateNow: () => string
  /** How long a failure is remembered while no file has changed, in milliseconds: trying again may be costly. */
  failureMs?: (error: unknown) => number
}

type Cached<T> = { value: Promise<T>; state: string | null; validUntilMs: number; isRenewing: boolean }

export class CachedValue<T> {
  readonly #options: CachedValueOptions<T>
  #cached: Cached<T> | null = null

  constructor(options: CachedValueOptions<T>) {
    this.#options = options
  }

  /** An old value is returned while it is found again; one whose files have changed is not. */
  get(): Promise<T> {
    const cached = this.#cached
    // While the value is being found, the files it depends on are not known yet.
    if (cached === null || (cached.state !== null && cached.state !== this.#options.stateNow())) return this.#renew()
    if (performance.now() > cached.validUntilMs && !cached.isRenewing) {
      cached.isRenewing = true
      this.#renew(cached)
    }
    return cached.value
  }

  /** `old` stays in use until there is a new one. */
  #renew(old: Cached<T> | null = null): Promise<T> {
    const { compute, stateNow, failureMs = () => 0 } = this.#options
    const computed = compute()
    const value = computed.then((found) => found.value)
    const cached: Cached<T> = { value, state: null, validUntilMs: Number.POSITIVE_INFINITY, isRenewing: false }
    if (old === null) this.#cached = cached
    const isWanted = () => this.#cached === (old ?? cached)
    const remember = (state: string, validMs: number) => {
      if (isWanted()) this.#cached = cached
      cached.state = state
      cached.validUntilMs = performance.now() + validMs
    }
    computed.then(
      ({ state, freshMs }) => remember(state, freshMs),
      (error) => {
        const validMs = failureMs(error)
        if (validMs > 0) remember(stateNow(), validMs)
        // Not remembered: the next call tries again.
        else if (isWanted()) this.#cached = null
      },
    )
    value.catch(() => {})
    return value
  }
}
