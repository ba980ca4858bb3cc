// Whole requests with the real CLI: fuzzed tools, schemas, orders of messages and kinds of content, on every surface, streamed and not.
// Each is answered, or refused in the form of its API; none is a failure of the server's own. The scripted model does what the request
// wants, or something else. fuzz-conversations.test.ts sends the same requests each time, fuzz-conversations.extended.ts sends others.
import assert from 'node:assert/strict'
import { after, type TestContext, test } from 'node:test'
import fc from 'fast-check'
import { startTestServer } from '../helpers/test-server.ts'
import { sendFuzzed } from './fuzz-answers.ts'
import { type FuzzRequest, requests, type SurfaceName, surfaceNames } from './fuzz-requests.ts'

/** `act` for each of them, `openMax` at a time. */
async function forEach<T>(list: readonly T[], openMax: number, act: (each: T) => Promise<void>): Promise<void> {
  const rest = list.values()
  const work = async () => {
    for (const each of rest) await act(each)
  }
  await Promise.all(Array.from({ length: openMax }, work))
}

/**
 * `seed` selects the requests, `numRuns` says how many there are for each surface, `openMax` how many are open together. With
 * `isQuick`, those that need the start of a process are left out.
 */
export type Selection = {
  seed: number
  numRuns: number
  openMax: number
  isQuick?: boolean
  surfaces?: readonly SurfaceName[]
}

export async function testConversations({
  seed,
  numRuns,
  openMax,
  isQuick = false,
  surfaces = surfaceNames,
}: Selection): Promise<void> {
  const server = await startTestServer(
    { after: after as TestContext['after'] },
    // More processes than open requests, or kinds of requests would take them from each other. A request that hangs is ended by the time
    // limit, with a status that fails the test.
    { config: { maxProcesses: 2 * openMax + 4, queueLimit: 1000, requestTimeoutMs: 120_000 } },
  )

  /** The reasons of a failure, with the smallest request that fails. */
  async function minimize(surface: SurfaceName, seed: number, index: number): Promise<void> {
    const send = async (request: FuzzRequest) => void (await sendFuzzed(server.url, surface, request))
    await fc.assert(fc.asyncProperty(requests[surface], send), { seed, path: String(index) })
  }

  for (const surface of surfaces) {
    // Other conversations on each surface.
    const seedHere = seed + surfaceNames.indexOf(surface)
    const all = fc.sample(requests[surface], { seed: seedHere, numRuns }).map((request, index) => ({ request, index }))
    const sent = all.filter(({ request }) => !(isQuick && request.isCostly))

    test(`${sent.length} odd requests of ${surface} are answered or refused (FUZZ_SEED=${seed})`, async (t) => {
      const counts = new Map<number, number>()
      const failed: number[] = []
      const reasons: string[] = []
      await forEach(sent, openMax, async ({ request, index }) => {
        try {
          const statuses = await sendFuzzed(server.url, surface, request)
          for (const status of statuses) counts.set(status, (counts.get(status) ?? 0) + 1)
        } catch (error) {
          failed.push(index)
          reasons.push(String(error).slice(0, 1000))
        }
      })
      t.diagnostic(`statuses ${JSON.stringify([...counts])}, failed ${JSON.stringify(failed)}`)
      if (failed[0] !== undefined) await minimize(surface, seedHere, failed[0])
      assert.deepEqual(failed, [], `failed among others, but not alone: ${reasons.join('\n')}`)
      assert.ok((counts.get(200) ?? 0) > sent.length / 4, `too few are answered: ${JSON.stringify([...counts])}`)
      assert.deepEqual(
        server.logLines.filter(({ level, msg }) => Number(level) >= 50 || msg === 'unexpected error'),
        [],
      )
      assert.equal((await fetch(`${server.url}/livez`)).status, 200)
      server.logLines.length = 0
    })
  }
}
