// What `claude-serve chat` shows of a run, event by event: the answer on stdout, everything else on stderr.
import { styleText } from 'node:util'
import type { ChatEvent, ChatReply } from '../../surfaces/native/schemas.ts'
import { CommandError, note } from '../command.ts'
import { isTerminal, write } from '../output.ts'
import { cut, inert, oneLine, showDollars } from '../terminal-text.ts'

export type ViewOptions = { isJson: boolean; isVerbose: boolean }

export class ChatView {
  readonly #options: ViewOptions
  /** The end of what was written to stdout. */
  #last = ''
  /** The next text is another one than the last. */
  #isNew = false
  #isThinking = false

  constructor(options: ViewOptions) {
    this.#options = options
  }

  /** False once nobody reads the answer any more. Throws CommandError for a run that failed. */
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
        this.#isNew = this.#last !== ''
        if (this.#options.isVerbose) this.#tell(event)
        return true
    }
  }

  /** To be called in any case: a line that was begun is ended. */
  async end(): Promise<void> {
    this.#endThinking()
    if (this.#last !== '' && this.#last !== '\n') await write('\n')
    this.#last = ''
  }

  async #text(text: string): Promise<boolean> {
    if (this.#options.isJson || text === '') return true
    const gap = this.#isNew ? (this.#last === '\n' ? '\n' : '\n\n') : ''
    this.#isNew = false
    this.#last = text.at(-1) ?? ''
    return write(gap + (isTerminal() ? inert(text) : text))
  }

  async #done({ type, ...reply }: { type: 'done' } & ChatReply): Promise<boolean> {
    if (this.#options.isJson) return write(`${JSON.stringify(reply, null, 2)}\n`)
    // What was never said piece by piece.
    const goesOn = this.#last !== '' || (await this.#text(reply.result))
    await this.end()
    this.#tellEnd(reply)
    return goesOn
  }

  #tellEnd({ permission_denials: denials, session_id, cost_usd, duration_ms }: ChatReply): void {
    const denied = [...new Set(denials.map(({ tool_name }) => oneLine(tool_name)))]
    if (denied.length > 0) note(`Claude was not allowed to use ${denied.join(', ')}`)
    if (process.stderr.isTTY !== true) return
    const cost = cost_usd === null ? [] : [showDollars(cost_usd)]
    this.#aside([`session ${session_id}`, ...cost, `${(duration_ms / 1000).toFixed(1)} s`].join(', '))
  }

  #tell(event: ChatEvent): void {
    switch (event.type) {
      case 'thinking':
        this.#isThinking = true
        return this.#aside(event.text, '')
      case 'tool_use':
        return this.#aside(oneLineOf(`> ${event.name} ${JSON.stringify(event.input)}`))
      case 'tool_result':
        return this.#aside(oneLineOf(`${event.is_error ? '! ' : '< '}${event.text}`))
      case 'status':
        return this.#aside(event.status === 'retrying' ? `the model is asked again (attempt ${event.attempt})` : '')
    }
  }

  /** On stderr, less bright where that is a terminal. */
  #aside(text: string, end = '\n'): void {
    if (text === '') return
    process.stderr.write(styleText('dim', inert(text), { stream: process.stderr }) + end)
  }

  #endThinking(): void {
    if (this.#isThinking) process.stderr.write('\n')
    this.#isThinking = false
  }
}

/** What a tool was given or has said can be whole files. */
const oneLineOf = (text: string) => cut(oneLine(text.slice(0, 2000)), 200)
