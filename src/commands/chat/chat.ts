// The command `chat`: one prompt to a running server, the answer as it comes. Not for how the prompt is found (prompt.ts), nor
// for what is shown of which event (view.ts).
import { resolve } from 'node:path'
import { isLoopbackHost } from '../../platform/loopback.ts'
import type { SessionList } from '../../surfaces/native/session-schemas.ts'
import { answer, CommandError, type ExitCode, note, UsageError } from '../command.ts'
import { getJson } from '../server-answers.ts'
import { ServerClient, type ServerFlags } from '../server-client.ts'
import { readEvents } from './events.ts'
import { readPrompt } from './prompt.ts'
import { ChatView } from './view.ts'

export type ChatFlags = ServerFlags & {
  model?: string
  system?: string
  session?: string
  continue?: boolean
  /** False: the server's own. */
  cwd?: string | false
  verbose?: boolean
}

export function chat(words: readonly string[], flags: ChatFlags): Promise<ExitCode> {
  return answer('chat', async () => {
    refuseBoth(flags)
    const prompt = await readPrompt(words)
    const client = await ServerClient.find(flags)
    const asked = new AbortController()
    // Only the first: where the end does not come, the second one ends the process.
    process.once('SIGINT', () => asked.abort())
    try {
      await run(client, await toBody(prompt, client, flags), asked, flags)
    } catch (fault) {
      if (!asked.signal.aborted) throw fault
      // To close the connection is what cancels the run.
      note('cancelled')
      return 1
    }
  })
}

const uuid = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i

function refuseBoth(flags: ChatFlags): void {
  if (flags.session === undefined) return
  if (flags.continue === true) throw new UsageError('give --session or --continue, not both')
  if (uuid.test(flags.session)) return
  const accepted = 'give the id of a session, as claude-serve sessions shows them'
  throw new UsageError(`--session: ${JSON.stringify(flags.session)} is not accepted; ${accepted}`)
}

async function toBody(prompt: string, client: ServerClient, flags: ChatFlags): Promise<Record<string, unknown>> {
  const session = flags.continue === true ? await lastSession(client, flags) : flags.session
  // A conversation goes on in its own folder unless another is named.
  const cwd = flags.cwd ?? (session === undefined && isHere(client) ? process.cwd() : false)
  return {
    prompt,
    // Also where tools are not shown: they tell where one text of the answer ends and the next begins.
    events: 'full',
    ...(flags.model === undefined ? {} : { model: flags.model.replace(/^agent\//, '') }),
    ...(flags.system === undefined ? {} : { system_prompt: flags.system }),
    ...(session === undefined ? {} : { session_id: session }),
    ...(cwd === false ? {} : { cwd: resolve(cwd) }),
  }
}

/** Whether our folders are the server's folders too. */
const isHere = ({ url }: ServerClient) => isLoopbackHost(new URL(url).hostname)

async function lastSession(client: ServerClient, { cwd }: ChatFlags): Promise<string> {
  if (cwd === false) throw new UsageError('--continue needs a folder: leave --no-cwd out')
  const folder = resolve(cwd ?? '.')
  const query = new URLSearchParams({ cwd: folder, limit: '1' })
  const isList = (body: Partial<SessionList>) => Array.isArray(body.sessions)
  const { sessions } = await getJson<SessionList>(client, `/v1/sessions?${query}`, isList)
  const id = sessions[0]?.session_id
  if (id === undefined) throw new CommandError(`there is no conversation in ${folder} yet: leave --continue out`)
  return id
}

async function run(
  client: ServerClient,
  body: Record<string, unknown>,
  asked: AbortController,
  flags: ChatFlags,
): Promise<void> {
  const response = await client.send('POST', '/v1/chat/stream', body, asked.signal)
  const view = new ChatView({ isJson: flags.json === true, isVerbose: flags.verbose === true })
  try {
    for await (const event of readEvents(response, client.url)) {
      if (await view.show(event)) continue
      // Nobody reads the answer any more.
      asked.abort()
      break
    }
  } finally {
    await view.end()
  }
  asked.signal.throwIfAborted()
}
