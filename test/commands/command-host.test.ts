// The process that tests share for their commands gives what the executable gives: the same command lines run in both, with the same
// outcome. This is also where a process of its own is seen to set its exit code.
import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { logFileName } from '../../src/log/log-file.ts'
import { extendedTest, test } from '../helpers/extended.ts'
import { makeFolders, type TestFolders } from '../helpers/test-server.ts'
import { noTerminal, type RunOptions, run, runAsOnTerminal, runOnTerminal, runProcess } from './command-process.ts'

type Row = [code: number, words: string[], options?: RunOptions]

async function assertSame(folders: TestFolders, rows: readonly Row[]): Promise<void> {
  for (const [code, words, options] of rows) {
    const [shared, own] = await Promise.all([run(folders, words, options), runProcess(folders, words, options)])
    assert.deepEqual(shared, own, words.join(' '))
    assert.equal(own.code, code, own.stderr)
  }
}

test('a command has the same outcome in the shared process and in one of its own', async (t) => {
  const folders = makeFolders(t)
  const bodies: string[] = []
  const server = createServer(async (request, response) => {
    let text = ''
    for await (const chunk of request.setEncoding('utf8')) text += chunk
    bodies.push(text)
    response.writeHead(503).end('{"error":"not\\nnow"}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => server.close())
  const environment = {
    CLAUDE_SERVE_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    CLAUDE_SERVE_QUEUE_LIMIT: '9',
    TZ: 'Asia/Tokyo',
  }
  await assertSame(folders, [
    [0, ['serve', '--print-config', '--default-cwd', '.'], { environment }],
    [2, ['chat'], { input: ' ' }],
    [1, ['chat', 'a'], { environment, input: Buffer.from('日本') }],
  ])
  assert.equal(bodies.length, 2)
  assert.match(bodies[0] ?? '', /a\\n\\n日本/)
  assert.equal(bodies[0], bodies[1])
})

extendedTest('help, wrong options and another folder have the same outcome in both', async (t) => {
  const folders = makeFolders(t)
  writeFileSync(join(folders.cwd, 'config.json'), '{"prot": 1}')
  await assertSame(folders, [
    [0, ['--help']],
    [2, ['--prot', '1']],
    [1, ['--config', 'config.json']],
    [1, ['status', '--json', '--data-dir', 'elsewhere'], { cwd: folders.root }],
  ])
})

test('a command prints the same on streams that say that they are a terminal as on one', {
  skip: noTerminal,
}, async (t) => {
  const folders = makeFolders(t)
  mkdirSync(join(folders.dataDir, 'logs'), { recursive: true })
  writeFileSync(
    join(folders.dataDir, logFileName),
    `${JSON.stringify({ level: 'info', time: 1, msg: 'a\u001b[31m' })}\n`,
  )
  const shared = await runAsOnTerminal(folders, ['logs'])
  assert.deepEqual(shared, await runOnTerminal(folders, ['logs']))
  assert.ok(shared.stdout.includes('\u001b['))
})

test('a command leaves nothing behind for the next one', async (t) => {
  const folders = makeFolders(t)
  const words = ['serve', '--print-config', '--json']
  const first = await run(folders, words)
  const environment = { CLAUDE_SERVE_WARM: '3' }
  const other = await run(folders, words, { environment, platform: 'darwin', cwd: folders.root })
  assert.equal(JSON.parse(other.stdout).warm.value, 3)
  await runAsOnTerminal(folders, ['--prot'])
  assert.deepEqual(await run(folders, words), first)
})
