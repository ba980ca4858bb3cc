// What `batch run` rejects, with which messages, and that it leaves all files unchanged. And its help.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { makeFolders } from '../../helpers/test-server.ts'
import { batch, outputOf, startBatch, writeInput } from './process.ts'

const io = ['in.jsonl', '-o', 'out.jsonl']

/** A server without Claude: it reports that it is alive and accepts every run, but no run ends or can be cancelled. */
async function startStub(t: { after(step: () => unknown): void }) {
  const server = createServer((request, response) => {
    const { url = '' } = request
    if (url === '/livez') response.end('{"status":"ok"}')
    else if (url === '/v1/chat') response.writeHead(202).end('{"id":"run_1"}')
    else if (url.endsWith('/events')) response.writeHead(200).write(': still here\n\n')
    if (url !== '/livez') server.emit(url.endsWith('/cancel') ? 'cancel' : 'taken')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    server.closeAllConnections()
  })
  return { server, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

const wrong: [words: string[], message: RegExp][] = [
  [['-o', 'out.jsonl'], /missing required argument 'file'/],
  [['in.jsonl'], /-o, --output <file> is required/],
  [[...io, '--concurrency', '0'], /--concurrency: "0" is not accepted; give an integer from 1 to 256/],
  [[...io, '--concurrency', '257'], /give an integer from 1 to 256/],
  [[...io, '-c', '2.5'], /give an integer from 1 to 256/],
  [[...io, '--defaults', 'model=x'], /--defaults: "model=x" is not accepted; give a JSON object/],
  [[...io, '--defaults', '["a"]'], /give a JSON object/],
  [[...io, '--defaults', '{"id": 1}'], /give a JSON object/],
  [[...io, '--retry'], /unknown option '--retry'/],
  [[...io, '--url', 'here'], /--url: "here" is not accepted/],
  [['in.jsonl', '-o', 'in.jsonl'], /--output: in\.jsonl is the input; choose another file/],
  [['in.jsonl', '-o', 'link.jsonl'], /--output: in\.jsonl is the input/],
]

test('wrong usage prints one line that explains what to pass, exits with 2, and creates no files', async (t) => {
  const folders = makeFolders(t)
  writeInput(folders, ['hi'])
  symlinkSync('in.jsonl', join(folders.cwd, 'link.jsonl'))
  for (const [words, message] of wrong) {
    const { code, stdout, stderr } = await batch(folders, words)
    assert.deepEqual([code, stdout], [2, ''], stderr)
    const [first = '', ...rest] = stderr.split('\n')
    assert.match(first, /^claude-serve: /)
    assert.match(first, message)
    assert.match(rest.join('\n'), /^see \S+claude-serve batch (run )?--help\n$/)
  }
  assert.deepEqual(readdirSync(folders.cwd).toSorted(), ['in.jsonl', 'link.jsonl'])
  assert.equal(readFileSync(join(folders.cwd, 'in.jsonl'), 'utf8'), '"hi"\n')
})

/** `foreign` is the existing content of the output. */
const refused: [title: string, words: string[], foreign: string | null, message: RegExp][] = [
  ['a missing input', ['no.jsonl', '-o', 'out.jsonl'], null, /no\.jsonl cannot be read: ENOENT/],
  ['an input that is a folder', ['.', '-o', 'out.jsonl'], null, /\. is a folder: pass a file/],
  [
    'an output without a folder',
    ['in.jsonl', '-o', 'no/out.jsonl'],
    null,
    /the folder .*\/no does not exist: create it/,
  ],
  ['an output that is a folder', ['in.jsonl', '-o', 'sub'], null, /sub is not a file/],
  ['an output that is not a file', ['in.jsonl', '-o', '/dev/full'], null, /\/dev\/full is not a file/],
  ['prompts', io, '{"id":"a","prompt":"hi"}\n', /contains something other than batch answers \(line 1\)/],
  ['half a text', io, 'Dear diary', /contains something other/],
  ['half a line that is not the last', io, '{"id":"a","li\n{"id":"b","li', /something other .*line 1/],
  ['bytes', io, '\u0000\u0001\n', /something other/],
]

for (const [title, words, foreign, message] of refused) {
  test(`rejected, and files stay unchanged: ${title}`, async (t) => {
    const { url } = await startStub(t)
    const folders = makeFolders(t)
    writeInput(folders, ['hi'])
    mkdirSync(join(folders.cwd, 'sub'))
    if (foreign !== null) writeFileSync(outputOf(folders), foreign)
    const { code, stderr } = await batch(folders, [...words, '--url', url])
    assert.equal(code, 1, stderr)
    assert.match(stderr, message)
    const left = ['in.jsonl', ...(foreign === null ? [] : ['out.jsonl']), 'sub']
    assert.deepEqual(readdirSync(folders.cwd).toSorted(), left)
    if (foreign !== null) assert.equal(readFileSync(outputOf(folders), 'utf8'), foreign)
  })
}

test('a program that is not claude-serve is detected', { timeout: 30_000 }, async (t) => {
  const server = createServer((_request, response) => void response.end('{}'))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const folders = makeFolders(t)
  writeInput(folders, ['hi'])
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const { code, stderr } = await batch(folders, [...io, '--url', url])
  assert.equal(code, 1)
  assert.match(stderr, /does not respond like claude-serve: check --url/)
  assert.equal(readFileSync(outputOf(folders), 'utf8'), '')
})

test('a second Ctrl-C does not wait for a server that does not answer', { timeout: 30_000 }, async (t) => {
  const { server, url } = await startStub(t)
  const folders = makeFolders(t)
  writeInput(folders, ['hi'])
  const { child, ended } = startBatch(folders, [...io, '--url', url])
  await once(server, 'taken')
  child.kill('SIGINT')
  await once(server, 'cancel')
  child.kill('SIGINT')
  const { code, stderr } = await ended
  assert.equal(code, 1)
  assert.match(stderr, /cancelling running requests; interrupt again to exit immediately/)
})

test('help explains the input, the output, and how to resume', async (t) => {
  const { code, stdout } = await batch(makeFolders(t), ['--help'])
  assert.equal(code, 0)
  for (const word of ['--output', '--retry-failed', '--redo-changed', 'POST /v1/chat', 'CLAUDE_SERVE_API_KEY', '--url'])
    assert.ok(stdout.includes(word), word)
  assert.ok(
    stdout.split('\n').every((line) => line.length <= 120),
    stdout,
  )
})

test('a web server at the address gets no prompt, and is not waited for', { timeout: 30_000 }, async (t) => {
  const paths: string[] = []
  const server = createServer(({ url = '' }, response) => {
    paths.push(url)
    response.writeHead(200, { 'content-type': 'text/html' }).end('<p>A page</p>')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => server.close())
  const folders = makeFolders(t)
  writeInput(folders, ['hi'])
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const { code, stderr } = await batch(folders, [...io, '--url', url])
  assert.match(stderr, /is not claude-serve: pass the correct address with --url\n$/)
  assert.equal(code, 1)
  assert.deepEqual(paths, ['/livez'])
})
