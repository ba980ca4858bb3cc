// Calls to a thread, one at a time. The thread is started at the first call, ended after some idle time, and replaced
// if it dies or hangs. Every call settles. Not for what the calls do (claude/sessions/session-files.ts, schema-checks.ts). Why this is no library:
// docs/decisions/0020-libraries.md.
import type { Worker } from 'node:worker_threads'
import { AppError, type ErrorCode, type ErrorDetails, shuttingDown } from '../errors.ts'

export type RpcCall = { name: string; args: unknown[] }

/** What the thread sends back: a value, an error that may be shown to a caller, or the name of an unexpected one. */
export type RpcAnswer =
  | { value: unknown }
  | { error: { code: ErrorCode; message: string; details: ErrorDetails } }
  | { failed: string }

/**
 * Why a call has no answer: it waited too long for its turn, it ran too long, or its thread died, perhaps for lack of
 * memory.
 */
export class RpcError extends Error {
  readonly kind: 'late' | 'slow' | 'died' | 'memory'

  constructor(kind: RpcError['kind']) {
    super(`a call to a thread: ${kind}`)
    this.kind = kind
  }
}

export type RpcOptions = {
  start(): Worker
  /** From the call to its answer. */
  deadlineMs: number
  idleMs: number
  /** Whether the call may be made a second time if its thread died. */
  isRepeatable(name: string): boolean
}

type Pending = RpcCall & {
  hasFailed: boolean
  startedMs: number | null
  timer: NodeJS.Timeout
  resolve(value: unknown): void
  reject(error: Error): void
}

export class WorkerRpc {
  readonly #options: RpcOptions
  readonly #waiting: Pending[] = []
  #running: Pending | null = null
  #worker: Worker | null = null
  #idle: NodeJS.Timeout | null = null
  #isClosed = false

  constructor(options: RpcOptions) {
    this.#options = options
  }

  call(name: string, args: unknown[]): Promise<unknown> {
    if (this.#isClosed) return Promise.reject(shuttingDown())
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#giveUp(pending), this.#options.deadlineMs)
      const pending: Pending = { name, args, hasFailed: false, startedMs: null, timer, resolve, reject }
      this.#waiting.push(pending)
      this.#next()
    })
  }

  async close(): Promise<void> {
    this.#isClosed = true
    const worker = this.#detachWorker()
    const pendings = [...(this.#running === null ? [] : [this.#running]), ...this.#waiting.splice(0)]
    this.#running = null
    for (const { timer, reject } of pendings) {
      clearTimeout(timer)
      reject(shuttingDown())
    }
    await worker?.terminate()
  }

  #next(): void {
    if (this.#running !== null) return
    const next = this.#waiting.shift()
    if (next === undefined) return this.#becomeIdle()
    if (this.#idle !== null) clearTimeout(this.#idle)
    this.#running = next
    next.startedMs = performance.now()
    try {
      this.#worker ??= this.#start()
      // The thread keeps the program alive only while a call is running.
      this.#worker.ref()
      this.#worker.postMessage({ name: next.name, args: next.args } satisfies RpcCall)
    } catch (error) {
      this.#settle(() => next.reject(error as Error))
    }
  }

  #becomeIdle(): void {
    this.#worker?.unref()
    if (this.#idle !== null) clearTimeout(this.#idle)
    this.#idle = setTimeout(() => void this.#detachWorker()?.terminate(), this.#options.idleMs).unref()
  }

  #start(): Worker {
    const worker = this.#options.start()
    let reason: unknown = null
    worker.on('message', (answer: RpcAnswer) => {
      if (this.#worker === worker) this.#answer(answer)
    })
    worker.on('error', (error) => {
      reason = error
    })
    worker.on('exit', () => {
      if (this.#worker === worker) this.#discardWorker(reason)
    })
    return worker
  }

  #answer(answer: RpcAnswer): void {
    const pending = this.#running
    if (pending === null) return
    this.#settle(() => {
      if ('value' in answer) return pending.resolve(answer.value)
      if ('failed' in answer) return pending.reject(new Error(`the thread failed with ${answer.failed}`))
      const { code, message, details } = answer.error
      pending.reject(new AppError(code, message, details))
    })
  }

  /** The thread has ended by itself. */
  #discardWorker(reason: unknown): void {
    this.#worker = null
    const pending = this.#running
    if (pending === null) return
    const isMemory = (reason as NodeJS.ErrnoException | null)?.code === 'ERR_WORKER_OUT_OF_MEMORY'
    if (isMemory || pending.hasFailed || !this.#options.isRepeatable(pending.name)) {
      this.#settle(() => pending.reject(new RpcError(isMemory ? 'memory' : 'died')))
      return
    }
    pending.hasFailed = true
    this.#running = null
    this.#waiting.unshift(pending)
    this.#next()
  }

  /** A running call cannot be cancelled: the thread is ended with it. */
  #giveUp(pending: Pending): void {
    const error = new RpcError(this.#isLate(pending) ? 'late' : 'slow')
    if (this.#running === pending) {
      void this.#detachWorker()?.terminate()
      return this.#settle(() => pending.reject(error))
    }
    this.#waiting.splice(this.#waiting.indexOf(pending), 1)
    pending.reject(error)
  }

  /** Whether a call spent most of its time waiting, so that it may be made again. */
  #isLate({ name, startedMs }: Pending): boolean {
    if (startedMs === null) return true
    const { deadlineMs, isRepeatable } = this.#options
    return isRepeatable(name) && performance.now() - startedMs < deadlineMs / 2
  }

  #settle(settle: () => void): void {
    if (this.#running !== null) clearTimeout(this.#running.timer)
    this.#running = null
    settle()
    this.#next()
  }

  #detachWorker(): Worker | null {
    const worker = this.#worker
    this.#worker = null
    if (this.#idle !== null) clearTimeout(this.#idle)
    return worker
  }
}
