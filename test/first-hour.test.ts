// The first hour with a clone, in an empty home without `claude` on the search path: not logged in, the demo, a scripted login, an answer. Each
// command that a hint names is run for its help, so that no hint leads nowhere. Not for what the commands do (see test/commands).
import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { type TestContext, test } from 'node:test'
import { installation } from '../src/platform/installation.ts'
import { fakeCli, makeFolders, type TestFolders } from './helpers/test-server.ts'

const { call } = installation()

/** Logs in with a word on its terminal, as the real one does with a code; what else it is asked, a fake answers. */
const scriptedClaude = `#!/bin/sh
login="$HOME/.claude/.credentials.json"
if [ "$1 $2" = 'auth login' ]; then
  echo 'word?'
  read -r word
  [ "$word" = sesame ] || exit 1
  mkdir -p "$HOME/.claude" && echo '{}' > "$login"
  exit
fi
if [ -e "$login" ]; then exec '${process.execPath}' '${fakeCli('well-behaved')}' "$@"; fi
exec '${process.execPath}' '${fakeCli('not-logged-in')}' "$@"
`

type Outcome = { code: number; output: string }

class Person {
  readonly folders: TestFolders
  readonly #environment: Record<string, string>
  /** Whatever this person has been shown. */
  readonly shown: string[] = []

  constructor(t: TestContext, more: Record<string, string> = {}) {
    this.folders = makeFolders(t)
    this.#environment = { PATH: '/usr/bin:/bin', HOME: this.folders.home, NO_COLOR: '1', ...more }
  }

  /** In a shell, in a folder that is not the clone's. */
  async types(line: string, input = ''): Promise<Outcome> {
    const options = { cwd: this.folders.cwd, env: this.#environment }
    const { promise, resolve } = Promise.withResolvers<Outcome>()
    const child = execFile('/bin/sh', ['-c', line], options, (error, stdout, stderr) => {
      resolve({ code: Number(error?.code ?? 0), output: `${stdout}${stderr}` })
    })
    child.stdin?.end(input)
    const outcome = await promise
    this.shown.push(outcome.output)
    return outcome
  }

  /** A server, until the end of the test; resolves with its address once its last line at the start is printed. */
  async starts(t: TestContext, words: string, last: RegExp): Promise<string> {
    const line = `exec ${call} ${words} --port 0 --warm 0 --log-level silent`
    const server = spawn('/bin/sh', ['-c', line], {
      cwd: this.folders.cwd,
      env: this.#environment,
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    t.after(async () => {
      server.kill('SIGTERM')
      if (server.exitCode === null) await once(server, 'exit')
    })
    let url = ''
    for await (const text of createInterface(server.stdout)) {
      this.shown.push(text)
      url ||= /listening on (\S+)/.exec(text)?.[1] ?? ''
      if (last.test(text)) return url
    }
    assert.fail(`the server has ended: ${this.shown.join('\n')}`)
  }

  async asks(url: string, prompt: string) {
    const response = await fetch(`${url}/v1/chat`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ prompt }),
    })
    const text = await response.text()
    this.shown.push(text)
    return { status: response.status, body: JSON.parse(text) as { result?: string; error?: string; code?: string } }
  }
}

/** The commands of this program that a text names. */
function commandsIn(texts: readonly string[]): string[] {
  const found = texts.flatMap((text) => text.split(call).slice(1))
  const words = found.map((rest) => /^(?: [a-z]+)*/.exec(rest)?.[0].trim() ?? '')
  return [...new Set(words)]
}

/** The longest beginning of a hint that is a command: what follows it is the rest of its sentence. */
async function helpOf(person: Person, hint: string): Promise<string | null> {
  for (let words = hint.split(' ').filter(Boolean); ; words = words.slice(0, -1)) {
    const { code, output } = await person.types(`${[call, ...words].join(' ')} --help`)
    if (code === 0 && output.startsWith(`Usage: claude-serve ${words[0] ?? '['}`)) return words.join(' ')
    if (words.length <= 1) return null
  }
}

test('from a clone to an answer, by nothing but what is shown', { timeout: 180_000 }, async (t) => {
  const claude = join(makeFolders(t).root, 'scripted')
  writeFileSync(claude, scriptedClaude, { mode: 0o755 })
  const person = new Person(t, { CLAUDE_BIN: claude })

  // Not logged in: everything that says so names the same command.
  const url = await person.starts(t, '', /^claude /)
  const hint = `${call} login`
  assert.ok(person.shown.at(-1)?.includes(hint), person.shown.at(-1))
  const refused = await person.asks(url, 'hello')
  assert.deepEqual([refused.status, refused.body.code], [503, 'claude_not_logged_in'])
  assert.ok(refused.body.error?.includes(hint), refused.body.error)
  assert.doesNotMatch(refused.body.error ?? '', /\/login/)
  assert.match((await person.types(`${call} status`)).output, new RegExp(`not logged in: run ${hint}\n`))
  const doctor = await person.types(`${call} doctor --json`)
  const findings = JSON.parse(doctor.output) as { check: string; state: string; fix: string | null }[]
  assert.equal(findings.find(({ check }) => check === 'login')?.fix, hint)
  const health = (await (await fetch(`${url}/v1/health`)).json()) as { command: string; logged_in: boolean }
  assert.deepEqual([health.command, health.logged_in], [call, false])

  // The hint, as it is: the scripted claude has the terminal. The running server notices the login by itself.
  assert.equal((await person.types(hint, 'wrong\n')).code, 1)
  const login = await person.types(hint, 'sesame\n')
  assert.deepEqual([login.code, login.output], [0, 'word?\n'])
  const answer = await person.asks(url, 'hello again')
  assert.equal(answer.status, 200, JSON.stringify(answer.body))
  assert.equal(answer.body.result, 'Hello from the fake CLI, this is an answer.')

  // What a person looks for next, and slips.
  for (const words of ['keys create', 'keys list', 'sessions', 'models', 'stats', 'keys --json'])
    await person.types(`${call} ${words}`)

  const shown = [...person.shown]
  const hints = commandsIn(shown)
  for (const expected of ['login', 'keys create'])
    assert.ok(
      hints.some((each) => each.startsWith(expected)),
      expected,
    )
  for (const each of hints) assert.notEqual(await helpOf(person, each), null, `"${call} ${each}" is no command`)
  for (const text of shown) {
    // Neither a bare `claude`, which is not on the search path, nor a bare `claude-serve`.
    assert.doesNotMatch(text, /\brun "?`?claude\b|(?<![\w./-])claude auth|\b(?:run|see|with) claude-serve\b/i, text)
  }
})

test('the demo answers to the line that it shows', { timeout: 90_000 }, async (t) => {
  const person = new Person(t)
  await person.starts(t, '--demo', /^try: /)
  const [line = ''] = person.shown.at(-1)?.match(/curl .*/) ?? []
  const { code, output } = await person.types(line)
  assert.equal(code, 0, output)
  assert.match(JSON.parse(output).result, /Hello from the demo model.*You said: Say hello/)
  assert.ok(
    person.shown.some((text) => /^claude .*\(demo: /.test(text)),
    person.shown.join('\n'),
  )
})
