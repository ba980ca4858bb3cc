// Runs the examples of the documents in docs/, changed only in the address and a folder: what a reader types must work, and what a page shows
// as the answer must be the answer. Pages that start many programs are run by docs-examples.extended.ts. Not for the README
// (readme.test.ts), for what the pages about clients generate (docs-clients.test.ts), and for whether commands exist (packaging.test.ts).
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { parseDocument } from 'yaml'
import { SCENARIOS } from '../src/demo/scenarios.ts'
import { type ErrorCode, errorCodes } from '../src/errors.ts'
import { startSharedServer } from './commands/shared-server.ts'
import {
  adapted,
  differences,
  type Example,
  examplesOf,
  findProgram,
  noPython,
  repository,
  runPython,
  runShell,
  titleOf,
} from './helpers/document-examples.ts'
import { test, testIf } from './helpers/extended.ts'
import { runPrograms } from './helpers/run-programs.ts'
import { startTestServer, type TestServer } from './helpers/test-server.ts'

const demo = await startSharedServer({ config: { demo: true } })

/** These show commands and programs that take a second each to start, and are run by the extended tests. */
const slowPages = ['docs/commands.md', 'docs/config.md', 'docs/cookbook.md', 'docs/metrics.md', 'docs/operations.md']

const pages = globSync('docs/**/*.md', { cwd: repository }).sort()
const examples = pages.flatMap(examplesOf)
const inLanguage = (language: string) => examples.filter((example) => example.language === language)
const nameOf = ({ file, line, text }: Example) => `${file}:${line} ${titleOf({ text })}`

test('an example that no test runs says why', () => {
  const marks = pages.flatMap((file) =>
    [...readFileSync(join(repository, file), 'utf8').matchAll(/<!--\s*not run\b(.*)\n(.*)/gi)].map(
      ([mark, , next = '']) => ({ file, mark, next }),
    ),
  )
  for (const { file, mark, next } of marks) {
    assert.match(mark, /^<!-- not run: \w[^\n]{8,} -->\n/, `${file}: a mark has a reason`)
    assert.match(next, /^```\w+$/, `${file}: a mark is directly above its example`)
  }
  assert.equal(marks.length, examples.filter(({ notRun }) => notRun !== null).length)
})

test('every JSON example can be parsed', () => {
  const found = inLanguage('json')
  assert.ok(found.length > 3)
  for (const example of found) assert.doesNotThrow(() => parsed(example.text), nameOf(example))
})

test('every YAML example can be parsed', () => {
  const found = inLanguage('yaml')
  assert.ok(found.length > 3)
  // Tags such as !secret are the reader's own.
  for (const example of found) assert.deepEqual(parseDocument(example.text).errors, [], nameOf(example))
})

/** One document, or one in each line. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line))
  }
}

test('every shell example is valid in a shell', () => {
  for (const example of inLanguage('sh')) {
    assert.doesNotThrow(() => execFileSync('bash', ['-n', '-c', example.text], { stdio: 'pipe' }), nameOf(example))
  }
})

test('the errors in the troubleshooting page have the codes and statuses of the table', () => {
  const text = readFileSync(join(repository, 'docs/troubleshooting.md'), 'utf8')
  const rows = [...text.matchAll(/^\| `([a-z_]+)` \(([\d, ]+)\)/gm)]
  assert.ok(rows.length > 20)
  for (const [row, code = '', statuses = ''] of rows) {
    assert.ok(code in errorCodes, row)
    assert.ok(statuses.split(', ').includes(String(errorCodes[code as ErrorCode].status)), row)
  }
})

test('the questions name every word of the demo', () => {
  const text = readFileSync(join(repository, 'docs/faq.md'), 'utf8')
  const words = SCENARIOS.flatMap(({ keywords }) => keywords)
  assert.ok(words.length > 10)
  for (const word of words) assert.ok(text.includes(`\`${word}\``), word)
})

const lists = ['docs/README.md', 'llms.txt']

