// The commands `runs approve`, `runs deny` and `runs answer`: answer what a run waits for. Not for asking at the terminal (see
// commands/chat/approvals.ts).
import type { RunReply } from '../../surfaces/native/reply-schemas.ts'
import { CommandError, type ExitCode, notAccepted, print, printJson, runCommand, UsageError } from '../command.ts'
import { ServerClient, type ServerFlags } from '../server-client.ts'
import { oneLine } from '../terminal-text.ts'
import type { Approval } from './approval-lines.ts'
import { type Answer, acceptedAnswers, parseQuestions, readAnswer } from './questions.ts'
import { isRun, runPath } from './runs.ts'

type RequestFlags = ServerFlags & { request?: string }
export type ApproveFlags = RequestFlags & { remember?: boolean }
export type DenyFlags = RequestFlags & { message?: string }

export function approve(id: string, flags: ApproveFlags): Promise<ExitCode> {
  return answerPermission('approve', id, flags, {
    behavior: 'allow',
    ...(flags.remember === true ? { remember: true } : {}),
  })
}

export function deny(id: string, flags: DenyFlags): Promise<ExitCode> {
  const { message } = flags
  return answerPermission('deny', id, flags, { behavior: 'deny', ...(message === undefined ? {} : { message }) })
}

function answerPermission(word: 'approve' | 'deny', id: string, flags: RequestFlags, body: object): Promise<ExitCode> {
  return runCommand(`runs ${word}`, async () => {
    const { client, approval } = await findPending(id, 'permission_request', flags)
    await send(client, `${runPath(id)}/permissions/${approval.request_id}`, body, flags)
    if (flags.json !== true) print(`${word === 'approve' ? 'allowed' : 'denied'} ${oneLine(approval.tool_name)}`)
  })
}

export function answer(id: string, texts: readonly string[], flags: RequestFlags): Promise<ExitCode> {
  return runCommand('runs answer', async () => {
    const { client, approval } = await findPending(id, 'question', flags)
    const body = { answers: readAnswers(approval, texts) }
    await send(client, `${runPath(id)}/answers/${approval.request_id}`, body, flags)
    if (flags.json !== true) print('answered')
  })
}

function readAnswers({ questions }: Approval & { type: 'question' }, texts: readonly string[]): Record<string, Answer> {
  const parsed = parseQuestions(questions)
  if (texts.length !== parsed.length) {
    const list = parsed.map(({ text }) => JSON.stringify(oneLine(text))).join(', ')
    throw new UsageError(`pass one answer to each of ${parsed.length} questions, in this order: ${list}`)
  }
  return Object.fromEntries(
    parsed.map((question, index) => {
      const text = texts[index] ?? ''
      const read = readAnswer(question, text)
      if (read === null) throw notAccepted('<answers>', text, `give ${acceptedAnswers(question)}`)
      return [question.text, read]
    }),
  )
}

/** What the run waits for. Throws CommandError if it is nothing, or if several are possible. */
async function findPending<Type extends Approval['type']>(id: string, type: Type, { request, ...flags }: RequestFlags) {
  const path = runPath(id)
  const client = await ServerClient.find(flags)
  const { status, pending } = await client.json<RunReply>(path, isRun)
  const possible = pending.filter((each) => each.type === type && (request ?? each.request_id) === each.request_id)
  const [approval, ...others] = possible as Extract<Approval, { type: Type }>[]
  const what = type === 'question' ? 'an answer' : 'a permission'
  if (approval === undefined) {
    const which = request === undefined ? '' : ` with the id ${request}`
    throw new CommandError(`${id} (${status}) waits for no${what.replace(/^an? /, ' ')}${which}`)
  }
  if (others.length === 0) return { client, approval }
  const ids = possible.map(({ request_id }) => request_id).join(', ')
  throw new CommandError(`${id} waits for several: choose one with --request (${ids})`)
}

async function send(client: ServerClient, path: string, body: object, { json }: ServerFlags): Promise<void> {
  const response = await client.send('POST', path, { body })
  if (json === true) printJson(await response.json())
}
