// A smoke test of the fakes of the `claude` binary: each one starts and misbehaves as its name says.

import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { newestTestedVersion } from '../../src/claude/cli/executable.ts'

type Line = { type?: string; subtype?: string; [field: string]: unknown }
type Outcome = { code: number | null; signal: NodeJS.Signals | null }

const UUID = '11111111-1111-4111-8111-111111111111'
const NAMES = readdirSync(import.meta.dirname)
  .filter((file) => file.endsWith('.mjs') && file !== 'fake-cli.mjs')
  .map((file) => file.slice(0, -4))

/** A running fake with its lines as an async queue. Killed at the end of the test. */
class Fake {
  readonly child: ChildProcess
  readonly cwd: string
  readonly ended: Promise<Outcome>
  stdout = ''
  stderr = ''
  stderrBytes = 0

  constructor(t: TestContext, name: string, args: string[] = [], cwd = temporaryDirectory(t)) {
    this.cwd = cwd
    this.child = spawn(join(import.meta.dirname, `${name}.mjs`), args, { cwd })
    this.ended = once(this.child, 'close').then(([code, signal]) => ({ code, signal }))
    this.child.stdin?.on('error', () => {})
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text
    })
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderrBytes += text.length
      this.stderr = (this.stderr + text).slice(-1000)
    })
    t.after(() => this.child.kill('SIGKILL'))
  }

  send(...messages: unknown[]): void {
    for (const message of messages) this.child.stdin?.write(`${JSON.stringify(message)}\n`)
  }

  control(request: { subtype: string; [field: string]: unknown }): Promise<Line> {
    const request_id = `${request.subtype}-1`
    this.send({ type: 'control_request', request_id, request })
    return this.until((line) => (line.response as Line | undefined)?.request_id === request_id)
  }

  prompt(fields: Record<string, unknown> = {}): void {
    this.send({ type: 'user', message: { role: 'user', content: 'hi' }, uuid: UUID, ...fields })
  }

  /** Sends a prompt, ends stdin and waits for the exit, like a one-shot caller. */
  async oneTurn(): Promise<Outcome> {
    this.prompt()
    this.child.stdin?.end()
    return this.ended
  }

  get lines(): Line[] {
    return this.stdout.split('\n').flatMap((line) => {
      try {
        const value: unknown = JSON.parse(line)
        return typeof value === 'object' && value !== null ? [value as Line] : []
      } catch {
        return []
      }
    })
  }

  get deltas(): string[] {
    return this.lines.flatMap((line) => (line.event as { delta?: { text?: string } } | undefined)?.delta?.text ?? [])
  }

  get result(): Line | undefined {
    return this.lines.find((line) => line.type === 'result')
  }

  until(matches: (line: Line) => boolean): Promise<Line> {
    return new Promise((resolve, reject) => {
      const check = () => {
        const found = this.lines.find(matches)
        if (!found) return
        this.child.stdout?.off('data', check)
        resolve(found)
      }
      this.child.stdout?.on('data', check)
      this.child.once('close', () => reject(new Error(`It ended too early: ${this.stdout} ${this.stderr}`)))
      check()
    })
  }
}

