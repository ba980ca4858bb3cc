// Follows the run of a call to its end: the client is kept informed, shows what a person must decide, and may cancel. Not for what the
// tools take and return (tools.ts).
import type { ApprovalAnswer, ApprovalRequest, RunEnd, RunEvent } from '../../core/events.ts'
import type { RunHandle } from '../../core/runs.ts'
import { AppError, toAppError } from '../../errors.ts'
import { collectRun } from '../../http/stream-run.ts'
import { toApprovalAnswer, toForm } from './elicitation.ts'
import type { McpOptions } from './options.ts'
import { Progress } from './progress.ts'
import type { ToolCall } from './tool-call.ts'

/** The first revision of MCP in which answers may be lists. */
const listsSince = '2025-11-25'

/** The longest that a timer can last, in milliseconds. */
const timerMaxMs = 2 ** 31 - 1

function onAbort(signal: AbortSignal, act: () => void): void {
  if (signal.aborted) act()
  else signal.addEventListener('abort', act, { once: true })
}

/** Follows the run to its end. Throws if it does not succeed. A client that cancels or disconnects ends it. */
export async function followCall(run: RunHandle, call: ToolCall, options: McpOptions): Promise<RunEnd> {
  const cancel = (text: string) => () => run.cancel(new AppError('cancelled', text))
  onAbort(call.extra.signal, cancel('The client cancelled the call.'))
  onAbort(call.gone, cancel('The client disconnected.'))
  const progress = new Progress(call, options.clock)
  const prompts = new Prompts(run.id, call, options)
  try {
    return await collectRun(run, (event) => {
      progress.accept(event)
      prompts.accept(event)
    })
  } catch (thrown) {
    throw named(toAppError(thrown), run.id)
  } finally {
    progress.stop()
    prompts.close()
  }
}

/** The error with its run, which may have been refused before it knew itself. */
const named = (error: AppError, runId: string) =>
  new AppError(error.code, error.message, { runId, ...error.details }, { cause: error.cause })

/** What the run waits for, as prompts that the client shows. */
class Prompts {
  readonly #runId: string
  readonly #call: ToolCall
  readonly #options: McpOptions
  readonly #open = new Map<string, AbortController>()

  constructor(runId: string, call: ToolCall, options: McpOptions) {
    this.#runId = runId
    this.#call = call
    this.#options = options
  }

  accept(event: RunEvent): void {
    if (event.type === 'ask' && this.#call.canElicit) void this.#prompt(event)
    if (event.type === 'ask-answered') this.#withdraw(event.requestId)
  }

  close(): void {
    for (const id of [...this.#open.keys()]) this.#withdraw(id)
  }

  #withdraw(requestId: string): void {
    this.#open.get(requestId)?.abort()
    this.#open.delete(requestId)
  }

  async #prompt(approval: ApprovalRequest): Promise<void> {
    const { requestId } = approval
    const controller = new AbortController()
    this.#open.set(requestId, controller)
    const answer = await this.#answerOf(approval, controller.signal)
    // It was answered elsewhere, or the run is over.
    if (controller.signal.aborted) return
    this.#open.delete(requestId)
    await this.#options.runs.answer(this.#runId, requestId, answer).catch(() => {})
  }

  async #answerOf(approval: ApprovalRequest, signal: AbortSignal): Promise<ApprovalAnswer> {
    const { extra, elicit } = this.#call
    const revision = extra.requestInfo?.headers['mcp-protocol-version'] ?? ''
    const form = toForm(approval, String(revision) >= listsSince)
    // The run's own limit comes first; this one ends what it does not.
    const timeout = Math.min(this.#options.approvalTimeoutMs + 60_000, timerMaxMs)
    try {
      return toApprovalAnswer(approval, await elicit(form, { timeout, signal }))
    } catch {
      return { behavior: 'deny', message: 'The user could not be asked.' }
    }
  }
}
