// The pages about clients: each shows exactly what `launch` prints, and their examples are run if possible. That the answer of the real
// CLI reaches such programs is in test/clients/.
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { after, describe, type TestContext, test } from 'node:test'
import { promisify } from 'node:util'
import { parse as parseToml } from 'smol-toml'
import { parse as parseYaml } from 'yaml'
import { asMarkdown, shownTarget } from '../scripts/clients-document.ts'
import { sdkExecutable } from '../src/claude/cli/executable.ts'
import { asText } from '../src/commands/launch/instructions.ts'
import { blocksOf } from '../src/commands/launch/launch.ts'
import { type ClientName, clientNames, clientTitles } from '../src/commands/launch/names.ts'
import { sdks } from '../src/commands/launch/sdks.ts'
import { fakeClaude, run } from './commands/command-process.ts'
import { examplesOf, repository } from './helpers/document-examples.ts'
import { runPrograms } from './helpers/run-programs.ts'
import { makeFolders, startTestServer } from './helpers/test-server.ts'

const cleanUp: (() => unknown)[] = []
const forAll = { after: (step?: unknown) => cleanUp.push(step as () => unknown) }
after(async () => {
  for (const step of cleanUp) await step()
})

const server = await startTestServer(forAll, { config: { claudeBin: fakeClaude } })
const folders = makeFolders(forAll)
const pages = join(repository, 'docs/clients')
const usualUrl = shownTarget.url

const pageOf = (name: string) => readFileSync(join(pages, `${name}.md`), 'utf8')

const blocks = clientNames.flatMap((client) =>
  examplesOf(`docs/clients/${client}.md`).map(({ language, text }) => ({ client, language, text })),
)

const inLanguage = (...languages: string[]) => blocks.filter(({ language }) => languages.includes(language))

const sections = ['## Settings', '## Limits', '## When it does not work', '## Tried?']

/** Those with a page and without `launch`, in the order of the list. */
const otherNames = ['openai-agents', 'langchain', 'mastra', 'genkit', 'strands', 'codex-sdk', 'promptfoo', 'ollama']
const titleOf = (name: string) => /^# (.*)$/m.exec(pageOf(name))?.[1] ?? ''

const parsers: Record<string, (text: string) => unknown> = { json: JSON.parse, yaml: parseYaml, toml: parseToml }