function temporaryDirectory(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'fakes-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

const isDelta = (nth: number, fake: Fake) => () => fake.deltas.length >= nth

/** Of those with another version than the rest; one of them is the real CLI. */
const versions: Record<string, string> = { 'old-version': '1.0.3', altered: newestTestedVersion }

for (const name of NAMES) {
  test(`${name} starts and prints its version`, async (t) => {
    const fake = new Fake(t, name, ['--version'])
    assert.deepEqual(await fake.ended, { code: 0, signal: null })
    assert.equal(fake.stdout, `${versions[name] ?? '2.1.330'} (Claude Code)\n`)
  })
}

test('well-behaved answers control requests and plays a whole turn', async (t) => {
  const fake = new Fake(t, 'well-behaved', ['--session-id=22222222-2222-4222-8222-222222222222'])
  const { response } = (await fake.control({ subtype: 'initialize' })).response as Line
  assert.equal((response as Line).pid, fake.child.pid)
  const rewound = async () => ((await fake.control({ subtype: 'rewind_conversation' })).response as Line).response
  assert.deepEqual(await rewound(), { rewound: false, reason: 'target_not_found' })
  assert.equal(((await fake.control({ subtype: 'anything' })).response as Line).subtype, 'success')
  assert.equal((await fake.oneTurn()).code, 0)
  const kinds = fake.lines.map((line) => line.subtype ?? (line.event as Line | undefined)?.type ?? line.type)
  const turn = kinds.filter((kind) => kind !== 'control_response' && kind !== 'content_block_delta')
  assert.deepEqual(turn, [
    'command_lifecycle',
    'command_lifecycle',
    'init',
    'status',
    'message_start',
    'content_block_start',
    'assistant',
    'content_block_stop',
    'message_delta',
    'message_stop',
    'success',
    'command_lifecycle',
  ])
  assert.equal(fake.result?.result, fake.deltas.join(''))
  assert.equal(fake.result?.user_message_uuid, UUID)
  assert.equal(fake.result?.session_id, '22222222-2222-4222-8222-222222222222')
})

test('a message that needs no answer is only acknowledged', async (t) => {
  const fake = new Fake(t, 'well-behaved')
  fake.prompt({ shouldQuery: false })
  await fake.until((line) => line.state === 'completed')
  assert.equal(fake.result?.num_turns, 0)
  assert.deepEqual(fake.deltas, [])
})

test('a start is recorded only if the working directory contains the file that requests it', async (t) => {
  const cwd = temporaryDirectory(t)
  const log = join(cwd, '.fake-cli-log.jsonl')
  await new Fake(t, 'well-behaved', ['--version'], cwd).ended
  assert.equal(existsSync(log), false)
  writeFileSync(join(cwd, 'record-here'), '')
  const fake = new Fake(t, 'well-behaved', ['--version'], cwd)
  await fake.ended
  const entry = JSON.parse(readFileSync(log, 'utf8'))
  assert.equal(entry.pid, fake.child.pid)
  assert.equal(entry.argv.at(-1), '--version')
  assert.equal(entry.env.PATH, process.env.PATH)
})

test('auth status shows whether anyone is logged in', async (t) => {
  const loggedIn = new Fake(t, 'well-behaved', ['auth', 'status'])
  assert.equal((await loggedIn.ended).code, 0)
  assert.equal(JSON.parse(loggedIn.stdout).loggedIn, true)
  const loggedOut = new Fake(t, 'not-logged-in', ['auth', 'status'])
  assert.equal((await loggedOut.ended).code, 1)
  assert.equal(JSON.parse(loggedOut.stdout).loggedIn, false)
})

test('not-logged-in ends its turn with a synthetic error', async (t) => {
  const fake = new Fake(t, 'not-logged-in')
  await fake.oneTurn()
  assert.equal(fake.lines.find((line) => line.type === 'assistant')?.error, 'authentication_failed')
  assert.equal(fake.result?.is_error, true)
  assert.match(String(fake.result?.result), /^Not logged in/)
})

test('crash-at-start dies with an error message', async (t) => {
  const fake = new Fake(t, 'crash-at-start')
  assert.equal((await fake.ended).code, 3)
  assert.match(fake.stderr, /cannot start/)
})

test('crash-once crashes only while a file requests it', async (t) => {
  const cwd = temporaryDirectory(t)
  writeFileSync(join(cwd, 'crash-once'), '')
  const first = new Fake(t, 'crash-once', [], cwd)
  assert.equal((await first.oneTurn()).code, 7)
  assert.equal(first.stdout, '')
  const second = new Fake(t, 'crash-once', [], cwd)
  assert.equal((await second.oneTurn()).code, 0)
  assert.equal(second.result?.is_error, false)
})

for (const [name, code] of [
  ['crash-mid-answer', 7],
  ['exit-zero-without-result', 0],
] as const) {
  test(`${name} exits after three deltas without a result`, async (t) => {
    const fake = new Fake(t, name)
    assert.equal((await fake.oneTurn()).code, code)
    assert.equal(fake.deltas.length, 3)
    assert.equal(fake.result, undefined)
  })
}

test('silent-at-start answers other requests but not initialize', async (t) => {
  const fake = new Fake(t, 'silent-at-start')
  fake.send({ type: 'control_request', request_id: 'init', request: { subtype: 'initialize' } })
  await fake.control({ subtype: 'other' })
  assert.equal(fake.lines.length, 1)
})

test('silent-turn acknowledges an interrupt and stays silent', async (t) => {
  const fake = new Fake(t, 'silent-turn')
  fake.prompt()
  await fake.control({ subtype: 'interrupt' })
  await fake.control({ subtype: 'other' })
  assert.equal(fake.lines.length, 2)
  fake.child.kill('SIGTERM')
  assert.equal((await fake.ended).code, 143)
})

test('stalls-mid-answer ends its turn when it is interrupted, and keeps running', async (t) => {
  const fake = new Fake(t, 'stalls-mid-answer')
  fake.prompt()
  await fake.until(isDelta(3, fake))
  await fake.control({ subtype: 'interrupt' })
  const result = await fake.until((line) => line.type === 'result')
  assert.equal(result.subtype, 'error_during_execution')
  assert.equal(result.terminal_reason, 'aborted_streaming')
  await fake.control({ subtype: 'initialize' })
})

test('babble mixes noise into a good turn', async (t) => {
  const fake = new Fake(t, 'babble')
  assert.equal((await fake.oneTurn()).code, 0)
  assert.ok(fake.stdout.split('\n').length - fake.lines.length > 300)
  assert.equal(fake.result?.is_error, false)
})

test('endless-line writes 32 MiB without an end of line', async (t) => {
  const fake = new Fake(t, 'endless-line')
  let length = 0
  fake.child.stdout?.removeAllListeners('data')
  fake.prompt()
  for await (const text of fake.child.stdout ?? []) {
    const isInit = length === 0 && String(text).startsWith('{')
    length += isInit ? String(text).length - String(text).lastIndexOf('\n') - 1 : String(text).length
    if (length >= 32 * 1024 * 1024) break
  }
  assert.equal(length, 32 * 1024 * 1024)
})

test('refuses-to-die survives signals and the end of stdin', async (t) => {
  const fake = new Fake(t, 'refuses-to-die')
  await fake.control({ subtype: 'initialize' })
  fake.prompt()
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) fake.child.kill(signal)
  await fake.control({ subtype: 'other' })
  fake.child.stdin?.end()
  fake.child.kill('SIGTERM')
  fake.child.kill('SIGKILL')
  assert.equal((await fake.ended).signal, 'SIGKILL')
})

test('orphan-maker leaves a child behind in a session of its own', async (t) => {
  const fake = new Fake(t, 'orphan-maker')
  fake.prompt()
  await fake.until(isDelta(1, fake))
  const pid = Number(fake.deltas[0]?.replace('child ', ''))
  t.after(() => process.kill(pid, 'SIGKILL'))
  fake.child.kill('SIGTERM')
  assert.equal((await fake.ended).code, 143)
  assert.equal(process.kill(pid, 0), true)
})

test('stderr-flood writes ten megabytes to stderr and then answers', async (t) => {
  const fake = new Fake(t, 'stderr-flood')
  assert.equal((await fake.oneTurn()).code, 0)
  assert.equal(fake.stderrBytes, 10_000_000)
  assert.equal(fake.result?.is_error, false)
})

test('no-rewind refuses to rewind and does everything else', async (t) => {
  const fake = new Fake(t, 'no-rewind')
  const { subtype, error } = (await fake.control({ subtype: 'rewind_conversation' })).response as Line
  assert.equal(subtype, 'error')
  assert.match(String(error), /Unsupported control request subtype/)
  assert.equal((await fake.oneTurn()).code, 0)
})
