// The limits of a plan, as the API's headers tell them to a CLI that is logged in with one.
import assert from 'node:assert/strict'
import { after, type TestContext, test } from 'node:test'
import { setTimeout as delay } from 'node:timers/promises'
import Anthropic from '@anthropic-ai/sdk'
import { post } from '../helpers/client.ts'
import { startTestServer } from '../helpers/test-server.ts'

// Not a login: the scripted model asks for none.
const environment = { ANTHROPIC_API_KEY: '', CLAUDE_CODE_OAUTH_TOKEN: 'sk-ant-oat01-test-000' }
const server = await startTestServer({ after: after as TestContext['after'] }, { environment })
const { upstream } = server
const nowS = () => Math.round(Date.now() / 1000)
const resetS = nowS() + 10_800

function headers(status: string, utilization: string, resetS: number) {
  const prefix = 'anthropic-ratelimit-unified'
  return {
    [`${prefix}-status`]: status,
    [`${prefix}-reset`]: String(resetS),
    [`${prefix}-representative-claim`]: 'five_hour',
    [`${prefix}-5h-status`]: status,
    [`${prefix}-5h-reset`]: String(resetS),
    [`${prefix}-5h-utilization`]: utilization,
    [`${prefix}-7d-status`]: 'allowed',
    [`${prefix}-7d-reset`]: String(resetS + 86_400),
    [`${prefix}-7d-utilization`]: '0.4',
    [`${prefix}-overage-status`]: 'rejected',
    [`${prefix}-overage-disabled-reason`]: 'org_level_disabled',
  }
}

const ask = () => post(server, '/v1/chat/completions', { model: 'sonnet', messages: [{ role: 'user', content: 'x' }] })
const get = async (path: string) => (await fetch(`${server.url}${path}`)).json() as Promise<Record<string, unknown>>

test('a plan is reported, and while it is used up each request gets the time that is left, without a request to the model', async () => {
  assert.deepEqual(await get('/v1/quota'), { windows: [], overage: null, as_of: null })
  upstream.setDefaults({ text: 'Fine.', headers: headers('allowed', '0.91', resetS) })
  assert.equal((await ask()).status, 200)
  const quota = await get('/v1/quota')
  assert.deepEqual(quota.windows, [
    { name: 'five_hour', utilization: 0.91, status: 'allowed', resets_at: new Date(resetS * 1000).toISOString() },
    {
      name: 'seven_day',
      utilization: 0.4,
      status: 'allowed',
      resets_at: new Date((resetS + 86_400) * 1000).toISOString(),
    },
  ])
  assert.deepEqual((await get('/v1/health')).quota, quota)
  const metrics = await (await fetch(`${server.url}/metrics`)).text()
  assert.match(metrics, /claude_serve_quota_utilization\{window="five_hour"\} 0\.91/)

  upstream.setDefaults({
    status: 429,
    headers: headers('rejected', '1', resetS),
    message: 'This request would exceed your rate limit.',
  })
  const answers = [await ask(), await ask(), await ask(), await post(server, '/v1/chat', { prompt: 'x' })]
  for (const { status, headers } of answers) {
    const left = Number(headers.get('retry-after'))
    assert.equal(status, 429)
    assert.ok(left > 10_500 && left <= 10_800, `retry-after ${left}`)
    assert.equal(headers.get('x-should-retry') ?? 'false', 'false')
  }
  assert.equal(upstream.requests.filter(({ status }) => status === 429).length, 1)
  assert.equal(answers.at(-1)?.body.code, 'quota_exhausted')
})

test('a batch waits until the plan is renewed', { timeout: 60_000 }, async (t) => {
  const { url, upstream, logLines } = await startTestServer(t, { environment, config: { batchConcurrency: 1 } })
  upstream.setDefaults({ text: 'Fine.' })
  const message = 'This request would exceed your rate limit.'
  upstream.enqueue({ text: 'First.' }, { status: 429, headers: headers('rejected', '1', nowS() + 3), message })
  const { batches } = new Anthropic({ baseURL: url, apiKey: 'x' }).messages
  const params = { model: 'haiku', max_tokens: 100, messages: [{ role: 'user' as const, content: 'x' }] }
  const custom_ids = ['a', 'b', 'c']
  const { id } = await batches.create({ requests: custom_ids.map((custom_id) => ({ custom_id, params })) })
  let batch = await batches.retrieve(id)
  for (; batch.processing_status !== 'ended'; batch = await batches.retrieve(id)) await delay(50)
  assert.deepEqual(batch.request_counts, { processing: 0, succeeded: 3, errored: 0, canceled: 0, expired: 0 })
  const waits = logLines.filter(({ msg }) => msg === 'a batch waits')
  assert.deepEqual(
    waits.map(({ custom_id }) => custom_id),
    ['b'],
  )
  assert.equal(upstream.requests.length, 4, 'nothing was sent to the model while the plan was used up')
})
