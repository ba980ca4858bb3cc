// The limit: one Claude Code process that is kept alive and used directly over its pipes. Only another program could be faster.

import { type ChildProcessByStdio, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import type { Readable, Writable } from 'node:stream'
import { stopChild } from './child-process.ts'
import { atEnd } from './cleanup.ts'
import { type JsonRecord, parseRecord, recordAt, stringAt } from './json.ts'

const ANSWER_WITHIN_MS = 120_000

export interface BareOptions {
  claude: string
  env: Record<string, string>
  cwd: string
  /** Without built-in tools; otherwise Claude Code's own set. */
  noTools: boolean
}

type Listener = (message: JsonRecord, receivedMs: number) => void

export class BareCli {
  readonly #child: ChildProcessByStdio<Writable, Readable, Readable>
  #listener: Listener = () => {}
  #failed: (error: Error) => void = () => {}
  #rest = ''
  #stderr = ''
  #lastUuid = ''

  constructor(options: BareOptions) {
    const args = ['-p', '--input-format=stream-json', '--output-format=stream-json', '--verbose']
    args.push('--include-partial-messages')
    if (options.noTools) args.push('--tools=')
    this.#child = spawn(options.claude, args, { cwd: options.cwd, env: options.env, stdio: ['pipe', 'pipe', 'pipe'] })
    atEnd(() => this.stop())
    this.#child.stdin.on('error', () => {})
    this.#child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      this.#stderr = (this.#stderr + chunk).slice(-2_000)
    })
    this.#child.stdout.setEncoding('utf8').on('data', (chunk: string) => this.#read(chunk, performance.now()))
    this.#child.once('error', (error) => this.#failed(error))
    this.#child.once('exit', (code) => this.#failed(new Error(`the bare CLI ended (${code}): ${this.#stderr}`)))
  }

  get pid(): number {
    return this.#child.pid ?? -1
  }

  /** One turn; resolves at its result with the milliseconds from writing the line to the first text. */
  turn(prompt: string): Promise<number> {
    this.#lastUuid = randomUUID()
    const line = JSON.stringify({
      type: 'user',
      message: { role: 'user', content: prompt },
      uuid: this.#lastUuid,
      client_composed: true,
    })
    let firstText = Number.NaN
    return this.#exchange(line, (message, receivedMs, startedMs) => {
      if (message.type === 'stream_event' && Number.isNaN(firstText)) {
        const delta = recordAt(recordAt(message, 'event'), 'delta')
        if (delta.type === 'text_delta') firstText = receivedMs - startedMs
      }
      if (message.type !== 'result') return null
      if (message.is_error === true || Number.isNaN(firstText)) {
        throw new Error(`the bare CLI returned no text: ${JSON.stringify(message)}`)
      }
      return firstText
    })
  }

  /** Rewinds the last turn, so that the next one is unrelated to it. */
  rewind(): Promise<void> {
    const requestId = randomUUID()
    const line = JSON.stringify({
      type: 'control_request',
      request_id: requestId,
      request: {
        subtype: 'rewind_conversation',
        target_message_uuid: this.#lastUuid,
        last_seen_user_message_uuid: this.#lastUuid,
      },
    })
    return this.#exchange(line, (message) => {
      const response = recordAt(message, 'response')
      if (message.type !== 'control_response' || stringAt(response, 'request_id') !== requestId) return null
      if (recordAt(response, 'response').rewound !== true) {
        throw new Error(`the bare CLI did not rewind: ${JSON.stringify(message)}`)
      }
      return true
    }).then(() => undefined)
  }

  stop(): Promise<void> {
    this.#failed = () => {}
    return stopChild(this.#child)
  }

  /** Writes a line and passes every message to `look` until that returns something. */
  #exchange<T>(
    line: string,
    look: (message: JsonRecord, receivedMs: number, startedMs: number) => T | null,
  ): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const timer = setTimeout(() => this.#failed(new Error('the bare CLI went silent')), ANSWER_WITHIN_MS)
      const settle = (act: () => void) => {
        clearTimeout(timer)
        this.#listener = () => {}
        act()
      }
      this.#failed = (error) => settle(() => reject(error))
      const startedMs = performance.now()
      this.#listener = (message, receivedMs) => {
        try {
          const found = look(message, receivedMs, startedMs)
          if (found !== null) settle(() => resolve(found))
        } catch (error) {
          settle(() => reject(error))
        }
      }
      this.#child.stdin.write(`${line}\n`)
    })
  }

  #read(chunk: string, receivedMs: number): void {
    const lines = (this.#rest + chunk).split('\n')
    this.#rest = lines.pop() ?? ''
    for (const line of lines) {
      const message = parseRecord(line)
      if (message) this.#listener(message, receivedMs)
    }
  }
}
