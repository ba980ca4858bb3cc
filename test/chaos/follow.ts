// Follows a background run as a client that never gives up: it reconnects with the number of the last event, also to the next server.
import assert from 'node:assert/strict'
import type { ChatEvent } from '../../src/surfaces/native/reply-schemas.ts'
import { eventsAfter, type Numbered } from '../helpers/client.ts'

/** Servers that follow one another. */
export class Lives {
  #url: string | null = null
  #change = Promise.withResolvers<void>()

  set(url: string | null): void {
    this.#url = url
    this.#change.resolve()
    this.#change = Promise.withResolvers()
  }

  /** The address of the server that lives now, or of the next one. */
  async url(): Promise<string> {
    while (this.#url === null) await this.#change.promise
    return this.#url
  }

  /** Resolves once the server with this address is no longer the one that lives. */
  async end(url: string): Promise<void> {
    while (this.#url === url) await this.#change.promise
  }
}

/** Everything that one client is told about a run, until its end. */
export async function follow(lives: Lives, id: string): Promise<Numbered[]> {
  const seen: Numbered[] = []
  for (;;) {
    const url = await lives.url()
    try {
      for await (const each of eventsAfter(url, id, seen.at(-1)?.id ?? 0)) seen.push(each)
      const last = seen.at(-1)?.event.type
      assert.ok(last === 'done' || last === 'error', `the stream of ${id} ended after ${last}`)
    } catch (error) {
      if (error instanceof assert.AssertionError) throw error
    }
    const last = seen.at(-1)?.event.type
    if (last === 'done' || last === 'error') return seen
    await lives.end(url)
  }
}

/** What must hold for what a client was told, however often it had to reconnect. */
export function checkReceived(seen: readonly Numbered[], run: { result: string | null; status: string }): void {
  const numbers = seen.map(({ id }) => id)
  assert.ok(
    numbers.every((number, index) => index === 0 || number > (numbers[index - 1] ?? 0)),
    `told out of order or twice: ${numbers.join(' ')}`,
  )
  const types = seen.map(({ event }) => event.type)
  const count = (type: ChatEvent['type']) => types.filter((each) => each === type).length
  assert.ok(count('start') <= 1 + count('restart'), `${count('start')} starts, ${count('restart')} restarts`)
  assert.equal(count('done') + count('error'), 1, types.join(' '))
  if (run.status !== 'succeeded') return
  const latest = seen.slice(types.lastIndexOf('restart') + 1)
  assert.equal(latest.map(({ event }) => (event.type === 'delta' ? event.text : '')).join(''), run.result)
}
