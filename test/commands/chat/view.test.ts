// What `claude-serve chat` shows of the events of a run, and how it handles streams that end early. Tests decide every byte that the server
// sends; the real server is in chat.test.ts.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeFolders } from '../../helpers/test-server.ts'
import { assertFailure, run, runAsOnTerminal } from '../command-process.ts'
import { delta, done, type Reply, sessionId, startChatServer, stream, streamOf } from './server.ts'

const tool = { type: 'tool_use', id: 't', name: 'Bash', input: { command: 'ls\n\u001b[2J' } }
const toolResult = { type: 'tool_result', tool_use_id: 't', is_error: false, text: `a\nb ${'x'.repeat(300)}` }
const thinking = (text: string) => ({ type: 'thinking', text })

const answers: [what: string, events: { type: string }[], stdout: string][] = [
  ['pieces are joined and the line is completed', [delta('He'), delta('llo'), done({ result: 'Hello' })], 'Hello\n'],
  ['a complete line gets no second line break', [delta('Hello\n'), done()], 'Hello\n'],
  [
    'texts with something between them are separated',
    [delta('one'), tool, toolResult, delta('two'), done()],
    'one\n\ntwo\n',
  ],
  ['but by no more if the first ends its own line', [delta('one\n'), tool, delta('two'), done()], 'one\n\ntwo\n'],
  ['events before the first text leave no gap', [thinking('hm'), tool, delta('one'), done()], 'one\n'],
  ['a result that was not streamed', [done({ result: 'whole' })], 'whole\n'],
  ['nothing at all', [done()], ''],
  [
    'control characters stay if stdout is not a terminal',
    [delta('\u001b[31m\r\u009b'), done()],
    '\u001b[31m\r\u009b\n',
  ],
]

test('the answer, and nothing else, is on stdout', async (t) => {
  const folders = makeFolders(t)
  for (const [what, events, expected] of answers) {
    const { url } = await startChatServer(t, stream(streamOf(...events)))
    const { code, stdout, stderr } = await run(folders, ['chat', 'x', '--url', url])
    assert.deepEqual([code, stdout, stderr], [0, expected, ''], what)
  }
})

test('events may arrive in any pieces, even with line breaks and characters split', async (t) => {
  const bytes = Buffer.from(streamOf(delta('é日'), delta('\n\ndata: x'), done()))
  const { url } = await startChatServer(t, async (response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    for (const byte of bytes) await new Promise((resolve) => response.write(Buffer.of(byte), resolve))
    response.end()
  })
  const { code, stdout } = await run(makeFolders(t), ['chat', 'x', '--url', url])
  assert.deepEqual([code, stdout], [0, 'é日\n\ndata: x\n'])
})

test('--json prints the last event only, without its type', async (t) => {
  const { url } = await startChatServer(t, stream(streamOf(delta('a'), thinking('b'), done({ result: 'a' }))))
  const { code, stdout, stderr } = await run(makeFolders(t), ['chat', 'x', '--json', '--url', url])
  const { type, ...expected } = done({ result: 'a' })
  assert.deepEqual([code, JSON.parse(stdout), stderr, type], [0, expected, '', 'done'])
})

test('--verbose shows thinking and tools on stderr, each tool in one short line', async (t) => {
  const retry = { type: 'status', status: 'retrying', attempt: 2, delay_ms: 1, upstream_status: 529 }
  const failed = { ...toolResult, is_error: true, text: 'no such file' }
  const events = [
    retry,
    thinking('hm'),
    thinking(' well\n'),
    tool,
    toolResult,
    failed,
    delta('so'),
    thinking('?'),
    done(),
  ]
  const { url } = await startChatServer(t, stream(streamOf(...events)))
  const { stdout, stderr } = await run(makeFolders(t), ['chat', 'x', '--verbose', '--url', url])
  assert.equal(stdout, 'so\n')
  const [first, ...rest] = stderr.split('\n')
  assert.equal(first, 'retrying the model request (attempt 2)')
  assert.deepEqual(
    [rest.slice(0, 3), rest.slice(4)],
    [
      ['hm well', '', '> Bash {"command":"ls\\n\\u001b[2J"}'],
      ['! no such file', '?', ''],
    ],
  )
  assert.match(rest[3] ?? '', /^< a b x{190,196}…$/)
})

