// Asks the person at the terminal what a run waits for, permissions and questions, one at a time, and sends the answers to the server. Not
// for showing other events (see view.ts).
import { styleText } from 'node:util'
import type { ChatEvent } from '../../surfaces/native/reply-schemas.ts'
import { CommandError, note } from '../command.ts'
import { type Approval, type Permission, permissionAsLines, questionAsLines } from '../runs/approval-lines.ts'
import { type Answer, acceptedAnswers, parseQuestions, type Question, readAnswer } from '../runs/questions.ts'
import type { ServerClient } from '../server-client.ts'
import type { TerminalInput } from './terminal-input.ts'

export class Approvals {
  readonly #client: ServerClient
  readonly #input: TerminalInput
  /** Ends the question if somebody else answers, or the run ends. */
  readonly #settled = new Map<string, AbortController>()
  readonly #end = new AbortController()

  constructor(client: ServerClient, input: TerminalInput) {
    this.#client = client
    this.#input = input
  }

  /** Must be called for every event as soon as it arrives. */
  watch(event: ChatEvent): void {
    if (event.type === 'status' && event.status === 'answered') this.#controllerOf(event.request_id).abort()
    if (event.type === 'done' || event.type === 'error') this.end()
  }

  /** The run waits for nothing any more. */
  end(): void {
    this.#end.abort()
  }

  async ask(approval: Approval, runId: string): Promise<void> {
    const { signal } = this.#controllerOf(approval.request_id)
    const read = (label: string) => this.#input.readAnswer(label, AbortSignal.any([signal, this.#end.signal]))
    const isPermission = approval.type === 'permission_request'
    const body = isPermission ? await readPermission(approval, read) : await readAnswers(approval.questions, read)
    if (body === null) return
    const path = `/v1/runs/${runId}/${isPermission ? 'permissions' : 'answers'}/${approval.request_id}`
    try {
      await this.#client.send('POST', path, { body })
    } catch (error) {
      if (!(error instanceof CommandError)) throw error
      note(error.message)
    }
  }

  #controllerOf(requestId: string): AbortController {
    const controller = this.#settled.get(requestId) ?? new AbortController()
    this.#settled.set(requestId, controller)
    return controller
  }
}

type Read = (label: string) => Promise<string | null>

function show([heading = '', ...lines]: readonly string[]): void {
  process.stderr.write(`${[styleText('bold', heading, { stream: process.stderr }), ...lines].join('\n')}\n`)
}

async function readPermission(permission: Permission, read: Read) {
  show(permissionAsLines(permission))
  for (;;) {
    const text = await read('allow? y: yes, a: yes, and similar calls too, n: no, or what to do instead: ')
    if (text === null) return null
    const answer = text.trim()
    if (/^y(es)?$/i.test(answer)) return { behavior: 'allow' }
    if (/^a(lways)?$/i.test(answer)) return { behavior: 'allow', remember: true }
    if (/^no?$/i.test(answer)) return { behavior: 'deny' }
    if (answer !== '') return { behavior: 'deny', message: text }
  }
}

async function readAnswers(values: readonly unknown[], read: Read) {
  const answers: Record<string, Answer> = {}
  for (const question of parseQuestions(values)) {
    const answer = await readOne(question, read)
    if (answer === null) return null
    answers[question.text] = answer
  }
  return { answers }
}

async function readOne(question: Question, read: Read): Promise<Answer | null> {
  show(questionAsLines(question))
  for (;;) {
    const text = await read(`${acceptedAnswers(question)}: `)
    if (text === null) return null
    const answer = readAnswer(question, text)
    if (answer !== null) return answer
  }
}
