// The command `launch` from the command line: what it shows, which server and key the settings use, and what it writes where.
// Not for merging settings (see merge.test.ts) or the programs that it starts (see start.test.ts).
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { parse } from 'yaml'
import { asText } from '../../../src/commands/launch/instructions.ts'
import { blocksOf } from '../../../src/commands/launch/launch.ts'
import { type ClientName, clientNames } from '../../../src/commands/launch/names.ts'
import { makeFolders, startTestServer } from '../../helpers/test-server.ts'
import { assertFailure, assertWrongUsage, fakeClaude, run } from '../command-process.ts'
import { keys } from '../keys/process.ts'
import { startSharedServer } from '../shared-server.ts'

const options = { config: { claudeBin: fakeClaude } }
const open = await startSharedServer(options)
const locked = await startSharedServer(options)
const secret = (await keys(locked.folders, ['create', 'laptop', '--scope', 'chat', '--quiet'])).stdout.trim()

/** A home folder for one test, with the shared compile cache. */
function makeHome(t: Pick<TestContext, 'after'>): string {
  const { home } = makeFolders(t)
  symlinkSync(join(open.folders.home, '.cache'), join(home, '.cache'))
  return home
}

const atHome = (home: string) => ({ environment: { HOME: home } })

const filesIn = (home: string) => readdirSync(home).filter((name) => name !== '.cache')

const wrong: [words: string[], message: RegExp][] = [
  [['opncode'], /unknown client "opncode": did you mean opencode\?/],
  [['Claude_Code'], /did you mean claude-code\?/],
  [['emacs'], /unknown client "emacs": \S+claude-serve launch --list shows all clients/],
  [['constructor'], /unknown client "constructor"/],
  [['opencode', '--list'], /pass a client or --list, not both/],
  [['--print'], /--print requires the name of a client/],
  [['zed', '--model', 'snonet'], /--model: this server has no model "snonet"; did you mean sonnet\?/],
  [['zed', '--model', '$(reboot)'], /--model: "\$\(reboot\)" is not a valid model name/],
  [['zed', '--', 'x'], /Zed cannot be started from here: remove its arguments/],
  [['opencode', '--config-only', '--', 'x'], /opencode is not started with these options: remove its arguments/],
  [['opencode', '--print', '--', 'x'], /opencode is not started with these options: remove its arguments/],
  [['opencode', '--url', 'nowhere'], /--url: "nowhere" is not accepted/],
  [['opencode', '--prnt'], /unknown option '--prnt' \(Did you mean --print\?\)/],
]

describe('arguments', () => {
  for (const [words, message] of wrong) {
    test(`rejected: launch ${words.join(' ')}`, async (t) => {
      const home = makeHome(t)
      assertWrongUsage(await run(open.folders, ['launch', ...words], atHome(home)), 'launch', message)
      assert.deepEqual(filesIn(home), [])
    })
  }

  test('without a client, and with --list, it lists all clients and what it does for each', async () => {
    const { code, stdout, stderr } = await run(open.folders, ['launch'])
    assert.deepEqual([code, stderr], [0, ''])
    assert.equal((await run(open.folders, ['launch', '--list'])).stdout, stdout)
    const rows = stdout.trim().split('\n').slice(1)
    assert.deepEqual(
      rows.map((row) => row.split(' ')[0]),
      clientNames,
    )
    assert.match(stdout, /^opencode +opencode +writes ~\/\.config\/opencode\/opencode\.json, starts opencode$/m)
    assert.match(stdout, /^claude-code +Claude Code +starts claude$/m)
    assert.match(stdout, /^codex +Codex +starts codex$/m)
    const asJson = JSON.parse((await run(open.folders, ['launch', '--list', '--json'])).stdout)
    assert.deepEqual(
      asJson.find(({ name }: { name: string }) => name === 'continue'),
      { name: 'continue', title: 'Continue', writes: '~/.continue/config.yaml', starts: null },
    )
  })

  test('a client has aliases', async () => {
    const [one, other] = await Promise.all(
      ['claude', 'claude-code'].map((name) => run(open.folders, ['launch', name, '--print'])),
    )
    assert.deepEqual(one, other)
    assert.match(one?.stdout ?? '', /claude --model sonnet\n$/)
  })
})