test('denied tools are named once each', async (t) => {
  const denials = ['Bash', 'Write', 'Bash'].map((tool_name) => ({ tool_name, tool_use_id: 't', tool_input: {} }))
  const { url } = await startChatServer(t, stream(streamOf(delta('a'), done({ permission_denials: denials }))))
  const { code, stdout, stderr } = await run(makeFolders(t), ['chat', 'x', '--url', url])
  assert.deepEqual([code, stdout], [0, 'a\n'])
  assert.equal(stderr, 'claude-serve: Claude was not allowed to use Bash, Write\n')
})

test('on a terminal, escape sequences of the model have no effect, and a line summarizes the run', async (t) => {
  const steering = '\u001b]0;x\u0007\u001b[2J\u009b31m\r\u007f\u0008'
  const events = [delta(`a\tb\n\u001b`), delta(`[31m${steering}`), done()]
  const { url } = await startChatServer(t, stream(streamOf(...events)))
  const { code, stdout } = await runAsOnTerminal(makeFolders(t), ['chat', 'x', '--url', url])
  const summary = `\u001b[2msession ${sessionId}, $0.0123, 1.2 s\u001b[22m\n`
  const shown = '\u241b]0;x\u2407\u241b[2J\ufffd31m\u2421\u2408'
  assert.deepEqual([code, stdout], [0, `a\tb\n\u241b[31m${shown}\n${summary}`])
})

test('Markdown is rendered on a terminal only, and not if its user wants no colors', async (t) => {
  const { url } = await startChatServer(
    t,
    stream(streamOf(delta('a **b'), delta('** `c`'), tool, delta('# d'), done())),
  )
  const folders = makeFolders(t)
  const words = ['chat', 'x', '--url', url]
  const lines = async (outcome: Promise<{ stdout: string }>) => (await outcome).stdout.split('\n').slice(0, 3)
  const styled = ['a \u001b[1mb\u001b[22m \u001b[36mc\u001b[39m', '', '\u001b[1m\u001b[4md\u001b[24m\u001b[22m']
  assert.deepEqual(await lines(runAsOnTerminal(folders, words)), styled)
  const plain = ['a **b** `c`', '', '# d']
  assert.deepEqual(await lines(runAsOnTerminal(folders, words, { environment: { NO_COLOR: '1' } })), plain)
  assert.deepEqual(await lines(run(folders, words)), plain)
})

const html: Reply = (response) => void response.end('<html>')
const partial = streamOf(delta('half'))
const broken: [what: string, reply: Reply, stdout: string, message: RegExp][] = [
  ['a stream without an end', stream(partial), 'half\n', /the connection broke before the answer was complete/],
  [
    'a connection that breaks',
    (response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(partial, () => response.destroy())
    },
    'half\n',
    /the connection broke before the answer was complete/,
  ],
  ['an event that is not JSON', stream(`${partial}id: 3\ndata: {\n\n`), 'half\n', /the connection broke before/],
  ['no stream', html, '', /is not claude-serve: pass the correct address with --url/],
  [
    'an error at the end',
    stream(streamOf(delta('half'), { type: 'error', error: 'it\nfailed \u001b[31m', code: 'claude_failed' } as never)),
    'half\n',
    /^claude-serve: it failed \u241b\[31m\n$/,
  ],
]
test('an incomplete answer is exit 1 and one line', async (t) => {
  const folders = makeFolders(t)
  for (const [what, reply, expected, message] of broken) {
    const { url } = await startChatServer(t, reply)
    const outcome = await run(folders, ['chat', 'x', '--url', url])
    assertFailure(outcome, message)
    assert.equal(outcome.stdout, expected, what)
    const asJson = await run(folders, ['chat', 'x', '--json', '--url', url])
    assertFailure(asJson, message)
    assert.equal(asJson.stdout, '', what)
  }
})
