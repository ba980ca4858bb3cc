// The HTTP side of the bench: one keep-alive agent per server, the time to the first frame that carries text, and the
// health page between requests.

import http from 'node:http'
import { type JsonRecord, parseRecord, recordAt, stringAt } from './json.ts'

const ANSWER_WITHIN_MS = 120_000

export interface Answer {
  firstTextMs: number
  sessionId: string
}

export class SseClient {
  readonly #agent = new http.Agent({ keepAlive: true })
  readonly #url: string

  constructor(url: string) {
    this.#url = url
  }

  /** Sends one prompt; resolves at the end of the stream, rejects with the body of whatever went wrong. */
  chat(body: JsonRecord): Promise<Answer> {
    const payload = JSON.stringify(body)
    return new Promise((resolve, reject) => {
      const began = performance.now()
      const request = http.request(`${this.#url}/v1/chat/stream`, {
        agent: this.#agent,
        method: 'POST',
        headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload) },
        timeout: ANSWER_WITHIN_MS,
      })
      request.once('timeout', () => request.destroy(new Error(`no answer within ${ANSWER_WITHIN_MS} ms`)))
      request.once('error', reject)
      request.once('response', (response) => {
        const stream = new AnswerStream(began)
        let whole = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => {
          const at = performance.now()
          if (response.statusCode === 200) stream.push(chunk, at)
          else whole += chunk
        })
        response.once('error', reject)
        response.once('end', () => {
          if (response.statusCode !== 200) reject(new Error(`HTTP ${response.statusCode}: ${whole}`))
          else if (stream.answer) resolve(stream.answer)
          else reject(new Error(`the stream ended without an answer: ${stream.problem}`))
        })
      })
      request.end(payload)
    })
  }

  /** The health page; null when it is not (yet) answered with 200. */
  health(): Promise<JsonRecord | null> {
    return new Promise((resolve) => {
      const request = http.get(`${this.#url}/v1/health`, { agent: this.#agent }, (response) => {
        let body = ''
        response.setEncoding('utf8')
        response.on('data', (chunk: string) => {
          body += chunk
        })
        response.once('end', () => resolve(response.statusCode === 200 ? parseRecord(body) : null))
        response.once('error', () => resolve(null))
      })
      request.once('error', () => resolve(null))
    })
  }

  close(): void {
    this.#agent.destroy()
  }
}

/** Puts chunks together to frames and keeps what the bench needs of them. */
class AnswerStream {
  answer: Answer | null = null
  problem = 'nothing was sent'
  readonly #began: number
  #rest = ''
  #firstTextMs = Number.NaN

  constructor(began: number) {
    this.#began = began
  }

  push(chunk: string, at: number): void {
    const frames = (this.#rest + chunk).split('\n\n')
    this.#rest = frames.pop() ?? ''
    for (const frame of frames) this.#read(frame, at)
  }

  #read(frame: string, at: number): void {
    const data = frame.split('\n').find((line) => line.startsWith('data: '))
    const event = data === undefined ? null : parseRecord(data.slice('data: '.length))
    if (!event) return
    switch (event.type) {
      case 'delta':
        if (Number.isNaN(this.#firstTextMs) && stringAt(event, 'text') !== '') this.#firstTextMs = at - this.#began
        return
      case 'done':
        this.problem = `no text came before ${data}`
        if (!Number.isNaN(this.#firstTextMs)) {
          this.answer = { firstTextMs: this.#firstTextMs, sessionId: stringAt(event, 'session_id') }
        }
        return
      case 'error':
        this.problem = data ?? ''
        return
      default:
        this.problem = `it broke off after ${data}`
    }
  }
}

/** What a server says about its processes, with zeros where it says nothing. */
export function processCounts(health: JsonRecord): { spare: number; busy: number; starting: number } {
  const counts = recordAt(health, 'processes')
  const count = (key: string) => (typeof counts[key] === 'number' ? counts[key] : 0)
  return { spare: count('spare'), busy: count('busy'), starting: count('starting') }
}