describe('the server', () => {
  test('the address is that of the running server by default', async () => {
    const { code, stdout, stderr } = await run(open.folders, ['launch', 'litellm', '--print'])
    assert.deepEqual([code, stderr], [0, ''])
    assert.ok(stdout.includes(`api_base: ${open.url}/v1\n`), stdout)
  })

  for (const [title, words, environment] of [
    ['--url', ['--url', 'http://localhost:7000/'], {}],
    ['CLAUDE_SERVE_URL', [], { CLAUDE_SERVE_URL: 'http://localhost:7000' }],
  ] as const) {
    test(`${title} sets the address, even if no server responds there`, async () => {
      const { code, stdout, stderr } = await run(open.folders, ['launch', 'n8n', '--print', ...words], { environment })
      assert.equal(code, 0)
      assert.match(stdout, /^Base URL: http:\/\/localhost:7000\/v1$/m)
      assert.match(
        stderr,
        /no server responds at http:\/\/localhost:7000 .*\n.*these settings use http:\/\/localhost:7000 anyway/,
      )
    })
  }

  test('if no server is running, the address is the configured one', async (t) => {
    const folders = makeFolders(t)
    const usual = await run(folders, ['launch', 'n8n', '--print'])
    assert.equal(usual.code, 0)
    assert.match(usual.stdout, /^Base URL: http:\/\/127\.0\.0\.1:5005\/v1$/m)
    assert.match(usual.stderr, /^claude-serve: no server is running in \S+: these settings use its default address\n$/)
    const environment = { CLAUDE_SERVE_PORT: '7001', CLAUDE_SERVE_HOST: '0.0.0.0' }
    const other = await run(folders, ['launch', 'n8n', '--print'], { environment })
    assert.match(other.stdout, /^Base URL: http:\/\/127\.0\.0\.1:7001\/v1$/m)
    const anyPort = await run(folders, ['launch', 'n8n', '--print'], { environment: { CLAUDE_SERVE_PORT: '0' } })
    assert.match(anyPort.stdout, /^Base URL: http:\/\/127\.0\.0\.1:5005\/v1$/m)
  })

  test('an address is safe in a shell', async () => {
    const url = "http://127.0.0.1:1/$(reboot)'`x`"
    const { code, stdout } = await run(open.folders, ['launch', 'claude-code', '--print', '--url', url])
    assert.equal(code, 0)
    const [, word = ''] = /^ANTHROPIC_BASE_URL=(.*) \\$/m.exec(stdout) ?? []
    assert.equal(word, `'http://127.0.0.1:1/$(reboot)'\\''%60x%60'`)
  })

  test('an address is safe in a program', async (t) => {
    const url = "http://127.0.0.1:1/'+process.exit(9)+'"
    const { stdout } = await run(open.folders, ['launch', 'openai', '--print', '--url', url])
    const [, text = ''] = /new OpenAI\((.*)\)\n/.exec(stdout) ?? []
    const file = join(makeFolders(t).cwd, 'program.mjs')
    writeFileSync(file, `console.log((${text}).baseURL)`)
    const output = execFileSync(process.execPath, [file], { encoding: 'utf8', env: {} })
    assert.equal(output, `${url}/v1\n`)
  })

  test('an address is not evaluated by Ruby, which interpolates strings', async () => {
    const url = 'http://127.0.0.1:1/##{exit(9)}#$0'
    const { stdout } = await run(open.folders, ['launch', 'openai', '--print', '--url', url])
    assert.match(stdout, /Client\.new\(base_url: "http:\/\/127\.0\.0\.1:1\/\\#\\#\{exit\(9\)\}\\#\$0\/v1"/)
  })

  test('another program at the address is reported', async (t) => {
    const other = createServer((_request, response) => response.end('{"data":[{"name":"x"}]}'))
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve))
    t.after(() => other.close())
    const url = `http://127.0.0.1:${(other.address() as AddressInfo).port}`
    const { stdout, stderr } = await run(open.folders, ['launch', 'n8n', '--print', '--url', url])
    assert.match(stderr, /is not claude-serve/)
    assert.ok(stdout.includes(url))
  })

  test('a server that cannot list its models is still used', async (t) => {
    const { folders, url } = await startTestServer(t, { config: { claudeBin: '/nowhere/claude' } })
    const { code, stdout, stderr } = await run(folders, ['launch', 'litellm', '--print'])
    assert.equal(code, 0)
    assert.match(stderr, /^claude-serve: [^\n]+\n$/)
    assert.ok(stdout.includes(`${url}/v1`))
    assert.match(stdout, /openai\/agent\/sonnet/)
  })
})

