// The programs that `launch` starts: their arguments and environment, how they end, and when they are not started. Small scripts stand in
// for them. Not for Claude Code itself, which is started as its page says in docs-clients.test.ts.
import assert from 'node:assert/strict'
import { chmodSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { makeFolders, type TestFolders, type TestServer } from '../../helpers/test-server.ts'
import {
  assertFailure,
  fakeClaude,
  noTerminal,
  run,
  runAsOnTerminal,
  runOnTerminal,
  runProcess,
  start,
} from '../command-process.ts'
import { keys } from '../keys/process.ts'
import { startSharedServer } from '../shared-server.ts'

const options = { config: { claudeBin: fakeClaude } }
const open = await startSharedServer(options)
const locked = await startSharedServer(options)
const secret = (await keys(locked.folders, ['create', 'laptop', '--quiet'])).stdout.trim()

/**
 * Prints its arguments and parts of its environment, into the file of the variable OUTPUT if it is set: a program has the terminal of
 * `launch`. The arguments `fail` and `wait` decide how it ends.
 */
const script = `#!/bin/sh
[ -n "$OUTPUT" ] && exec >"$OUTPUT"
for word in "$@"; do printf '<%s>' "$word"; done
echo
env | grep -E '^(ANTHROPIC|COPILOT|OPENAI|CLAUDE_CODE_USE|MINE)' | sort
while [ $# -gt 0 ]; do
  case "$1" in
    fail) exit 7 ;;
    wait)
      trap 'echo received SIGTERM; exit 0' TERM
      echo ready
      while kill -0 $PPID 2>/dev/null; do sleep 0.05; done
      echo left alone
      exit 1 ;;
  esac
  shift
done
`

type Stage = { environment: Record<string, string>; home: string }

/** A PATH with these programs and the system's own, and a home folder that no server uses. */
function stage(t: TestContext, ...programs: string[]): Stage {
  const { root, home } = makeFolders(t)
  const bin = join(root, 'bin')
  mkdirSync(bin)
  for (const name of programs) {
    writeFileSync(join(bin, name), script)
    chmodSync(join(bin, name), 0o755)
  }
  symlinkSync(join(open.folders.home, '.cache'), join(home, '.cache'))
  return { environment: { PATH: `${bin}:/usr/bin:/bin`, HOME: home, MINE: 'stays' }, home }
}

/** The output of the script, as lines. */
const linesOf = (stdout: string) => stdout.trim().split('\n')

/** Runs `launch` in the process that this file's commands share. `program` is what the script printed. */
async function launch({ folders }: TestServer, words: string[], environment: Record<string, string>, home: string) {
  const file = join(home, '..', 'output')
  const outcome = await run(folders, ['launch', ...words], { environment: { ...environment, OUTPUT: file } })
  return { ...outcome, program: linesOf(readFileSync(file, 'utf8')) }
}

const codexWords = [
  'model="opus"',
  'model_provider="claude-serve"',
  'model_context_window=200000',
  'model_providers.claude-serve.name="claude-serve"',
  `model_providers.claude-serve.base_url="${open.url}/v1"`,
  'model_providers.claude-serve.wire_api="responses"',
]
  .map((setting) => `<-c><${setting}>`)
  .join('')

describe('a program', () => {
  for (const [client, words, environment] of [
    [
      'claude-code',
      '<--model><opus><-p><say "hello">',
      [`ANTHROPIC_AUTH_TOKEN=none`, `ANTHROPIC_BASE_URL=${open.url}`, 'MINE=stays'],
    ],
    [
      'aider',
      '<--model><openai/opus><--no-show-model-warnings><-p><say "hello">',
      ['MINE=stays', `OPENAI_API_BASE=${open.url}/v1`, 'OPENAI_API_KEY=none'],
    ],
    [
      'qwen-code',
      '<--auth-type><openai><-p><say "hello">',
      ['MINE=stays', 'OPENAI_API_KEY=none', `OPENAI_BASE_URL=${open.url}/v1`, 'OPENAI_MODEL=opus'],
    ],
    ['pi', '<--model><claude-serve/opus><-p><say "hello">', ['MINE=stays']],
    [
      'copilot-cli',
      '<-p><say "hello">',
      ['COPILOT_MODEL=opus', 'COPILOT_PROVIDER_API_KEY=none', `COPILOT_PROVIDER_BASE_URL=${open.url}/v1`, 'MINE=stays'],
    ],
    ['opencode', '<--model><claude-serve/opus><-p><say "hello">', ['MINE=stays']],
    ['codex', `${codexWords}<-p><say "hello">`, ['MINE=stays']],
  ] as const) {
    test(`${client} gets its arguments, its address, and the environment of the terminal`, async (t) => {
      const { environment: own, home } = stage(t, 'claude', 'aider', 'opencode', 'codex', 'qwen', 'pi', 'copilot')
      const args = [client, '--model', 'opus', '--', '-p', 'say "hello"']
      const { code, stderr, program } = await launch(open, args, own, home)
      assert.equal(code, 0, stderr)
      assert.match(stderr, /^claude-serve: starting \w+/)
      assert.deepEqual(program, [words, ...environment])
    })
  }

  test('Claude Code is started without the variables that would send it elsewhere', async (t) => {
    const { environment, home } = stage(t, 'claude')
    const elsewhere = { ANTHROPIC_API_KEY: 'sk-ant-mine', CLAUDE_CODE_USE_BEDROCK: '1', ANTHROPIC_BASE_URL: 'http://x' }
    const { program } = await launch(open, ['claude-code', '--', '-p'], { ...environment, ...elsewhere }, home)
    assert.deepEqual(program.slice(1), ['ANTHROPIC_AUTH_TOKEN=none', `ANTHROPIC_BASE_URL=${open.url}`, 'MINE=stays'])
  })

  test('with keys it gets the one in the variable, which is not shown', async (t) => {
    const { environment, home } = stage(t, 'aider')
    const withKey = { ...environment, CLAUDE_SERVE_API_KEY: secret }
    const { program, stderr } = await launch(locked, ['aider', '--', 'x'], withKey, home)
    assert.ok(program.includes(`OPENAI_API_KEY=${secret}`))
    assert.ok(!stderr.includes('csk_'))
  })

  test('its settings are written before it starts', async (t) => {
    const { environment, home } = stage(t, 'opencode')
    const { stdout } = await runProcess(open.folders, ['launch', 'opencode', '--', 'run'], { environment })
    const [first = '', ...rest] = linesOf(stdout)
    assert.equal(first, 'created ~/.config/opencode/opencode.json:')
    assert.ok(rest.includes('<--model><claude-serve/sonnet><run>'))
    assert.match(readFileSync(join(home, '.config/opencode/opencode.json'), 'utf8'), /"claude-serve"/)
  })

  test('that fails makes launch exit with 1', async (t) => {
    const { environment, home } = stage(t, 'aider')
    const { code, program } = await launch(open, ['aider', '--', 'fail'], environment, home)
    assert.deepEqual([code, program[0]?.endsWith('<fail>')], [1, true])
  })

  test('is stopped when `launch` is, and `launch` waits for it', { timeout: 30_000 }, async (t) => {
    const { environment } = stage(t, 'aider')
    const running = start(t, open.folders, ['launch', 'aider', '--', 'wait'], { environment })
    await running.until('stdout', /^ready$/m)
    // Ctrl-C at a terminal is for the program, which may continue.
    running.child.kill('SIGINT')
    running.child.kill('SIGTERM')
    const { code, stdout } = await running.outcome()
    assert.equal(code, 0)
    assert.match(stdout, /^received SIGTERM$/m)
  })
})

describe('nothing is started', () => {
  test('if no server responds: the settings are written anyway, exit 1', async (t) => {
    const { environment, home } = stage(t, 'opencode')
    const elsewhere: TestFolders = makeFolders(t)
    const { code, stdout, stderr } = await run(elsewhere, ['launch', 'opencode', '--', 'x'], { environment })
    assert.equal(code, 1)
    assert.match(stderr, /opencode was not started because no server responds: start one with \S+claude-serve\n$/)
    assert.doesNotMatch(stdout, /<x>/)
    assert.ok(existsSync(join(home, '.config/opencode/opencode.json')))
  })

  test('if the server requires a key and none is set, exit 1', async (t) => {
    const { environment } = stage(t, 'claude')
    const { code, stdout, stderr } = await run(locked.folders, ['launch', 'claude-code', '--', 'x'], { environment })
    assert.deepEqual([code, stdout], [1, ''])
    assert.match(stderr, /Claude Code was not started: set CLAUDE_SERVE_API_KEY to a key of this server\n$/)
  })

  test('if the program does not exist: the error says how to install it, exit 1', async (t) => {
    const { environment } = stage(t)
    const { code, stderr } = await run(open.folders, ['launch', 'opencode', '--', 'x'], { environment })
    assert.equal(code, 1)
    assert.match(
      stderr,
      /opencode cannot be started \(it is not on PATH\); install it with: npm install -g opencode-ai\n$/,
    )
  })

  test('if its settings could not be written, exit 1', async (t) => {
    const { environment, home } = stage(t, 'opencode')
    writeFileSync(join(home, '.config'), '')
    const outcome = await run(open.folders, ['launch', 'opencode', '--', 'x'], { environment })
    assertFailure(outcome, /opencode\.json cannot be \w+ \(E\w+\)/)
    assert.equal(outcome.stdout, '')
  })

  test('by a script that passes no arguments', async (t) => {
    const { environment } = stage(t, 'claude')
    const { code, stdout, stderr } = await run(open.folders, ['launch', 'claude-code'], { environment })
    assert.deepEqual([code, stderr], [0, ''])
    assert.match(stdout, /^In a terminal:\n\nANTHROPIC_BASE_URL=/)
  })
})

describe('on a terminal', { skip: noTerminal }, () => {
  test('it is started by its name alone', async (t) => {
    const { environment } = stage(t, 'aider')
    const { code, stdout } = await runOnTerminal(open.folders, ['launch', 'aider'], { environment })
    assert.equal(code, 0)
    assert.match(stdout, /^claude-serve: starting aider --model openai\/sonnet --no-show-model-warnings\n<--model>/)
  })

  for (const word of ['--config-only', '--print', '--json']) {
    test(`${word} starts nothing`, async (t) => {
      const { environment } = stage(t, 'aider')
      const { code, stdout } = await runAsOnTerminal(open.folders, ['launch', 'aider', word], { environment })
      assert.equal(code, 0)
      assert.doesNotMatch(stdout, /starting|<--model>/)
      assert.match(stdout, /OPENAI_API_BASE/)
    })
  }
})
