// Permission prompts and questions from a CLI process, until a person answers them. The process waits without limit;
// core/pending-permissions.ts sets one.
import { randomUUID } from 'node:crypto'
import type { CanUseTool, PermissionResult, PermissionUpdate } from '@anthropic-ai/claude-agent-sdk'
import type { AnsweredBy, ApprovalAnswer, ApprovalRequest } from '../../core/events.ts'

/** Notes that the turn's reader finds among the messages of its process. */
export type ApprovalNote =
  | { type: 'ask'; request: ApprovalRequest }
  | { type: 'ask-answered'; requestId: string; behavior: 'allow' | 'deny'; by: AnsweredBy }

type Pending = { request: ApprovalRequest; settle: (result: PermissionResult) => void }

/** The tool with which Claude asks a person a question. */
const questionTool = 'AskUserQuestion'

const unanswered = 'Nobody answered, so this was not allowed.'

export class PermissionPrompts {
  readonly #pending = new Map<string, Pending>()
  /** The calls that were allowed for good: the CLI suggests rules that do not match the very call that they are for. */
  readonly #remembered = new Set<string>()
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

  /** Pass this to the SDK. */
  readonly canUseTool: CanUseTool = (toolName, input, context) => {
    const request: ApprovalRequest = {
      requestId: `ask_${randomUUID().replaceAll('-', '')}`,
      kind: toolName === questionTool ? 'question' : 'permission',
      toolName,
      toolId: context.toolUseID,
      input,
      description: context.description ?? context.title ?? null,
      blockedPath: context.blockedPath ?? null,
      suggestions: context.suggestions ?? [],
    }
    if (this.#remembered.has(identityOf(request))) return Promise.resolve({ behavior: 'allow', updatedInput: input })
    const { promise, resolve } = Promise.withResolvers<PermissionResult>()
    this.#pending.set(request.requestId, { request, settle: resolve })
    this.#note({ type: 'ask', request })
    const withdraw = () => void this.#settle(request.requestId, { behavior: 'deny', message: unanswered }, 'run')
    if (context.signal.aborted) withdraw()
    else context.signal.addEventListener('abort', withdraw, { once: true })
    return promise
  }

  /** False if nothing with that id is waiting. */
  answer(requestId: string, answer: ApprovalAnswer, by: AnsweredBy): boolean {
    const pending = this.#pending.get(requestId)
    if (pending === undefined) return false
    // A call that a person has changed is another one.
    const isForGood = answer.behavior === 'allow' && answer.remember && answer.updatedInput === null
    if (isForGood && pending.request.kind === 'permission') this.#remembered.add(identityOf(pending.request))
    return this.#settle(requestId, toResult(pending.request, answer, this.#modes), by)
  }

  /** The turn is over: no more answers will come. */
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

/** The same for the same call. What a command is said to be for, and how long it may take, makes no difference to what it does. */
function identityOf({ toolName, input }: ApprovalRequest): string {
  const isNoMatter = (name: string) => toolName === 'Bash' && (name === 'description' || name === 'timeout')
  const fields = Object.entries(input).filter(([name]) => !isNoMatter(name))
  return JSON.stringify([toolName, fields.toSorted(([a], [b]) => (a < b ? -1 : 1))])
}

function toResult(request: ApprovalRequest, answer: ApprovalAnswer, modes: readonly string[]): PermissionResult {
  if (answer.behavior === 'deny') {
    return { behavior: 'deny', message: answer.message ?? 'The user did not allow this.' }
  }
  const allowed = { behavior: 'allow' as const, updatedInput: answer.updatedInput ?? request.input }
  if (!answer.remember) return allowed
  return { ...allowed, updatedPermissions: toSessionRules(request, modes) }
}

/**
 * The rules apply to the conversation only: no settings file is written. The CLI's narrow suggestions are used; a mode
 * is used only if nothing narrower is suggested and the operator allows it. If the CLI suggests nothing, a command is
 * remembered verbatim. Beyond the rules, the same call is not asked for again.
 */
function toSessionRules(
  { toolName, input, suggestions }: ApprovalRequest,
  modes: readonly string[],
): PermissionUpdate[] {
  const suggested = suggestions as PermissionUpdate[]
  const narrow = suggested.filter(({ type }) => type === 'addRules' || type === 'addDirectories')
  const isEnough = narrow.some(({ type }) => type === 'addRules')
  const chosen = isEnough ? narrow : suggested.filter((rule) => rule.type !== 'setMode' || modes.includes(rule.mode))
  if (chosen.length > 0) return chosen.map((rule) => ({ ...rule, destination: 'session' }))
  const { command } = input
  if (toolName !== 'Bash' || typeof command !== 'string') return []
  return [{ type: 'addRules', rules: [{ toolName, ruleContent: command }], behavior: 'allow', destination: 'session' }]
}