describe('the model', () => {
  for (const [model, shown] of [
    ['opus', 'openai/opus'],
    ['agent/sonnet', 'openai/agent/sonnet'],
    ['claude-opus-4-1', 'openai/claude-opus-4-1'],
  ] as const) {
    test(`${model} comes first, and the default ones after it`, async () => {
      const { code, stdout } = await run(open.folders, ['launch', 'litellm', '--print', '--model', model])
      assert.equal(code, 0)
      const names = [...stdout.matchAll(/^ +model: (\S+)$/gm)].map(([, name]) => name)
      const usual = ['openai/sonnet', 'openai/opus', 'openai/haiku', 'openai/agent/sonnet']
      assert.deepEqual(names, [shown, ...usual.filter((name) => name !== shown)])
      assert.ok(stdout.includes(`model="${shown}",`))
    })
  }

  test('clients with tools of their own get no agent models unless one was requested', async () => {
    const idsOf = async (...words: string[]) => {
      const { stdout } = await run(open.folders, ['launch', 'vscode', '--print', '--json', ...words])
      const [{ text }] = JSON.parse(stdout).blocks
      return JSON.parse(text)[0].models.map(({ id }: { id: string }) => id)
    }
    assert.deepEqual(await idsOf(), ['sonnet', 'opus', 'haiku'])
    assert.deepEqual(await idsOf('--model', 'agent/opus'), ['agent/opus', 'sonnet', 'opus', 'haiku'])
  })
})

/** How each client refers to the key; the key itself never appears. */
const references: [client: ClientName, reference: string][] = [
  ['claude-code', 'ANTHROPIC_AUTH_TOKEN="$CLAUDE_SERVE_API_KEY"'],
  ['opencode', '"apiKey": "{env:CLAUDE_SERVE_API_KEY}"'],
  ['aider', 'OPENAI_API_KEY="$CLAUDE_SERVE_API_KEY"'],
  ['qwen-code', 'OPENAI_API_KEY="$CLAUDE_SERVE_API_KEY"'],
  ['pi', '"apiKey": "$CLAUDE_SERVE_API_KEY"'],
  ['copilot-cli', 'COPILOT_PROVIDER_API_KEY="$CLAUDE_SERVE_API_KEY"'],
  ['cline', '-k "$CLAUDE_SERVE_API_KEY"'],
  ['continue', 'apiKey: $' + '{{ secrets.CLAUDE_SERVE_API_KEY }}'],
  ['vscode', 'Chat: Manage Language Models'],
  ['zed', 'CLAUDE_SERVE_API_KEY="$CLAUDE_SERVE_API_KEY" zed'],
  ['open-webui', 'OPENAI_API_KEY="$CLAUDE_SERVE_API_KEY"'],
  ['librechat', 'apiKey: $' + '{CLAUDE_SERVE_API_KEY}'],
  ['n8n', 'API Key: a key of this server'],
  ['llm', 'api_key_name: claude-serve'],
  ['litellm', 'api_key: os.environ/CLAUDE_SERVE_API_KEY'],
  ['ai-sdk', 'apiKey: process.env.CLAUDE_SERVE_API_KEY'],
  ['openai', 'api_key=os.environ["CLAUDE_SERVE_API_KEY"]'],
  ['anthropic', 'option.WithAPIKey(os.Getenv("CLAUDE_SERVE_API_KEY"))'],
]

