// Asks the person at the terminal what a run waits for, permissions and questions, one at a time, and sends the answers to the server. Not
// for showing other events (see view.ts).
import { styleText } from 'node:util'
import type { ChatEvent } from '../../surfaces/native/reply-schemas.ts'
import { CommandError, note } from '../command.ts'
import type { ServerClient } from '../server-client.ts'
import { inert, oneLine } from '../terminal-text.ts'
import { parseQuestions, type Question } from './questions.ts'
import type { TerminalInput } from './terminal-input.ts'

type Permission = Extract<ChatEvent, { type: 'permission_request' }>
export type Approval = Permission | Extract<ChatEvent, { type: 'question' }>

export const isApproval = (event: ChatEvent): event is Approval =>
  event.type === 'permission_request' || event.type === 'question'

/** Longer inputs are files; the page shows all of them. */
const inputLengthMax = 4000

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

const show = (text: string) => void process.stderr.write(`${inert(text)}\n`)
const bold = (text: string) => styleText('bold', text, { stream: process.stderr })

async function readPermission({ tool_name, input, description, blocked_path }: Permission, read: Read) {
  process.stderr.write(`${bold(`Claude asks for permission to use ${oneLine(tool_name)}`)}\n`)
  if (description !== null) show(oneLine(description))
  if (blocked_path !== null) show(`outside of the allowed folders: ${oneLine(blocked_path)}`)
  for (const [name, value] of Object.entries(input)) show(`  ${oneLine(name)}: ${showValue(value)}`)
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

function showValue(value: unknown): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  const whole = text.replaceAll('\n', '\n    ')
  return whole.length > inputLengthMax ? `${whole.slice(0, inputLengthMax)}… (${text.length} characters)` : whole
}

async function readAnswers(values: readonly unknown[], read: Read) {
  const answers: Record<string, string | string[]> = {}
  for (const question of parseQuestions(values)) {
    const answer = await readAnswer(question, read)
    if (answer === null) return null
    answers[question.text] = answer
  }
  return { answers }
}

async function readAnswer({ text, options, isMultiple }: Question, read: Read): Promise<string | string[] | null> {
  process.stderr.write(`${bold(oneLine(text))}\n`)
  for (const [index, { label, description }] of options.entries())
    show(`  ${index + 1}  ${oneLine(label)}${description === '' ? '' : `: ${oneLine(description)}`}`)
  const number = isMultiple ? 'numbers, separated by commas' : 'a number'
  for (;;) {
    const line = await read(options.length === 0 ? 'answer: ' : `answer with ${number}, or in your own words: `)
    if (line === null) return null
    const answer = line.trim()
    const numbers = /^\d+(?:[\s,]+\d+)*$/.test(answer) ? answer.split(/[\s,]+/).map(Number) : null
    if (answer === '') continue
    if (numbers === null || options.length === 0) return answer
    const labels = numbers.map((number) => options[number - 1]?.label)
    const known = labels.filter((label) => label !== undefined)
    if (known.length < labels.length || (known.length > 1 && !isMultiple)) continue
    return isMultiple ? known : (known[0] ?? answer)
  }
}
