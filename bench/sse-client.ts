// The HTTP side of the bench: one keep-alive agent per server, streams of server-sent events with the arrival times of their frames, the
// answers of the native route, and the health page between requests.

import http from 'node:http'
import { type JsonRecord, parseRecord, recordAt, stringAt } from './json.ts'

const ANSWER_WITHIN_MS = 120_000

export interface Answer {
  firstTextMs: number
  /** Until the end of the answer was read. */
  endMs: number
  sessionId: string
}

/** Builds an answer from the frames of a stream. */
export interface FrameReader<T> {
  /** Null until the answer is complete; `problem` then says how far it came. */
  readonly answer: T | null
  readonly problem: string
  /** `ms`: since the request was sent. */
  read(data: string, ms: number): void
}

export class SseClient {
  readonly #agent = new http.Agent({ keepAlive: true })
  readonly #url: string

  constructor(url: string) {
    this.#url = url
  }

  /** Sends one prompt over the native route. */
  chat(body: JsonRecord, headers: Record<string, string> = {}): Promise<Answer> {
    return this.post('/v1/chat/stream', body, new ChatReader(), headers)
  }

  /** Resolves at the end of the stream, rejects with the body of whatever went wrong. */
  post<T>(path: string, body: JsonRecord, reader: FrameReader<T>, headers: Record<string, string> = {}): Promise<T> {
    const payload = JSON.stringify(body)
    return new Promise((resolve, reject) => {
      const began = performance.now()
      const request = http.request(`${this.#url}${path}`, {
        agent: this.#agent,
        method: 'POST',
        headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(payload), ...headers },
        timeout: ANSWER_WITHIN_MS,
      })
      request.once('timeout', () => request.destroy(new Error(`no answer within ${ANSWER_WITHIN_MS} ms`)))
      request.once('error', reject)
      request.once('response', (response) => readAnswer(response, began, reader).then(resolve, reject))
      request.end(payload)
    })
  }

  /** The health page; null if it is not (yet) answered with 200. */
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

function readAnswer<T>(response: http.IncomingMessage, began: number, reader: FrameReader<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    let rest = ''
    response.setEncoding('utf8')
    response.on('data', (chunk: string) => {
      const ms = performance.now() - began
      rest += chunk
      if (response.statusCode !== 200) return
      const frames = rest.split('\n\n')
      rest = frames.pop() ?? ''
      for (const data of frames.flatMap(dataOf)) reader.read(data, ms)
    })
    response.once('error', reject)
    response.once('end', () => {
      if (response.statusCode !== 200) reject(new Error(`HTTP ${response.statusCode}: ${rest}`))
      else if (reader.answer) resolve(reader.answer)
      else reject(new Error(`the stream ended without an answer: ${reader.problem}`))
    })
  })
}

function dataOf(frame: string): string[] {
  const line = frame.split('\n').find((each) => each.startsWith('data: '))
  return line === undefined ? [] : [line.slice('data: '.length)]
}

/** Extracts what the bench needs from an answer of the native route. */
class ChatReader implements FrameReader<Answer> {
  answer: Answer | null = null
  problem = 'nothing was sent'
  #firstTextMs = Number.NaN

  read(data: string, ms: number): void {
    const event = parseRecord(data)
    if (!event) return
    switch (event.type) {
      case 'delta':
        if (Number.isNaN(this.#firstTextMs) && stringAt(event, 'text') !== '') this.#firstTextMs = ms
        return
      case 'done':
        this.problem = `no text came before ${data}`
        if (!Number.isNaN(this.#firstTextMs)) {
          this.answer = { firstTextMs: this.#firstTextMs, endMs: ms, sessionId: stringAt(event, 'session_id') }
        }
        return
      case 'error':
        this.problem = data
        return
      default:
        this.problem = `it broke off after ${data}`
    }
  }
}

/** What a server reports about its processes, with zeros for missing counts. */
export function processCounts(
  health: JsonRecord,
): Record<'live' | 'spare' | 'idle' | 'busy' | 'starting' | 'max', number> {
  const counts = recordAt(health, 'processes')
  const count = (key: string) => (typeof counts[key] === 'number' ? counts[key] : 0)
  return {
    live: count('live'),
    spare: count('spare'),
    idle: count('idle'),
    busy: count('busy'),
    starting: count('starting'),
    max: count('max'),
  }
}