describe('keys', () => {
  const withKey = { environment: { CLAUDE_SERVE_API_KEY: secret } }

  for (const [client, reference] of references) {
    test(`${client}: the settings refer to the variable and contain no key`, () => {
      const surroundings = {
        platform: 'linux',
        home: '/home/me',
        environment: { CLAUDE_SERVE_API_KEY: secret },
      } as const
      const names = { model: 'sonnet', models: ['opus'], agents: ['agent/sonnet'] }
      const text = asText(
        blocksOf(client, { url: 'http://127.0.0.1:5005', hasKeys: true, call: 'claude-serve', ...names, surroundings }),
      )
      assert.ok(text.includes(reference), text)
      assert.ok(!text.includes('csk_'))
      assert.doesNotMatch(text, /\bnone\b/)
    })
  }

  test('a server that requires keys gets such a reference', async () => {
    const { code, stdout, stderr } = await run(locked.folders, ['launch', 'opencode', '--print'], withKey)
    assert.deepEqual([code, stderr], [0, ''])
    assert.match(stdout, /"apiKey": "\{env:CLAUDE_SERVE_API_KEY\}"/)
  })

  test('a missing key is reported with how to create one, and so is a wrong key', async () => {
    const without = await run(locked.folders, ['launch', 'opencode', '--print'])
    assert.equal(without.code, 0)
    assert.match(without.stdout, /\{env:CLAUDE_SERVE_API_KEY\}/)
    assert.match(
      without.stderr,
      /^claude-serve: this server requires a key: create one with \S+claude-serve keys create/,
    )
    const environment = { CLAUDE_SERVE_API_KEY: 'csk_wrong' }
    const refused = await run(locked.folders, ['launch', 'opencode', '--print'], { environment })
    assert.equal(refused.stderr, 'claude-serve: this server rejects the key in CLAUDE_SERVE_API_KEY\n')
  })

  test('a key in the environment changes nothing if the server requires none', async () => {
    const { stdout } = await run(open.folders, ['launch', 'opencode', '--print'], withKey)
    assert.match(stdout, /"apiKey": "none"/)
  })

  test('if no server is running, the environment decides whether there are keys', async (t) => {
    const { stdout } = await run(makeFolders(t), ['launch', 'opencode', '--print'], withKey)
    assert.match(stdout, /\{env:CLAUDE_SERVE_API_KEY\}/)
  })
})

