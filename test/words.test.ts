// The code speaks the language of its field: identifiers and file names that were retired stay out, prose is American English, and
// folders and files stay small. The words in use are explained in ARCHITECTURE.md.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { test } from 'node:test'
import { readSource } from './helpers/source-text.ts'

const root = join(import.meta.dirname, '..')

/** Tracked files that exist. */
const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { cwd: root, encoding: 'utf8' })
  .split('\n')
  .filter((path) => path !== '' && existsSync(join(root, path)))

const read = (path: string) => readFileSync(join(root, path), 'utf8')

const isCode = (path: string) => /\.(ts|tsx|mjs)$/.test(path)
const isProse = (path: string) => /\.(md|yml|html|css|sh)$|^\.ci\/run$|^Dockerfile$/.test(path)

/** Words that no identifier contains: each stood for several meanings. The field's words say which one is meant. */
const retiredWords = new Set(
  [
    'told',
    'untold',
    'asked',
    'unasked',
    'said',
    'given',
    'wish',
    'wishes',
    'birth',
    'fault',
    'faults',
    'place',
    'places',
  ]
    .concat(['face', 'faces', 'dialect', 'dialects', 'tell', 'tells', 'mend', 'mends', 'lend', 'lent', 'recall'])
    .concat(['tripwire']),
)

const retiredNames = new Set([
  'at',
  'goOn',
  'giveBack',
  'keepTidy',
  'endWithConnection',
  'stepsTo',
  'hangUp',
  'plainLine',
])

const retiredFiles = [
  'said kinds choice plain-line plan-line tripwire steps-to safe-executable call-thread child mailbox process-records',
  'held-conversation asks run-asks silence-watch settings-files start-check failure turn-run file-state answer-reader',
  'early-events json-text second-try tool-offer token-gauge key-watch page-links run-clock live-run side-requests folders',
  'callers hang-up faults peer paths stream-readers empty-bodies follow-run run-answers carried-thoughts response-chain',
  'typed-tools witness told place',
]
  .join(' ')
  .split(' ')

/** `askedTokenCount` is made of asked, token and count. */
const wordsOf = (name: string) => name.split(/[_$\d]+|(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])/).filter(Boolean)

const isRetired = (name: string) =>
  retiredNames.has(name) || wordsOf(name).some((word) => retiredWords.has(word.toLowerCase()))

/** British spellings; the permanent status `cancelled` and its forms are the exception. */
const british =
  /\b\w*(?:behaviour|honour|colour|favour|neighbour|licence|catalogue|grey|summaris|initialis|serialis|normalis|organis|authoris|recognis|analys(?:e|ing))\w*/gi

const texts = files.filter(isCode).map((path) => ({ path, ...readSource(read(path), path.endsWith('.tsx')) }))

test('identifiers are words of the field: none that was retired comes back', () => {
  const found = texts.flatMap(({ path, identifiers }) =>
    identifiers.filter(({ name }) => isRetired(name)).map(({ name, line }) => `${path}:${line} ${name}`),
  )
  assert.deepEqual(found, [])
})

test('files are named after what they do: no retired name comes back', () => {
  const found = files.filter((path) => isCode(path) && retiredFiles.includes(basename(path).replace(/\..*$/, '')))
  assert.deepEqual(found, [])
})

test('prose is American English', () => {
  const inCode = texts.flatMap(({ path, prose }) => prose.map(({ text, line }) => ({ where: `${path}:${line}`, text })))
  const inDocuments = files.filter(isProse).flatMap((path) =>
    read(path)
      .split('\n')
      .map((text, index) => ({ where: `${path}:${index + 1}`, text })),
  )
  const found = [...inCode, ...inDocuments].flatMap(({ where, text }) =>
    [...text.matchAll(british)].map(([word]) => `${where} ${word}`),
  )
  assert.deepEqual(found, [])
})

const sources = files.filter((path) => path.startsWith('src/'))

test('no folder in src/ holds more than 20 files side by side', () => {
  const counts = Map.groupBy(sources, dirname)
  assert.ok(counts.size > 20)
  assert.deepEqual(
    [...counts].filter(([, inFolder]) => inFolder.length > 20).map(([folder]) => folder),
    [],
  )
})

test('no file in src/ has more than 400 lines', () => {
  assert.deepEqual(
    sources.filter((path) => read(path).split('\n').length > 401),
    [],
  )
})

test('the check sees identifiers in patterns, templates and types, and passes over strings, members and regular expressions', () => {
  const placeholder = (name: string) => ['$', '{', name, '}'].join('')
  const source = [
    'const { told } = x.said /* asked */',
    `const a = \`${placeholder('given')} asked\``,
    "f('told', /told'/.test(b), { wish: 1 })",
  ].join('\n')
  const names = readSource(source).identifiers.filter(({ name }) => isRetired(name))
  assert.deepEqual(names, [
    { name: 'told', line: 1 },
    { name: 'given', line: 2 },
    { name: 'wish', line: 3 },
  ])
})
