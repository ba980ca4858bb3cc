// What a CLI process asks of a person, from the question to its answer. The process waits without limit; who sets one is
// core/runs.ts.
import { randomUUID } from 'node:crypto'
import type { CanUseTool, PermissionResult, PermissionUpdate } from '@anthropic-ai/claude-agent-sdk'
import type { AnsweredBy, Ask, AskAnswer } from '../core/events.ts'

/** What the turn's reader finds among the messages of its process. */
export type AskNote =
  | { type: 'ask'; ask: Ask }
  | { type: 'ask-answered'; requestId: string; behavior: 'allow' | 'deny'; by: AnsweredBy }

type Pending = { ask: Ask; settle: (result: PermissionResult) => void }

/** The tool by which Claude asks a person something. */
const questionTool = 'AskUserQuestion'

const unanswered = 'Nobody answered, so this was not allowed.'

export class Asks {
  readonly #pending = new Map<string, Pending>()
  readonly #note: (note: AskNote) => void

  constructor(note: (note: AskNote) => void) {
    this.#note = note
  }

  get isWaiting(): boolean {
    return this.#pending.size > 0
  }

  /** To be given to the SDK. */
  readonly canUseTool: CanUseTool = (toolName, input, context) => {
    const ask: Ask = {
      requestId: `ask_${randomUUID().replaceAll('-', '')}`,
      kind: toolName === questionTool ? 'question' : 'permission',
      toolName,
      toolId: context.toolUseID,
      input,
      description: context.description ?? context.title ?? null,
      blockedPath: context.blockedPath ?? null,
      suggestions: context.suggestions ?? [],
    }
    const { promise, resolve } = Promise.withResolvers<PermissionResult>()
    this.#pending.set(ask.requestId, { ask, settle: resolve })
    this.#note({ type: 'ask', ask })
    const withdraw = () => void this.#settle(ask.requestId, { behavior: 'deny', message: unanswered }, 'run')
    if (context.signal.aborted) withdraw()
    else context.signal.addEventListener('abort', withdraw, { once: true })
    return promise
  }

  /** False where nothing of that id waits. */
  answer(requestId: string, answer: AskAnswer, by: AnsweredBy): boolean {
    const pending = this.#pending.get(requestId)
    return pending !== undefined && this.#settle(requestId, toResult(pending.ask, answer), by)
  }

  /** The turn is over: nobody will answer any more. */
  withdraw(): void {
    for (const id of [...this.#pending.keys()]) this.#settle(id, { behavior: 'deny', message: unanswered }, 'run')
  }

  #settle(requestId: string, result: PermissionResult, by: AnsweredBy): boolean {
    const pending = this.#pending.get(requestId)
    if (pending === undefined) return false
    this.#pending.delete(requestId)
    this.#note({ type: 'ask-answered', requestId, behavior: result.behavior, by })
    pending.settle(result)
    return true
  }
}

function toResult({ input, toolName, suggestions }: Ask, answer: AskAnswer): PermissionResult {
  if (answer.behavior === 'deny') {
    return { behavior: 'deny', message: answer.message ?? 'The user did not allow this.' }
  }
  const allowed = { behavior: 'allow' as const, updatedInput: answer.updatedInput ?? input }
  if (!answer.remember) return allowed
  return { ...allowed, updatedPermissions: toSessionRules(toolName, suggestions as PermissionUpdate[]) }
}

/**
 * The rules hold for the conversation only: nothing is written into anybody's settings. A mode that would allow much more is
 * taken on only where the CLI has nothing narrower to suggest.
 */
function toSessionRules(toolName: string, suggestions: readonly PermissionUpdate[]): PermissionUpdate[] {
  const narrow = suggestions.filter(({ type }) => type === 'addRules' || type === 'addDirectories')
  const chosen = narrow.some(({ type }) => type === 'addRules') ? narrow : suggestions
  if (chosen.length > 0) return chosen.map((rule) => ({ ...rule, destination: 'session' }))
  return [{ type: 'addRules', rules: [{ toolName }], behavior: 'allow', destination: 'session' }]
}
