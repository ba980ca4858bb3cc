// The README's curl lines, word for word but for the port, against the demo: what a newcomer types must work.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { after, test } from 'node:test'
import { promisify } from 'node:util'
import { startTestServer } from './helpers/test-server.ts'

const cleanUp: (() => unknown)[] = []
const server = await startTestServer(
  { after: (step?: unknown) => cleanUp.push(step as () => unknown) },
  { config: { demo: true } },
)
after(async () => {
  for (const step of cleanUp) await step()
})

const readme = readFileSync(new URL('../README.md', import.meta.url), 'utf8')
const commands = [...readme.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(
  ([, block]) => block?.match(/^curl[\s\S]*$/) ?? [],
)

test('the README shows three curl lines', () => assert.equal(commands.length, 3))

for (const command of commands) {
  test(`${command.split('\n')[0]} …`, async () => {
    const line = command.replace('http://127.0.0.1:5005', server.url)
    const { stdout } = await promisify(execFile)('bash', ['-c', line], {
      env: { PATH: '/usr/local/bin:/usr/bin:/bin' },
    })
    assert.match(stdout, /"status":"ok"|"result":"[^"]+"/)
    assert.doesNotMatch(stdout, /"code"/)
  })
}
