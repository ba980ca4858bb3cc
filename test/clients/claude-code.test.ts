// Claude Code itself as a client: the real `claude` in print mode talks to claude-serve, which runs its own `claude`
// against the scripted upstream. The two share only the connection.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, beforeEach, describe, type TestContext } from 'node:test'
import { sdkExecutable } from '../../src/claude/cli/executable.ts'
import { extendedTest, test } from '../helpers/extended.ts'
import { makeFolders, startTestServer, step } from '../helpers/test-server.ts'
import { conversationOf, sent, toolNames } from './sent.ts'

const server = await startTestServer({ after: after as TestContext['after'] }, { config: { maxProcesses: 3 } })
const { upstream } = server

type Printed = { code: number; stdout: string; stderr: string }

/** Runs `claude -p` in fresh folders with only these environment variables. */
async function claude(t: TestContext, prompt: string, args: string[], files: Record<string, string> = {}) {
  const { root, home, cwd } = makeFolders(t)
  mkdirSync(join(root, 'tmp'))
  for (const [name, content] of Object.entries(files)) writeFileSync(join(cwd, name), content)
  const environment = {
    PATH: '/usr/local/bin:/usr/bin:/bin',
    HOME: home,
    CLAUDE_CONFIG_DIR: join(home, '.claude'),
    TMPDIR: join(root, 'tmp'),
    LANG: 'C.UTF-8',
    ANTHROPIC_BASE_URL: server.url,
    ANTHROPIC_AUTH_TOKEN: 'dummy',
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
  }
  const program = sdkExecutable()
  assert.ok(program)
  const child = spawn(program, ['-p', prompt, ...args], { cwd, env: environment, stdio: ['ignore', 'pipe', 'pipe'] })
  t.after(() => child.kill('SIGKILL'))
  const [stdout, stderr, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  return { code, stdout, stderr } as Printed
}

type Result = { type: string; subtype: string; is_error: boolean; result: string; num_turns: number }

function resultOf({ code, stdout, stderr }: Printed): Result {
  assert.equal(code, 0, `${stdout}\n${stderr}`)
  return JSON.parse(stdout) as Result
}

/** That every request for an answer or a count was accepted, since the log had that many lines. */
function assertAccepted(before: number): void {
  const answers = server.logLines.slice(before).filter(({ route }) => String(route).startsWith('/v1/messages'))
  assert.ok(answers.length > 1)
  assert.deepEqual(
    answers.filter(({ status }) => status !== 200),
    [],
  )
}

describe('Claude Code', () => {
  beforeEach(() => upstream.reset())

  extendedTest('prints the text as it arrives, and sends no request that is refused', async (t) => {
    const prompt = step({ thinking: 2, text: 'one two three four', tokens: 4 })
    const args = ['--output-format', 'stream-json', '--include-partial-messages', '--verbose', '--tools', '']
    const before = server.logLines.length
    const { code, stdout, stderr } = await claude(t, prompt, args)
    assert.equal(code, 0, `${stdout}\n${stderr}`)
    const lines = stdout.trim().split('\n')
    const events = lines.map((line) => JSON.parse(line) as { type: string; event?: { delta?: { text?: string } } })
    const words = events.flatMap(({ type, event }) => (type === 'stream_event' ? (event?.delta?.text ?? []) : []))
    assert.equal(words.join(''), 'one two three four')
    assert.ok(words.length > 1)
    assert.equal((events.at(-1) as unknown as Result).result, 'one two three four')
    assert.equal(sent(upstream).thinking?.type, 'adaptive')
    const answers = server.logLines.slice(before).filter(({ route }) => route === '/v1/messages')
    assert.deepEqual(
      answers.map(({ status }) => status),
      [200],
    )
  })

  test('runs its own Bash and sends the result to the model', async (t) => {
    const input = { command: 'cat note.txt', description: 'Shows the note' }
    // The file is in the client's folder, which the server does not know.
    const prompt = `What does the note say? ${step({ tool: 'Bash', input })}${step({ text: 'Xylophones.' })}`
    const args = ['--output-format', 'json', '--allowedTools', 'Bash']
    const printed = await claude(t, prompt, args, { 'note.txt': 'buy 7 xylophones\n' })
    const { result, num_turns } = resultOf(printed)
    assert.deepEqual([result, num_turns], ['Xylophones.', 2])
    const requests = upstream.requests.filter(({ raw }) => raw.includes('What does the note say?'))
    assert.ok(requests.length >= 2)
    const conversation = conversationOf(sent(upstream))
    const results = conversation.flatMap(({ content }) =>
      content.filter((block) => typeof block !== 'string' && block.type === 'tool_result'),
    )
    assert.equal(results.length, 1)
    assert.match(JSON.stringify(results), /buy 7 xylophones/)
    assert.ok(toolNames(sent(upstream)).includes('Bash'))
  })

  test('searches its tools, and gets those that it finds; no request is refused', async (t) => {
    const before = server.logLines.length
    const search = step({ tool: 'ToolSearch_', input: { query: 'select:WebFetch' } })
    const printed = await claude(t, `Find it. ${search}${step({ text: 'Found.' })}`, ['--output-format', 'json'])
    assert.deepEqual([resultOf(printed).result, resultOf(printed).num_turns], ['Found.', 2])
    const [first, second] = upstream.requests
      .filter(({ raw, body }) => raw.includes('Find it.') && (body?.tools?.length ?? 0) > 0)
      .map(({ body }) => toolNames(body as never))
    assert.ok(first !== undefined)
    assert.ok(first.includes('ToolSearch_') && !first.includes('WebFetch'), String(first))
    assert.ok(!first.includes('DeferredToolPlaceholder'))
    assert.deepEqual(
      second?.filter((name) => !first.includes(name)),
      ['WebFetch'],
    )
    assertAccepted(before)
  })

  extendedTest('eight prompts with sub-agents: no request is refused', async (t) => {
    const before = server.logLines.length
    for (let number = 1; number <= 8; number++) {
      const inner = `Part ${number}. ${step({ text: `part ${number}` })}`
      const delegate = step({
        tool: 'Agent',
        input: { description: 'A part', prompt: inner, subagent_type: 'general-purpose' },
      })
      const printed = await claude(t, `Whole ${number}. ${delegate}${step({ text: `whole ${number}` })}`, [
        '--output-format',
        'json',
      ])
      assert.equal(resultOf(printed).result, `whole ${number}`)
    }
    assertAccepted(before)
  })

  extendedTest('prints the error of the model', async (t) => {
    const prompt = step({ status: 400, message: 'prompt is too long: 250000 tokens > 200000 maximum' })
    const { code, stdout } = await claude(t, prompt, ['--output-format', 'json', '--tools', ''])
    assert.equal(code, 1, stdout)
    const { is_error, result } = JSON.parse(stdout) as Result
    assert.equal(is_error, true)
    assert.match(result, /prompt is too long/i)
  })
})
