// The commands `usage` and `quota`: sums of a real server's runs, and the plan's windows, as tables and as JSON.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { chat } from '../helpers/client.ts'
import { makeFolders, startTestServer, step } from '../helpers/test-server.ts'
import { assertFailure, assertWrongUsage, run } from './command-process.ts'

test('what runs have used is summed up by day, model or session', async (t) => {
  const server = await startTestServer(t)
  const { folders } = server
  const none = await run(folders, ['usage', '--from', '2026-01-01', '--to', '2026-01-02'])
  assert.deepEqual([none.code, none.stdout], [0, ''])
  assert.match(none.stderr, /no run ended from 2026-01-01T00:00:00.000Z to 2026-01-02T/)
  const usage = { input_tokens: 1234, output_tokens: 7, cache_creation_input_tokens: 0, cache_read_input_tokens: 5000 }
  const { session_id } = await chat(server, { prompt: step({ text: 'a', usage }) })
  const { code, stdout, stderr } = await run(folders, ['usage', '--by', 'session'])
  assert.deepEqual([code, stderr], [0, ''])
  const [titles, row, total, ...rest] = stdout.split('\n')
  assert.match(titles ?? '', /^session +runs +input +cache read +cache write +output +cost$/)
  assert.match(row ?? '', new RegExp(`^${session_id} +1 +1,234 +5,000 +0 +7 +\\$\\d+\\.\\d+$`))
  assert.match(total ?? '', /^total +1 +1,234 /)
  assert.deepEqual(rest, [''])
  const json = JSON.parse((await run(folders, ['usage', '--json'])).stdout)
  assert.deepEqual([json.group_by, json.total.runs, json.total.input_tokens], ['day', 1, 1234])
})

test('wrong usage is exit 2, and what the server refuses is exit 1', async (t) => {
  const server = await startTestServer(t)
  const { folders } = server
  assertWrongUsage(
    await run(folders, ['usage', '--from', 'yesterday']),
    'usage',
    /--from: "yesterday" is not accepted; give a day/,
  )
  assertWrongUsage(
    await run(folders, ['usage', '--by', 'week']),
    'usage',
    /'week' is invalid.*day, model, session, key/,
  )
  assertFailure(await run(folders, ['usage', '--from', '2026-02-31']), /from must be/)
  assertFailure(await run(makeFolders(t), ['quota']), /no server is running/)
})

test('without reported limits, quota says when there will be some', async (t) => {
  const server = await startTestServer(t)
  const { code, stdout, stderr } = await run(server.folders, ['quota'])
  assert.deepEqual([code, stdout], [0, ''])
  assert.match(stderr, /Claude Code has reported no limits yet/)
  const json = JSON.parse((await run(server.folders, ['quota', '--json'])).stdout)
  assert.deepEqual(json, { windows: [], overage: null, as_of: null })
})

async function serveQuota(t: TestContext, quota: unknown): Promise<string> {
  const server = createServer((_request, response) => void response.end(JSON.stringify(quota)))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('the windows of the plan are a table', async (t) => {
  const resets_at = new Date(Date.now() + 2.5 * 3_600_000).toISOString()
  const url = await serveQuota(t, {
    windows: [
      { name: 'five_hour', utilization: 0.42, status: 'allowed', resets_at },
      { name: 'seven_day', utilization: null, status: 'allowed', resets_at: null },
    ],
    overage: { status: 'rejected', in_use: false, reason: null, resets_at: null },
    as_of: new Date(Date.now() - 120_500).toISOString(),
  })
  const { code, stdout, stderr } = await run(makeFolders(t), ['quota', '--url', url])
  assert.equal(code, 0)
  const rows = stdout
    .trimEnd()
    .split('\n')
    .map((line) => line.split(/ {2,}/))
  assert.deepEqual(rows, [
    ['window', 'used', 'status', 'resets'],
    ['five_hour', '42 %', 'allowed', `in 2 h (${resets_at})`],
    ['seven_day', '-', 'allowed', '-'],
    ['beyond the plan', '-', 'rejected', '-'],
  ])
  assert.equal(stderr, 'claude-serve: as of 2 min ago\n')
  const foreign = await serveQuota(t, {})
  assertFailure(await run(makeFolders(t), ['quota', '--url', foreign]), /is not claude-serve/)
})
