// The command `chat`: sends one prompt to a running server and shows the answer as it arrives. Without a prompt, on a terminal, it starts a
// conversation (conversation.ts). Not for reading the prompt (prompt.ts), for the request's body (request.ts), nor for what is shown of each
// event (view.ts).
import type { PromptBlock } from '../../core/content.ts'
import { type ExitCode, note, runCommand } from '../command.ts'
import { ServerClient } from '../server-client.ts'
import { readAttachments, withAttachments } from './attachments.ts'
import { readEvents } from './events.ts'
import { readPrompt } from './prompt.ts'
import { type ChatFlags, chatBody, checkFlags, firstSession } from './request.ts'
import { ChatView } from './view.ts'

export function chat(words: readonly string[], flags: ChatFlags): Promise<ExitCode> {
  return runCommand('chat', async () => {
    checkFlags(flags)
    const attachments = readAttachments(flags)
    if (words.length === 0 && isAtTerminal()) return converse(flags, attachments)
    const prompt = withAttachments(await readPrompt(words), attachments)
    const client = await ServerClient.find(flags)
    const abort = new AbortController()
    // Only the first one: if the run does not end, a second one ends the process.
    process.once('SIGINT', () => abort.abort())
    try {
      await run(client, chatBody(prompt, await firstSession(client, flags), client, flags), abort, flags)
    } catch (error) {
      if (!abort.signal.aborted) throw error
      // Closing the connection cancels the run.
      note('cancelled')
      return 1
    }
  })
}

/** Whether a person types here, and can see what is written. */
const isAtTerminal = () =>
  process.stdin.isTTY === true && (process.stdout.isTTY === true || process.stderr.isTTY === true)

async function converse(flags: ChatFlags, attachments: readonly PromptBlock[]): Promise<void> {
  const client = await ServerClient.find(flags)
  const session = await firstSession(client, flags)
  const { Conversation } = await import('./conversation.ts')
  await new Conversation(client, flags, session, attachments).run()
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
