// A browser extension that its user allowed to reach this machine. Browsers let it read what no page may, so only the server's own
// access checks can keep it out.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestContext } from 'node:test'
import { loadExtension } from '../helpers/browser.ts'
import { test } from '../helpers/extended.ts'
import { assertRefused, newMark, type Scene, startTarget } from './browser-scene.ts'

const json = `'{"prompt":"hi"}'`

/** Everything it tries, all at once. */
const tries: [name: string, method: string, path: string, fields: string][] = [
  ['B06 fetch', 'GET', '/v1/health', '{}'],
  ['B06 fetch, HEAD', 'HEAD', '/v1/health', `{ method: 'HEAD' }`],
  ['B06 fetch, no-cors', 'GET', '/v1/health', `{ mode: 'no-cors' }`],
  [
    'B06 fetch, JSON',
    'POST',
    '/v1/chat',
    `{ method: 'POST', headers: { 'content-type': 'application/json' }, body: ${json} }`,
  ],
  ['B16 fetch, text', 'POST', '/v1/chat', `{ method: 'POST', body: ${json} }`],
  ['B24 fetch, DELETE', 'DELETE', '/v1/runs/run_1', `{ method: 'DELETE' }`],
]

/** The folder of an extension that sends its requests as soon as it is loaded. */
function writeExtension(t: TestContext, calls: string[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'claude-serve-extension-'))
  t.after(() => rmSync(folder, { recursive: true }))
  const manifest = {
    manifest_version: 3,
    name: 'curious',
    version: '1',
    host_permissions: ['http://127.0.0.1/*'],
    background: { service_worker: 'background.js' },
  }
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify(manifest))
  writeFileSync(join(folder, 'background.js'), calls.join('\n'))
  return folder
}

export function extension({ browser }: Scene): void {
  test('B06 a browser extension starts no run and reads nothing', { timeout: 60_000 }, async (t) => {
    const { port, watch, agent } = await startTarget(t)
    const marked = tries.map((each) => [newMark(), ...each] as const)
    const calls = marked.map(
      ([mark, , , path, fields]) => `fetch('http://127.0.0.1:${port}${path}${mark}', ${fields}).catch(() => {})`,
    )
    await loadExtension(browser, writeExtension(t, calls))
    for (const [mark, name, method] of marked) {
      await t.test(`${name}, from a browser extension`, async () => {
        const arrival = await watch.first(mark)
        assert.equal(arrival.method, method)
        assertRefused(arrival)
      })
    }
    assert.equal(agent.requests.length, 0)
  })
}
