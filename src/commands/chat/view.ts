// Shows the events of a run for `claude-serve chat`: the answer on stdout, everything else on stderr.
import { styleText } from 'node:util'
import type { ChatEvent, ChatReply } from '../../surfaces/native/reply-schemas.ts'
import { CommandError, note } from '../command.ts'
import { isTerminal, write } from '../output.ts'
import { cut } from '../table.ts'
import { inert, oneLine, showDollars } from '../terminal-text.ts'
import { MarkdownStream } from './markdown.ts'

export type ViewOptions = {
  isJson: boolean
  /** Shows thinking, tools and the like. */
  isVerbose: boolean
  /** One of several answers: tools are shown too, and the session is named elsewhere. */
  isConversation?: boolean
}

export class ChatView {
  readonly #options: ViewOptions
  /** The last character written to stdout. */
  #lastCharacter = ''
  /** The next text is separate from the previous one. */
  #isNewText = false
  #isThinking = false
  readonly #markdown = hasStyles() ? new MarkdownStream() : null

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
        await this.#flush()
        if (this.#options.isVerbose || this.#options.isConversation) await this.#showDetails(event)
        return true
    }
  }

  /** Must always be called: completes a partial line. */
  async end(): Promise<void> {
    this.#endThinking()
    await this.#flush()
    await this.#endLine()
    this.#lastCharacter = ''
  }

  /** Something else will be written to the terminal. */
  async pause(): Promise<void> {
    this.#endThinking()
    this.#isNewText = this.#lastCharacter !== ''
    await this.#flush()
    await this.#endLine()
  }

  /** Shows what the next piece of text might have given another meaning. */
  async #flush(): Promise<void> {
    await write(this.#markdown?.end() ?? '')
  }

  async #endLine(): Promise<void> {
    if (this.#lastCharacter !== '' && this.#lastCharacter !== '\n') await write('\n')
    if (this.#lastCharacter !== '') this.#lastCharacter = '\n'
  }

  async #text(text: string): Promise<boolean> {
    if (this.#options.isJson || text === '') return true
    const gap = this.#isNewText ? (this.#lastCharacter === '\n' ? '\n' : '\n\n') : ''
    this.#isNewText = false
    this.#lastCharacter = text.at(-1) ?? ''
    const safe = isTerminal() ? inert(text) : text
    return write(gap + (this.#markdown?.write(safe) ?? safe))
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
    const session = this.#options.isConversation ? [] : [`session ${session_id}`]
    const cost = cost_usd === null ? [] : [showDollars(cost_usd)]
    this.#aside([...session, ...cost, `${(duration_ms / 1000).toFixed(1)} s`].join(', '))
  }

  async #showDetails(event: ChatEvent): Promise<void> {
    if (event.type === 'thinking') {
      if (!this.#options.isVerbose) return
      this.#isThinking = true
      return this.#aside(event.text, '')
    }
    // The answer and these lines share a terminal.
    if (this.#options.isConversation) await this.#endLine()
    switch (event.type) {
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

/** Whether stdout is a terminal whose user wants styles. */
export const hasStyles = (): boolean => isTerminal() && styleText('bold', 'x', { stream: process.stdout }) !== 'x'
