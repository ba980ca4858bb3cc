// A conversation in the terminal: `claude-serve chat` without a prompt. Each prompt is a run with approvals; the first one starts the session
// and the others continue it. Not for reading lines (terminal-input.ts), for what is shown of an answer (view.ts), nor for the commands
// that start with a slash (slash-commands.ts).
import { styleText } from 'node:util'
import type { PromptBlock } from '../../core/content.ts'
import { ownCommand } from '../../platform/installation.ts'
import type { ChatEvent } from '../../surfaces/native/reply-schemas.ts'
import { CommandError, note, settingsFor } from '../command.ts'
import { isApproval } from '../runs/approval-lines.ts'
import type { ServerClient } from '../server-client.ts'
import { Approvals } from './approvals.ts'
import { withAttachments } from './attachments.ts'
import { readEvents } from './events.ts'
import { History } from './history.ts'
import { type ChatFlags, chatBody } from './request.ts'
import { parseSlashCommand, runSlashCommand } from './slash-commands.ts'
import { TerminalInput } from './terminal-input.ts'
import { ChatView } from './view.ts'

const aside = (text: string) => void process.stderr.write(`${styleText('dim', text, { stream: process.stderr })}\n`)

/** One answer, from its request to its last event. */
type Answer = { abort: AbortController; runId: string | null; isCancelled: boolean }

export class Conversation {
  readonly #client: ServerClient
  readonly #flags: ChatFlags
  readonly #input: TerminalInput
  session: string | null
  model: string | null
  /** Sent with the first prompt. */
  #attachments: readonly PromptBlock[]
  #answer: Answer | null = null
  #isLeaving = false
  #wasInterrupted = false

  constructor(client: ServerClient, flags: ChatFlags, session: string | null, attachments: readonly PromptBlock[]) {
    this.#client = client
    this.#flags = flags
    this.session = session
    this.model = flags.model ?? null
    this.#attachments = attachments
    // The answers alone are on a stdout that is read by a program.
    const stream = process.stdout.isTTY && flags.json !== true ? process.stdout : process.stderr
    this.#input = new TerminalInput(stream, new History(settingsFor(flags).dataDir))
    this.#input.onInterrupt = () => this.#interrupt()
    this.#input.onClose = () => this.leave()
  }

  async run(): Promise<void> {
    aside('Type a prompt. /help lists the commands, Ctrl-C stops an answer, Ctrl-D leaves.')
    try {
      while (!this.#isLeaving) {
        const text = await this.#input.readPrompt('> ')
        if (text === null) break
        this.#wasInterrupted = false
        await this.#react(text)
      }
    } finally {
      this.#input.close()
    }
    if (this.session !== null) aside(`continue later: ${ownCommand(`chat --session ${this.session}`)}`)
  }

  /** Ends the running answer too. */
  leave(): void {
    this.#isLeaving = true
    this.#answer?.abort.abort()
  }

  async #react(text: string): Promise<void> {
    if (text.trim() === '') return
    try {
      const command = parseSlashCommand(text)
      if (command === null) await this.#ask(text)
      else await runSlashCommand(command, { conversation: this, client: this.#client, flags: this.#flags })
    } catch (error) {
      if (!(error instanceof CommandError)) throw error
      note(error.message)
    }
  }

  /** The first time stops the answer, or clears the line; the second time leaves. */
  #interrupt(): void {
    if (this.#answer !== null) {
      if (this.#answer.isCancelled) return this.#input.close()
      return void this.#cancel(this.#answer)
    }
    if (this.#input.clear()) return
    if (this.#wasInterrupted) return this.#input.close()
    this.#wasInterrupted = true
    process.stderr.write('\n')
    aside('Ctrl-C again, or Ctrl-D, leaves')
    this.#input.redraw()
  }

  async #cancel(answer: Answer): Promise<void> {
    answer.isCancelled = true
    try {
      // Closing the connection would cancel the run too, but not say when it has ended.
      if (answer.runId === null) answer.abort.abort()
      else await this.#client.send('POST', `/v1/runs/${answer.runId}/cancel`, { body: {} })
    } catch {
      answer.abort.abort()
    }
  }

  async #ask(text: string): Promise<void> {
    const flags = { ...this.#flags, ...(this.model === null ? {} : { model: this.model }) }
    const prompt = withAttachments(text, this.#attachments)
    const body = { ...chatBody(prompt, this.session, this.#client, flags), approvals: true }
    const answer: Answer = { abort: new AbortController(), runId: null, isCancelled: false }
    this.#answer = answer
    try {
      await this.#showAnswer(body, answer)
      this.#attachments = []
    } catch (error) {
      if (this.#isLeaving) return
      if (!answer.isCancelled) throw error
      aside('stopped')
    } finally {
      this.#answer = null
    }
  }

  async #showAnswer(body: Record<string, unknown>, answer: Answer): Promise<void> {
    const { signal } = answer.abort
    const response = await this.#client.send('POST', '/v1/chat/stream', { body, signal })
    answer.runId = response.headers.get('x-run-id')
    const approvals = new Approvals(this.#client, this.#input)
    const { json = false, verbose = false } = this.#flags
    const view = new ChatView({ isJson: json, isVerbose: verbose, isConversation: true })
    try {
      // Read at once, whatever is shown: a question ends as soon as somebody else has answered it.
      const events = readAhead(readEvents(response, this.#client), approvals)
      for await (const event of events) {
        if (event.type === 'start') this.session = event.session_id
        if (isApproval(event)) {
          await view.pause()
          await approvals.ask(event, answer.runId ?? '')
        } else if (!(await view.show(event))) return this.leave()
      }
    } finally {
      await view.end()
    }
  }
}

function readAhead(events: AsyncIterable<ChatEvent>, approvals: Approvals): ReadableStream<ChatEvent> {
  return new ReadableStream({
    async start(controller) {
      try {
        for await (const event of events) {
          approvals.watch(event)
          controller.enqueue(event)
        }
        controller.close()
      } catch (error) {
        approvals.end()
        controller.error(error)
      }
    },
  })
}
