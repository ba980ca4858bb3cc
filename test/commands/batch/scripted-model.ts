// A server whose model a test scripts in its prompts, without the CLI: what a batch does with its lines is decided by the batch and the
// server. The directives are those of the scripted upstream (src/demo/step.ts), as far as these tests use them.
import { mkdirSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { ownIdentity } from '../../../src/claude/process/process-registry.ts'
import type { RunRequest } from '../../../src/core/agent.ts'
import type { RunEvent } from '../../../src/core/events.ts'
import type { Step } from '../../../src/demo/step.ts'
import { AppError } from '../../../src/errors.ts'
import { writeServerAddress } from '../../../src/platform/server-address.ts'
import { type Cleanup, listenApp } from '../../helpers/inject-app.ts'
import { aborted, failedEnd, goodRun, runStart, ScriptedAgent } from '../../helpers/scripted-agent.ts'
import type { TestFolders } from '../../helpers/test-server.ts'

type Watched = { raw: string; request: RunRequest; isAborted: boolean; isOver: boolean }

export type IsWanted = (request: { raw: string }) => boolean

export class ScriptedModel {
  requests: Watched[] = []
  #waiting: (() => void)[] = []
  readonly #released = new Set<string>()

  readonly script = async function* (
    this: ScriptedModel,
    request: RunRequest,
    signal: AbortSignal,
  ): AsyncGenerator<RunEvent> {
    const raw = JSON.stringify(request.prompt)
    const earlier = this.requests.filter((each) => each.raw === raw).length
    const watched: Watched = { raw, request, isAborted: false, isOver: false }
    this.requests.push(watched)
    this.#notify()
    try {
      yield* this.#answer(watched, signal, earlier)
    } finally {
      watched.isOver = true
      watched.isAborted = signal.aborted
      this.#notify()
    }
  }.bind(this)

  reset(): void {
    this.requests = []
    this.#released.clear()
  }

  inFlight(): number {
    return this.requests.filter(({ isOver }) => !isOver).length
  }

  /** Lets the prompts with this tag be answered, whose step says `hang: 'body'`. */
  release(tag: string): void {
    this.#released.add(`<${tag}>`)
    this.#notify()
  }

  waitForRequest(isWanted: IsWanted): Promise<void> {
    return this.#until(() => this.requests.some(isWanted))
  }

  waitForAbort(isWanted: IsWanted): Promise<void> {
    return this.#until(() => this.requests.some((each) => each.isAborted && isWanted(each)))
  }

  async *#answer({ raw, request }: Watched, signal: AbortSignal, earlier: number): AsyncGenerator<RunEvent> {
    const step = stepOf(request)
    const isAffected = earlier < (step.times ?? Number.POSITIVE_INFINITY)
    if (step.hang === 'headers' && isAffected) {
      yield runStart()
      yield failedEnd(await aborted(signal))
    } else if (step.status !== undefined && isAffected) {
      const text = `API Error: ${step.status} ${step.message ?? 'refused'}`
      yield failedEnd(new AppError(step.status === 400 ? 'invalid_request' : 'claude_failed', text))
    } else {
      if (step.hang === 'body') await this.#until(() => [...this.#released].some((tag) => raw.includes(tag)))
      if (step.ttft !== undefined) await delay(step.ttft, undefined, { signal })
      yield* goodRun([step.text ?? 'hello'])
    }
  }

  async #until(isTrue: () => boolean): Promise<void> {
    while (!isTrue()) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  #notify(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}

function stepOf({ prompt }: RunRequest): Step {
  const text = prompt.map((block) => (block.type === 'text' ? block.text : '')).join('')
  const [, directive = '{}'] = /\[\[fake (\{.*?\})\]\]/s.exec(text) ?? []
  return JSON.parse(directive)
}

/** The commands in these folders find it, as they find the server of a data folder. */
export async function startScriptedServer(t: Cleanup, folders: TestFolders) {
  const model = new ScriptedModel()
  const { url } = await listenApp(t, { agent: new ScriptedAgent(model.script) })
  mkdirSync(folders.dataDir, { recursive: true })
  const identity = await ownIdentity()
  writeServerAddress(folders.dataDir, { url, pid: process.pid, process: identity, version: '1', startedAt: '' })
  return { url, model }
}