test('the lists of the documents name each of them once, with what it is for', () => {
  for (const list of lists) {
    const lines = readFileSync(join(repository, list), 'utf8')
      .split('\n')
      .filter((line) => line.startsWith('- '))
    const targets = lines.map((line) => {
      const [, target = ''] = /^- \[[^\]]+\]\(([^)]+)\): \S/.exec(line) ?? []
      assert.ok(existsSync(join(repository, dirname(list), target)), `${list}: ${line}`)
      return join(dirname(list), target)
    })
    assert.equal(new Set(targets).size, targets.length, list)
    const named = pages.filter((file) => dirname(file) === 'docs' && file !== 'docs/README.md')
    assert.deepEqual(
      named.filter((file) => !targets.includes(file)),
      [],
      list,
    )
  }
  // As https://llmstxt.org describes: a title, a summary as a quotation, then sections.
  assert.match(readFileSync(join(repository, 'llms.txt'), 'utf8'), /^# [^\n]+\n\n> [^\n]+\n\n[^#\n][^\n]*\n\n## /)
})

const isRun = ({ notRun }: Example) => notRun === null

/** The pages about clients have tests of their own, except for the list of them. */
const ownPages = pages.filter((file) => dirname(file) !== 'docs/clients')

/** Programs of an example that are not on every machine and that cannot be found here. */
const missingFor = ({ text }: Example) =>
  ['jq', 'git'].filter((name) => new RegExp(`^(.*[|(] *)?${name} `, 'm').test(text) && findProgram(name) === undefined)

/** What the examples expect in the folder of a project. */
function prepareProject({ folders }: TestServer): void {
  execFileSync('git', ['init', '-q', folders.cwd], { stdio: 'ignore' })
  mkdirSync(join(folders.home, 'projects'))
  const png = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=='
  writeFileSync(join(folders.cwd, 'screenshot.png'), Buffer.from(png, 'base64'))
  for (const name of ['README.md', 'server.log', 'notes.md']) writeFileSync(join(folders.cwd, name), `${name}\n`)
}

prepareProject(demo)

for (const file of ownPages) {
  const all = examplesOf(file)
  const blocks = all.filter((example) => example.language === 'sh' && isRun(example))
  if (blocks.length === 0) continue
  testIf(!slowPages.includes(file))(file, async (t) => {
    // Keys that an example creates would hold for those of the other pages too.
    const server = slowPages.includes(file) ? await startTestServer(t, { config: { demo: true } }) : demo
    if (server !== demo) prepareProject(server)
    const runnable = blocks.filter((block) => missingFor(block).length === 0)
    const texts = runnable.map(({ text }) => text)
    const { outputs, stderr } = await runShell(server, texts)
    for (const block of blocks) {
      const missing = missingFor(block)
      await t.test(nameOf(block), { skip: missing.length > 0 && `there is no ${missing}` }, () => {
        const output = outputs[runnable.indexOf(block)]
        assert.ok(output !== undefined, `it failed, or one before it: ${stderr}`)
        const next = all[all.indexOf(block) + 1]
        if (next?.language === 'json' && isRun(next)) {
          assert.deepEqual(differences(parsed(next.text), parsed(output)), [])
        } else {
          assert.doesNotMatch(output, /"error":[^n]/)
        }
      })
    }
  })
}

for (const program of examples.filter((example) => example.language === 'python' && isRun(example))) {
  if (ownPages.includes(program.file)) {
    testIf(!slowPages.includes(program.file))(nameOf(program), { skip: noPython }, async () => {
      const output = await runPython(demo, program.text)
      assert.match(output, /\w+/)
    })
  }
}

const programs = examples.filter(
  (example) => example.language === 'js' && isRun(example) && ownPages.includes(example.file),
)
let outputs: Promise<string[]> | null = null
for (const [index, program] of programs.entries()) {
  testIf(!slowPages.includes(program.file))(nameOf(program), async () => {
    const texts = programs.map(({ text }) => adapted(demo, text))
    outputs ??= runPrograms(texts, demo.folders.cwd, demo.folders.home)
    const output = (await outputs)[index] ?? ''
    assert.match(output, /\w+/)
    assert.doesNotMatch(output, /undefined/)
  })
}
