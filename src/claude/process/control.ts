// Control requests to one CLI process: what is asked of it between turns. Each has a deadline: a process that does not answer is
// frozen, and is given up. Not for prompts and their answers (claude/turn/turn.ts).
import type { McpServerConfig, Query } from '@anthropic-ai/claude-agent-sdk'
import type { Clock } from '../../platform/clock.ts'
import { controlFailure, SilentProcess, UnsupportedRequest } from '../cli/errors-from-sdk.ts'

export type ControlContext = {
  clock: Pick<Clock, 'schedule'>
  /** How long the process may take to answer, in milliseconds. */
  controlMs: number
  /** Resolves when the process is gone. */
  gone: Promise<void>
  /** Called once for each request that was not answered in time. */
  onSilence: (request: string) => void
}

export type RewindTarget = { first: string; last: string }

export class Control {
  readonly #query: Query
  readonly #context: ControlContext

  constructor(query: Query, context: ControlContext) {
    this.#query = query
    this.#context = context
  }

  /** Resolves when the process has answered anything at all, of two things: another CLI may ignore one of them. 2 ms were measured. */
  async ping(): Promise<void> {
    const answered = [this.#query.mcpServerStatus(), this.#request({ subtype: 'get_settings' })].map((answer) =>
      answer.then(
        () => {},
        () => {},
      ),
    )
    await this.#bounded('mcp_status', Promise.race(answered))
  }

  /** What the process uses, merged from all its sources; nothing if it cannot say. Not in the SDK. */
  getSettings(): Promise<Record<string, unknown>> {
    return this.#send({ subtype: 'get_settings' }).catch((error) => {
      if (error instanceof UnsupportedRequest) return {}
      throw error
    })
  }

  /** Takes back every message from `first` on; `last` must be the latest one. Not in the SDK. */
  rewind({ first, last }: RewindTarget): Promise<Record<string, unknown>> {
    return this.#send({
      subtype: 'rewind_conversation',
      target_message_uuid: first,
      last_seen_user_message_uuid: last,
    })
  }

  applySettings(settings: Parameters<Query['applyFlagSettings']>[0]): Promise<void> {
    return this.#bounded('apply_flag_settings', this.#query.applyFlagSettings(settings))
  }

  setThinking(budgetTokens: number | null, display: Parameters<Query['setMaxThinkingTokens']>[1]): Promise<void> {
    return this.#bounded('set_max_thinking_tokens', this.#query.setMaxThinkingTokens(budgetTokens, display))
  }

  setMcpServers(servers: Record<string, McpServerConfig>): ReturnType<Query['setMcpServers']> {
    return this.#bounded('mcp_set_servers', this.#query.setMcpServers(servers))
  }

  reloadPlugins(): ReturnType<Query['reloadPlugins']> {
    return this.#bounded('reload_plugins', this.#query.reloadPlugins())
  }

  /** A request that the SDK has no method for. */
  async #send(request: { subtype: string; [field: string]: unknown }): Promise<Record<string, unknown>> {
    const answer = await this.#bounded(request.subtype, this.#request(request))
    return answer.response ?? {}
  }

  async #request(request: { subtype: string }): Promise<{ response?: Record<string, unknown> }> {
    const raw = this.#query as Query & {
      request?: (request: unknown) => Promise<{ response?: Record<string, unknown> }>
    }
    if (raw.request === undefined) throw new Error('this SDK has no way to send control requests')
    return raw.request(request)
  }

  async #bounded<T>(name: string, answer: Promise<T>): Promise<T> {
    const { clock, controlMs, gone, onSilence } = this.#context
    const tooLate = Promise.withResolvers<never>()
    const cancel = clock.schedule(() => {
      tooLate.reject(new SilentProcess(`Claude Code did not answer ${name} within ${controlMs / 1000} s`))
      onSilence(name)
    }, controlMs)
    const ended = gone.then(() => Promise.reject(new SilentProcess('the process ended')))
    try {
      return await Promise.race([
        answer.catch((error: unknown) => Promise.reject(controlFailure(error))),
        tooLate.promise,
        ended,
      ])
    } finally {
      cancel()
    }
  }
}
