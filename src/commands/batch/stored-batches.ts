// The batches that the server works through by itself: how a list of lines becomes one, and how its answers come back. Waits while the
// server is busy or away. Not for what becomes of an answer (see server-side.ts).
import { isObject, parseJson } from '../../platform/json.ts'
import { CommandError } from '../command.ts'
import { linesOf, textOf } from './lines.ts'
import type { Pace } from './pace.ts'
import { type BatchServer, retryAfterOf, Unreachable } from './server.ts'

/** As the server describes it; of its fields, those that are used here. */
export type StoredBatch = {
  id: string
  status: 'failed' | 'in_progress' | 'completed' | 'expired' | 'cancelling' | 'cancelled'
  errors: { data: { line: number | null; message: string }[] } | null
  output_file_id: string | null
  error_file_id: string | null
  request_counts: { total: number; completed: number; failed: number }
  metadata: Record<string, string> | null
}

/** A line of its results. `response` is null if the request was not sent to the model. */
export type StoredResult = {
  custom_id: string
  response: { status_code: number; request_id: string; body: unknown } | null
}

/** An upload whose batch was never created is deleted after a day. */
const uploadLifeS = 86_400

/** The largest page. */
const pageSize = 100

type RequestOptions = Parameters<BatchServer['fetch']>[2]

export class StoredBatches {
  readonly #server: Pick<BatchServer, 'fetch'>
  readonly #pace: Pace

  constructor(server: Pick<BatchServer, 'fetch'>, pace: Pace) {
    this.#server = server
    this.#pace = pace
  }

  /** Those with these metadata, oldest first. Throws CommandError and Stopped. */
  async find(metadata: Readonly<Record<string, string>>): Promise<StoredBatch[]> {
    const found: StoredBatch[] = []
    for (let after: string | null = ''; after !== null; ) {
      const from: string = after === '' ? '' : `&after=${after}`
      const page = (await this.#json('GET', `/v1/batches?limit=${pageSize}${from}`)) as {
        data: StoredBatch[]
        last_id: string | null
        has_more: boolean
      }
      found.push(...page.data)
      after = page.has_more ? page.last_id : null
    }
    const isWanted = (batch: StoredBatch) =>
      Object.entries(metadata).every(([name, value]) => batch.metadata?.[name] === value)
    return found.filter(isWanted).reverse()
  }

  /** The metadata must be those of no other batch: by them it is found if the server's answer is lost. Throws CommandError and Stopped. */
  async create(requests: Blob, metadata: Readonly<Record<string, string>>): Promise<StoredBatch> {
    const form = new FormData()
    form.append('purpose', 'batch')
    form.append('expires_after[anchor]', 'created_at')
    form.append('expires_after[seconds]', String(uploadLifeS))
    form.append('file', requests, 'requests.jsonl')
    const { id: fileId } = (await this.#json('POST', '/v1/files', { form })) as { id: string }
    const body = { input_file_id: fileId, endpoint: '/v1/chat', completion_window: '24h', metadata }
    for (;;) {
      const response = await this.#attempt('POST', '/v1/batches', { body })
      const batch = response === null ? (await this.find(metadata))[0] : ((await read(response)) as StoredBatch)
      if (batch === undefined) continue
      await this.#delete(fileId)
      return batch
    }
  }

  /** Throws CommandError and Stopped. */
  async get(id: string): Promise<StoredBatch> {
    return (await this.#json('GET', `/v1/batches/${id}`)) as StoredBatch
  }

  /** Whether its results are still there: an earlier invocation has deleted those that it collected. Throws CommandError and Stopped. */
  async hasResults({ output_file_id: output, error_file_id: errors }: StoredBatch): Promise<boolean> {
    // The last to be deleted.
    const id = errors ?? output
    if (id === null) return false
    const response = await this.#request('GET', `/v1/files/${id}`)
    if (response.status !== 404) await read(response)
    return response.ok
  }

  /** What there is of its results. Throws CommandError and Stopped. */
  async *results({ output_file_id: output, error_file_id: errors }: StoredBatch): AsyncGenerator<StoredResult> {
    for (const id of [output, errors]) if (id !== null) yield* this.#lines(id)
  }

  /** Deletes its results. Throws CommandError and Stopped. */
  async deleteResults({ output_file_id: output, error_file_id: errors }: StoredBatch): Promise<void> {
    for (const id of [output, errors]) if (id !== null) await this.#delete(id)
  }

  /** From the beginning if the connection breaks: who reads them knows those that it has. */
  async *#lines(id: string): AsyncGenerator<StoredResult> {
    for (;;) {
      const response = await this.#request('GET', `/v1/files/${id}/content`)
      // They were deleted while this was waiting.
      if (response.status === 404) return void (await response.body?.cancel())
      if (!response.ok || response.body === null) await read(response)
      try {
        for await (const { bytes } of linesOf(response.body as AsyncIterable<Uint8Array>)) {
          const line = bytes === null ? null : parseJson(textOf(bytes))
          if (isObject(line)) yield line as StoredResult
        }
        return
      } catch (error) {
        if (!isBroken(error)) throw error
        this.#pace.noteUnreachable()
      }
    }
  }

  async #delete(fileId: string): Promise<void> {
    const response = await this.#request('DELETE', `/v1/files/${fileId}`)
    await response.body?.cancel()
  }

  async #json(method: string, path: string, options?: RequestOptions): Promise<unknown> {
    return read(await this.#request(method, path, options))
  }

  async #request(method: string, path: string, options?: RequestOptions): Promise<Response> {
    for (;;) {
      const response = await this.#attempt(method, path, options)
      if (response !== null) return response
    }
  }

  /** Null if the server could not be reached, or requires waiting. */
  async #attempt(method: string, path: string, options?: RequestOptions): Promise<Response | null> {
    await this.#pace.ready()
    try {
      const response = await this.#server.fetch(method, path, options)
      const waitS = response.ok ? null : retryAfterOf(response)
      if (waitS === null) {
        this.#pace.noteAnswer()
        return response
      }
      this.#pace.pause(waitS, messageOf(await response.json()) ?? 'the server is busy')
    } catch (error) {
      if (!(error instanceof Unreachable)) throw error
      this.#pace.noteUnreachable()
    }
    return null
  }
}

/** A broken connection, as `fetch` reports it while a body is read. */
const isBroken = (error: unknown): boolean => error instanceof TypeError

/** Throws CommandError if the request failed. */
async function read(response: Response): Promise<unknown> {
  const body: unknown = await response.json().catch(() => null)
  if (response.ok && isObject(body)) return body
  throw new CommandError(messageOf(body) ?? `the server returned status ${response.status}`)
}

function messageOf(body: unknown): string | null {
  const error = isObject(body) ? body.error : null
  const message = isObject(error) ? error.message : error
  return typeof message === 'string' ? message : null
}
