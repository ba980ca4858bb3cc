// Shows the events of a run for `claude-serve chat`: the answer on stdout, everything else on stderr.
import { styleText } from 'node:util'
import type { ChatEvent, ChatReply } from '../../surfaces/native/reply-schemas.ts'
import { CommandError, note } from '../command.ts'
import { isTerminal, write } from '../output.ts'
import { cut } from '../table.ts'
import { inert, oneLine, showDollars } from '../terminal-text.ts'

export type ViewOptions = { isJson: boolean; isVerbose: boolean }

export class ChatView {
  readonly #options: ViewOptions
  /** The last character written to stdout. */
  #lastCharacter = ''
  /** The next text is separate from the previous one. */
  #isNewText = false
  #isThinking = false

  constructor(options: ViewOptions) {
    this.#options = options
  }

  /** Returns false once stdout is closed. Throws CommandError if the run failed. */
  async show(event: ChatEvent): Promise<boolean> {
    if (event.type !== 'thinking') this.#endThinking()
    switch (event.type) {
      case 'delta':
        return this.#text(event.text)
      case 'done':
        return this.#done(event)
      case 'error':
        throw new CommandError(oneLine(event.error))
      default:
        this.#isNewText = this.#lastCharacter !== ''
        if (this.#options.isVerbose) this.#showDetails(event)
        return true
    }
  }

  /** Must always be called: completes a partial line. */
  async end(): Promise<void> {
    this.#endThinking()
    if (this.#lastCharacter !== '' && this.#lastCharacter !== '\n') await write('\n')
    this.#lastCharacter = ''
  }

  async #text(text: string): Promise<boolean> {
    if (this.#options.isJson || text === '') return true
    const gap = this.#isNewText ? (this.#lastCharacter === '\n' ? '\n' : '\n\n') : ''
    this.#isNewText = false
    this.#lastCharacter = text.at(-1) ?? ''
    return write(gap + (isTerminal() ? inert(text) : text))
  }

  async #done({ type, ...reply }: { type: 'done' } & ChatReply): Promise<boolean> {
    if (this.#options.isJson) return write(`${JSON.stringify(reply, null, 2)}\n`)
    // The result may not have been streamed.
    const isRead = this.#lastCharacter !== '' || (await this.#text(reply.result))
    await this.end()
    this.#showSummary(reply)
    return isRead
  }

  #showSummary({ permission_denials: denials, session_id, cost_usd, duration_ms }: ChatReply): void {
    const denied = [...new Set(denials.map(({ tool_name }) => oneLine(tool_name)))]
    if (denied.length > 0) note(`Claude was not allowed to use ${denied.join(', ')}`)
    if (process.stderr.isTTY !== true) return
    const cost = cost_usd === null ? [] : [showDollars(cost_usd)]
    this.#aside([`session ${session_id}`, ...cost, `${(duration_ms / 1000).toFixed(1)} s`].join(', '))
  }

  #showDetails(event: ChatEvent): void {
    switch (event.type) {
      case 'thinking':
        this.#isThinking = true
        return this.#aside(event.text, '')
      case 'tool_use':
        return this.#aside(shortLine(`> ${event.name} ${JSON.stringify(event.input)}`))
      case 'tool_result':
        return this.#aside(shortLine(`${event.is_error ? '! ' : '< '}${event.text}`))
      case 'status':
        return this.#aside(statusLine(event))
      case 'mcp_servers':
        return this.#aside(event.servers.map(({ name, status }) => `MCP server ${name}: ${status}`).join('\n'))
    }
  }

  /** Writes to stderr, dimmed on a terminal. */
  #aside(text: string, end = '\n'): void {
    if (text === '') return
    process.stderr.write(styleText('dim', inert(text), { stream: process.stderr }) + end)
  }

  #endThinking(): void {
    if (this.#isThinking) process.stderr.write('\n')
    this.#isThinking = false
  }
}

function statusLine(event: Extract<ChatEvent, { type: 'status' }>): string {
  if (event.status === 'retrying') return `retrying the model request (attempt ${event.attempt})`
  return event.status === 'compacting' ? 'replacing the conversation by a summary' : ''
}

/** Tool inputs and results can be whole files. */
const shortLine = (text: string) => cut(oneLine(text.slice(0, 2000)), 200)
