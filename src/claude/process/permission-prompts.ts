// What a CLI process asks of a person, from the question to its answer. The process waits without limit; who sets one is
// core/runs.ts.
import { randomUUID } from 'node:crypto'
import type { CanUseTool, PermissionResult, PermissionUpdate } from '@anthropic-ai/claude-agent-sdk'
import type { AnsweredBy, ApprovalAnswer, ApprovalRequest } from '../../core/events.ts'

/** What the turn's reader finds among the messages of its process. */
export type ApprovalNote =
  | { type: 'ask'; ask: ApprovalRequest }
  | { type: 'ask-answered'; requestId: string; behavior: 'allow' | 'deny'; by: AnsweredBy }

type Pending = { ask: ApprovalRequest; settle: (result: PermissionResult) => void }

/** The tool by which Claude asks a person something. */
const questionTool = 'AskUserQuestion'

const unanswered = 'Nobody answered, so this was not allowed.'

export class PermissionPrompts {
  readonly #pending = new Map<string, Pending>()
  readonly #note: (note: ApprovalNote) => void
  readonly #modes: readonly string[]

  /** `modes`: the permission modes that the operator allows. */
  constructor(note: (note: ApprovalNote) => void, modes: readonly string[]) {
    this.#note = note
    this.#modes = modes
  }

  get isWaiting(): boolean {
    return this.#pending.size > 0
  }

  /** To be given to the SDK. */
  readonly canUseTool: CanUseTool = (toolName, input, context) => {
    const ask: ApprovalRequest = {
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
  answer(requestId: string, answer: ApprovalAnswer, by: AnsweredBy): boolean {
    const pending = this.#pending.get(requestId)
    return pending !== undefined && this.#settle(requestId, toResult(pending.ask, answer, this.#modes), by)
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

function toResult(ask: ApprovalRequest, answer: ApprovalAnswer, modes: readonly string[]): PermissionResult {
  if (answer.behavior === 'deny') {
    return { behavior: 'deny', message: answer.message ?? 'The user did not allow this.' }
  }
  const allowed = { behavior: 'allow' as const, updatedInput: answer.updatedInput ?? ask.input }
  if (!answer.remember) return allowed
  return { ...allowed, updatedPermissions: toSessionRules(ask, modes) }
}

/**
 * The rules hold for the conversation only: nothing is written into anybody's settings. What the CLI suggests is taken where it is
 * narrow; a mode only where there is nothing narrower and the operator allows it. Where it suggests nothing, a command is
 * remembered to the letter, and everything else is allowed this once.
 */
function toSessionRules(
  { toolName, input, suggestions }: ApprovalRequest,
  modes: readonly string[],
): PermissionUpdate[] {
  const given = suggestions as PermissionUpdate[]
  const narrow = given.filter(({ type }) => type === 'addRules' || type === 'addDirectories')
  const isEnough = narrow.some(({ type }) => type === 'addRules')
  const chosen = isEnough ? narrow : given.filter((rule) => rule.type !== 'setMode' || modes.includes(rule.mode))
  if (chosen.length > 0) return chosen.map((rule) => ({ ...rule, destination: 'session' }))
  const { command } = input
  if (toolName !== 'Bash' || typeof command !== 'string') return []
  return [{ type: 'addRules', rules: [{ toolName, ruleContent: command }], behavior: 'allow', destination: 'session' }]
}
