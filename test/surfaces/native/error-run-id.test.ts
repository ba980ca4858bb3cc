// An error of a request that has started a run names that run, even if the run never got as far as a process; and a stored run says why it
// did not succeed, in `error.message`.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { startTestServer } from '../../helpers/test-server.ts'

test('a run that is over before it has started is named in the error, and can be read', {
  timeout: 60_000,
}, async (t) => {
  const { url } = await startTestServer(t, { fake: 'silent-at-start' })
  for (const path of ['/v1/chat', '/v1/chat/stream']) {
    const headers = { 'content-type': 'application/json' }
    const body = JSON.stringify({ prompt: 'x', timeout_s: 0.2 })
    const answer = await fetch(`${url}${path}`, { method: 'POST', headers, body })
    const error = (await answer.json()) as { code: string; run_id: string; details: { run_id: string } }
    assert.deepEqual([answer.status, error.code], [504, 'timeout'], path)
    assert.match(error.run_id, /^run_/)
    assert.equal(error.details.run_id, error.run_id)
    assert.equal(answer.headers.get('x-run-id'), error.run_id)
    // Whether a refused run is stored is not the promise here.
    const stored = await fetch(`${url}/v1/runs/${error.run_id}`)
    if (stored.status === 404) continue
    const run = (await stored.json()) as { error: { message: string; error: string } }
    assert.equal(run.error.message, 'Request timed out')
    assert.equal(run.error.error, run.error.message)
  }
})
