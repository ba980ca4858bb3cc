// The command `chat`: sends one prompt to a running server and shows the answer as it arrives. Not for reading the prompt (prompt.ts), nor
// for what is shown of each event (view.ts).
import { resolve } from 'node:path'
import { type OptionFlags, optionRows } from '../../core/run-options.ts'
import { isLoopbackHost } from '../../platform/loopback.ts'
import type { SessionList } from '../../surfaces/native/session-reply-schemas.ts'
import { CommandError, type ExitCode, notAccepted, note, runCommand, UsageError } from '../command.ts'
import { ServerClient, type ServerFlags } from '../server-client.ts'
import { readEvents } from './events.ts'
import { readPrompt } from './prompt.ts'
import { ChatView } from './view.ts'

export type ChatFlags = ServerFlags &
  OptionFlags & {
    session?: string
    continue?: boolean
    /** False: the server's default folder. */
    cwd?: string | false
    verbose?: boolean
  }

export function chat(words: readonly string[], flags: ChatFlags): Promise<ExitCode> {
  return runCommand('chat', async () => {
    checkSession(flags)
    const prompt = await readPrompt(words)
    const client = await ServerClient.find(flags)
    const abort = new AbortController()
    // Only the first one: if the run does not end, a second one ends the process.
    process.once('SIGINT', () => abort.abort())
    try {
      await run(client, await toBody(prompt, client, flags), abort, flags)
    } catch (error) {
      if (!abort.signal.aborted) throw error
      // Closing the connection cancels the run.
      note('cancelled')
      return 1
    }
  })
}

const uuid = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}$/i

function checkSession(flags: ChatFlags): void {
  if (flags.session === undefined) return
  if (flags.continue === true) throw new UsageError('pass --session or --continue, not both')
  if (uuid.test(flags.session)) return
  throw notAccepted('--session', flags.session, 'give the id of a session (claude-serve sessions lists them)')
}

async function toBody(prompt: string, client: ServerClient, flags: ChatFlags): Promise<Record<string, unknown>> {
  const session = flags.continue === true ? await lastSession(client, flags) : flags.session
  // A session continues in its own folder unless another is set.
  const cwd = flags.cwd ?? (session === undefined && isLocal(client) ? process.cwd() : false)
  return {
    prompt,
    // Needed even if tools are not shown: they mark where one text of the answer ends and the next begins.
    events: 'full',
    ...optionsOf(flags),
    // A name of the compatible APIs, where it tells the agent from the plain model.
    ...(flags.model === undefined ? {} : { model: flags.model.replace(/^agent\//, '') }),
    ...(session === undefined ? {} : { session_id: session }),
    ...(cwd === false ? {} : { cwd: resolve(cwd) }),
  }
}

const optionsOf = (flags: OptionFlags) =>
  Object.fromEntries(
    optionRows.flatMap(({ field, flag }) => {
      const value = flag === undefined ? undefined : flags[flag.name as keyof OptionFlags]
      return value === undefined ? [] : [[field, value]]
    }),
  )

/** Whether the server has the same folders as this process. */
const isLocal = ({ url }: ServerClient) => isLoopbackHost(new URL(url).hostname)

async function lastSession(client: ServerClient, { cwd }: ChatFlags): Promise<string> {
  if (cwd === false) throw new UsageError('--continue requires a folder: remove --no-cwd')
  const folder = resolve(cwd ?? '.')
  const query = new URLSearchParams({ cwd: folder, limit: '1' })
  const isList = (body: Partial<SessionList>) => Array.isArray(body.sessions)
  const { sessions } = await client.json<SessionList>(`/v1/sessions?${query}`, isList)
  const id = sessions[0]?.session_id
  if (id === undefined) throw new CommandError(`there is no session in ${folder} yet: remove --continue`)
  return id
}

async function run(
  client: ServerClient,
  body: Record<string, unknown>,
  abort: AbortController,
  flags: ChatFlags,
): Promise<void> {
  const response = await client.send('POST', '/v1/chat/stream', { body, signal: abort.signal })
  const view = new ChatView({ isJson: flags.json === true, isVerbose: flags.verbose === true })
  try {
    for await (const event of readEvents(response, client)) {
      if (await view.show(event)) continue
      // Stdout was closed.
      abort.abort()
      break
    }
  } finally {
    await view.end()
  }
  abort.signal.throwIfAborted()
}