describe('settings files', () => {
  test('opencode: settings are added to the existing ones and listed, and the old file is copied', async (t) => {
    const home = makeHome(t)
    const folder = join(home, '.config', 'opencode')
    const old = '{"theme": "dark", "provider": {"mine": {"npm": "x"}}}'
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'opencode.json'), old)
    const { code, stdout, stderr } = await run(open.folders, ['launch', 'opencode'], atHome(home))
    assert.deepEqual([code, stderr], [0, ''])
    assert.match(
      stdout,
      /^changed ~\/\.config\/opencode\/opencode\.json:\n {2}\+ \$schema: .*\n {2}\+ provider\.claude-serve: \{.*\n/,
    )
    assert.match(stdout, /the old file is saved beside it as opencode\.json\.bak\n/)
    assert.match(stdout, /\nopencode --model claude-serve\/sonnet\n$/)
    const made = JSON.parse(readFileSync(join(folder, 'opencode.json'), 'utf8'))
    assert.deepEqual([made.theme, made.provider.mine], ['dark', { npm: 'x' }])
    assert.equal(made.provider['claude-serve'].options.baseURL, `${open.url}/v1`)
    assert.equal(readFileSync(join(folder, 'opencode.json.bak'), 'utf8'), old)
    const again = await run(open.folders, ['launch', 'opencode'], atHome(home))
    assert.match(again.stdout, /^~\/\.config\/opencode\/opencode\.json is already up to date\n/)
    assert.deepEqual(readdirSync(folder).sort(), ['opencode.json', 'opencode.json.bak'])
  })

  test('another server address is listed as a change, and a key of the user is not shown', async (t) => {
    const home = makeHome(t)
    const file = join(home, '.continue', 'config.yaml')
    await run(open.folders, ['launch', 'continue'], atHome(home))
    writeFileSync(file, readFileSync(file, 'utf8').replace('apiKey: none', `apiKey: ${secret}`))
    const { stdout } = await run(locked.folders, ['launch', 'continue'], atHome(home))
    assert.ok(stdout.includes(`  ~ models.0.apiBase: "${open.url}/v1" becomes "${locked.url}/v1"\n`), stdout)
    assert.ok(!stdout.includes(secret.slice(4, 12)))
    const { models } = parse(readFileSync(file, 'utf8'))
    assert.deepEqual([models[0].apiKey, models[0].apiBase], [secret, `${locked.url}/v1`])
    assert.match(models[1].apiKey, /^\$\{\{ secrets\.CLAUDE_SERVE_API_KEY \}\}$/)
  })

  test('a file with comments is not changed, and the settings that it needs are shown, exit 1', async (t) => {
    const home = makeHome(t)
    const file = join(home, '.config', 'zed', 'settings.json')
    mkdirSync(join(file, '..'), { recursive: true })
    writeFileSync(file, '// mine\n{}')
    const { code, stdout } = await run(open.folders, ['launch', 'zed'], atHome(home))
    assert.equal(code, 1)
    assert.match(
      stdout,
      /^~\/\.config\/zed\/settings\.json was left unchanged: it is not plain JSON; .*It needs these settings:\n/,
    )
    assert.ok(stdout.includes(`"api_url": "${open.url}/v1"`))
    assert.deepEqual([readFileSync(file, 'utf8'), readdirSync(join(file, '..'))], ['// mine\n{}', ['settings.json']])
  })

  test('if an editor is not installed, no folder is created for it, exit 1', async (t) => {
    const home = makeHome(t)
    const { code, stdout } = await run(open.folders, ['launch', 'vscode'], atHome(home))
    assert.equal(code, 1)
    assert.match(stdout, /chatLanguageModels\.json was left unchanged: its folder does not exist/)
    assert.deepEqual(filesIn(home), [])
  })

  test('a client whose folder is set by a variable is set up there', async (t) => {
    const home = makeHome(t)
    const root = join(home, '..')
    const environment = { HOME: home, LLM_USER_PATH: join(root, 'llm'), XDG_CONFIG_HOME: join(root, 'xdg') }
    await run(open.folders, ['launch', 'llm'], { environment })
    await run(open.folders, ['launch', 'opencode'], { environment })
    const [first] = parse(readFileSync(join(root, 'llm', 'extra-openai-models.yaml'), 'utf8'))
    assert.deepEqual([first.model_id, first.api_base], ['claude-serve/sonnet', `${open.url}/v1`])
    assert.ok(existsSync(join(root, 'xdg', 'opencode', 'opencode.json')))
    assert.deepEqual(filesIn(home), [])
  })

  test('--json prints the same for scripts', async (t) => {
    const home = makeHome(t)
    const setUp = async () =>
      JSON.parse((await run(open.folders, ['launch', 'opencode', '--json'], atHome(home))).stdout)
    const path = join(home, '.config', 'opencode', 'opencode.json')
    const { blocks, files, ...rest } = await setUp()
    assert.deepEqual(rest, { client: 'opencode', title: 'opencode', url: open.url, model: 'sonnet', needs_key: false })
    assert.deepEqual(files, [{ path, status: 'created', reason: null, backup: null }])
    assert.deepEqual(JSON.parse(blocks[0].text), JSON.parse(readFileSync(path, 'utf8')))
    assert.deepEqual((await setUp()).files, [{ path, status: 'unchanged', reason: null, backup: null }])
    writeFileSync(path, '{}')
    assert.deepEqual((await setUp()).files, [{ path, status: 'changed', reason: null, backup: `${path}.bak` }])
  })

  test('--print writes nothing, and what it shows is what would be written', async (t) => {
    const home = makeHome(t)
    const { stdout } = await run(open.folders, ['launch', 'continue', '--print'], atHome(home))
    assert.deepEqual(filesIn(home), [])
    await run(open.folders, ['launch', 'continue'], atHome(home))
    const written = readFileSync(join(home, '.continue', 'config.yaml'), 'utf8')
    assert.equal(stdout, `In ~/.continue/config.yaml:\n\n${written}`)
  })

  test('a file that cannot be written is reported in one line, exit 1', async (t) => {
    const home = makeHome(t)
    writeFileSync(join(home, '.continue'), '')
    assertFailure(await run(open.folders, ['launch', 'continue'], atHome(home)), /config\.yaml cannot be \w+ \(E\w+\)/)
  })
})