describe('each page', () => {
  for (const name of clientNames) {
    test(`${name} shows what launch prints`, () => {
      const shown = asMarkdown(blocksOf(name, shownTarget))
      assert.ok(shown.length > 0 && pageOf(name).includes(`${shown}\n`), 'run `npm run docs`')
    })

    test(`${name} has sections on settings, limits, problems, and whether it was tried`, () => {
      const titles = [...pageOf(name).matchAll(/^#+ .*$/gm)].map(([title]) => title)
      assert.deepEqual(titles, [`# ${clientTitles[name]}`, ...sections])
      assert.match(pageOf(name), /## Tried\?\n\n(Tried with [^\n]*\d|Written from )/)
    })
  }

  test('exists for each client and is in the list', () => {
    const files = readdirSync(pages).sort()
    assert.deepEqual(files, [...clientNames, ...otherNames, 'README'].map((name) => `${name}.md`).sort())
    const rows = [...pageOf('README').matchAll(/^\| \[([^\]]*)\]\(([^)]*)\.md\) \| [^|]* \| ([^|]*) \|$/gm)]
    assert.deepEqual(
      rows.map(([, title, file]) => [file, title]),
      [...clientNames.map((name) => [name, clientTitles[name]]), ...otherNames.map((name) => [name, titleOf(name)])],
    )
    for (const [, title, name = '', tried = ''] of rows) {
      assert.equal(
        /^Written from /m.test(pageOf(name).split('## Tried?')[1] ?? ''),
        tried === 'no',
        `${title}: ${tried}`,
      )
    }
  })

  for (const name of otherNames) {
    test(`${name}, which launch does not know, has the same sections and settings that are valid`, () => {
      const titles = [...pageOf(name).matchAll(/^#+ .*$/gm)].map(([title]) => title)
      assert.deepEqual(titles, [`# ${titleOf(name)}`, ...sections])
      assert.match(pageOf(name), /## Tried\?\n\n(Tried with [^\n]*\d|Written from )/)
      const examples = examplesOf(`docs/clients/${name}.md`)
      assert.ok(examples.some(({ text }) => text.includes(usualUrl)))
      for (const { language, text, notRun } of examples) {
        const parse = parsers[language]
        if (parse === undefined) assert.ok(notRun !== null, `${name}: ${language}`)
        else assert.ok(typeof parse(text) === 'object')
      }
    })
  }

  test('has links that resolve', () => {
    for (const name of [...clientNames, ...otherNames, 'README']) {
      for (const [, target = '', anchor] of pageOf(name).matchAll(/\]\(([^)#]+)(?:#([^)]*))?\)/g)) {
        const file = join(pages, target)
        assert.ok(existsSync(file), `${name}: ${target}`)
        const anchors = [...readFileSync(file, 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
          title.toLowerCase().replaceAll(' ', '-'),
        )
        if (anchor !== undefined) assert.ok(anchors.includes(anchor), `${name}: ${target}#${anchor}`)
      }
    }
  })
})

test('launch puts the values of the server into the programs of the pages', () => {
  const other = { ...shownTarget, url: 'https://claude.example/"\\', model: 'agent/opus', hasKeys: true }
  for (const name of Object.keys(sdks) as ClientName[]) {
    for (const { intro, language, text } of blocksOf(name, other)) {
      assert.doesNotMatch(text, /127\.0\.0\.1|5005|sonnet|\bnone\b/, `${name}, ${intro}`)
      const [url, key] = [
        language === 'sh' ? other.url : JSON.stringify(other.url).slice(1, -1),
        'CLAUDE_SERVE_API_KEY',
      ]
      for (const value of [url, '"agent/opus"', key]) assert.ok(text.replaceAll("'", '"').includes(value), text)
      if (language === 'python') assert.match(text, /^import os\n/)
      if (language === 'go') assert.match(text, /\t"fmt"\n\t"os"\n\n/)
    }
  }
})

test('launch --print prints what the pages show', async () => {
  for (const name of clientNames) {
    const here = { ...shownTarget.surroundings, platform: process.platform }
    const { stdout } = await run(folders, ['launch', name, '--print'])
    const shown = asText(blocksOf(name, { ...shownTarget, surroundings: { ...here, home: folders.home } }))
    assert.equal(stdout, `${shown}\n`, name)
  }
})

describe('settings', () => {
  for (const { client, language, text } of inLanguage('json', 'yaml', 'toml')) {
    test(`${client}: its ${language} is valid and names the server`, () => {
      const value = parsers[language]?.(text)
      assert.ok(typeof value === 'object' && value !== null)
      assert.match(JSON.stringify(value), /"http:\/\/127\.0\.0\.1:5005\/v1/)
    })
  }

  test('exist in each language', () => {
    const clientsWith = (language: string) => inLanguage(language).map(({ client }) => client)
    assert.deepEqual(clientsWith('json'), ['opencode', 'qwen-code', 'pi', 'vscode', 'zed'])
    assert.deepEqual(clientsWith('yaml'), ['continue', 'librechat', 'llm', 'litellm'])
    assert.deepEqual(clientsWith('toml'), ['codex'])
  })
})

/** The stdout of a program. */
async function output(command: string, args: string[], environment: Record<string, string> = {}): Promise<string> {
  const { stdout } = await promisify(execFile)(command, args, {
    cwd: folders.cwd,
    env: { PATH: '/usr/local/bin:/usr/bin:/bin', HOME: folders.home, ...environment },
    timeout: 60_000,
  })
  return stdout
}

const here = (text: string) => text.replaceAll(usualUrl, server.url)

describe('programs', () => {
  symlinkSync(join(repository, 'node_modules'), join(folders.cwd, 'node_modules'))

  const programs = inLanguage('js')
  let outputs: Promise<string[]> | null = null
  for (const [index, { client, text }] of programs.entries()) {
    test(`${client}: JavaScript, ${/from '([^']+)'/.exec(text)?.[1]}`, async () => {
      const texts = programs.map((program) => here(program.text))
      outputs ??= runPrograms(texts, folders.cwd, folders.home)
      assert.match((await outputs)[index] ?? '', /^Hello from the demo model.*"?Say hello"?\n?$/)
    })
  }

  for (const { client, text } of inLanguage('sh').filter(({ text }) => text.startsWith('curl '))) {
    test(`${client}: curl`, async () => {
      const answer = JSON.parse(await output('bash', ['-c', here(text)]))
      const content = client === 'openai' ? answer.choices[0].message.content : answer.content[0].text
      assert.match(content, /^Hello from the demo model/)
    })
  }

  test('Claude Code works as its page starts it', async (t: TestContext) => {
    const program = sdkExecutable()
    assert.ok(program)
    const { root, home } = makeFolders(t)
    mkdirSync(join(root, 'bin'))
    symlinkSync(program, join(root, 'bin/claude'))
    const [{ text } = { text: '' }] = inLanguage('sh').filter(({ client }) => client === 'claude-code')
    const line = `${here(text).trim()} -p 'Ahoy' --tools ''`
    const environment = {
      PATH: `${join(root, 'bin')}:/usr/bin:/bin`,
      HOME: home,
      CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    }
    const stdout = await output('bash', ['-c', line], environment)
    assert.match(stdout, /^Hello from the demo model\..*\n$/)
  })

  test('exist in the expected numbers', () => {
    const count = (language: string) => inLanguage(language).length
    assert.deepEqual([count('js'), count('python'), count('go'), count('java'), count('ruby')], [5, 3, 2, 2, 2])
    const lines = inLanguage('sh').filter(({ text }) => text.startsWith('curl '))
    assert.deepEqual(
      lines.map(({ client }) => client),
      ['openai', 'anthropic'],
    )
  })
})

describe('command lines', () => {
  for (const { client, text } of inLanguage('sh')) {
    test(`${client}: ${text.split('\n')[0]}`, async () => {
      assert.equal(await output('bash', ['-n', '-c', text]), '')
    })
  }
})
