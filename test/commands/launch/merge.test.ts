// Merging into existing settings: what `launch` adds, corrects and leaves unchanged, in values and in files.
import assert from 'node:assert/strict'
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, type TestContext, test } from 'node:test'
import { parse } from 'yaml'
import { CommandError } from '../../../src/commands/command.ts'
import type { Json, SettingsFile } from '../../../src/commands/launch/instructions.ts'
import { changesTo, MergeConflict, withChanges } from '../../../src/commands/launch/merge.ts'
import { reportFile } from '../../../src/commands/launch/report.ts'
import { planFile, writeFile } from '../../../src/commands/launch/settings-file.ts'

const values: [title: string, existing: Json, wanted: Json, merged: Json][] = [
  ['missing settings are added', { theme: 'dark' }, { provider: { x: 1 } }, { theme: 'dark', provider: { x: 1 } }],
  [
    'settings beside them stay',
    { provider: { mine: { a: 1 } } },
    { provider: { ours: { b: 2 } } },
    { provider: { mine: { a: 1 }, ours: { b: 2 } } },
  ],
  ['a value of the user stays', { limit: 9, name: 'Mine' }, { limit: 1, name: 'Ours' }, { limit: 9, name: 'Mine' }],
  ['null counts as missing', { models: null }, { models: [{ name: 'a' }] }, { models: [{ name: 'a' }] }],
  [
    'an address is corrected, and its path stays',
    { baseURL: 'http://localhost:4000/v1/messages?beta=1' },
    { baseURL: 'http://127.0.0.1:5005/v1' },
    { baseURL: 'http://127.0.0.1:5005/v1/messages?beta=1' },
  ],
  [
    'an address has several names',
    { url: 'http://a/x', api_url: 'http://a/x', apiBase: 'http://a/x', api_base: 'http://a/x', homepage: 'http://a/x' },
    { url: 'http://b/', api_url: 'http://b/', apiBase: 'http://b/', api_base: 'http://b/', homepage: 'http://b/' },
    { url: 'http://b/x', api_url: 'http://b/x', apiBase: 'http://b/x', api_base: 'http://b/x', homepage: 'http://a/x' },
  ],
  [
    'a value that is not an address becomes one',
    { baseURL: 'later' },
    { baseURL: 'http://b/v1' },
    { baseURL: 'http://b/v1' },
  ],
  ['a placeholder is replaced by a key', { apiKey: 'none' }, { apiKey: '{env:K}' }, { apiKey: '{env:K}' }],
  ["the user's own key stays", { api_key: 'csk_own' }, { api_key: 'none' }, { api_key: 'csk_own' }],
  [
    'entries of a list are matched by id, then by name',
    [
      { id: 1, name: 'a', url: 'http://a/' },
      { name: 'b', note: 'x' },
    ],
    [{ id: 1, name: 'z', url: 'http://c/' }, { name: 'b', more: true }, { name: 'c' }, { model_id: 'd' }],
    [{ id: 1, name: 'a', url: 'http://c/' }, { name: 'b', note: 'x', more: true }, { name: 'c' }, { model_id: 'd' }],
  ],
  ['a list of plain values belongs to the user', { roles: ['chat'] }, { roles: ['chat', 'edit'] }, { roles: ['chat'] }],
  ['inherited property names are not settings', {}, { constructor: { a: 1 } }, { constructor: { a: 1 } }],
]

describe('values', () => {
  for (const [title, existing, wanted, merged] of values) {
    test(title, () => {
      const before = structuredClone(existing)
      const made = withChanges(existing, changesTo(existing, wanted))
      assert.deepEqual(made, merged)
      assert.deepEqual(existing, before, 'the input is not modified')
      assert.deepEqual(changesTo(made, wanted), [], 'a second time there are no changes')
    })
  }

  for (const [existing, message] of [
    [{ provider: [] }, /^provider is not an object$/],
    [{ provider: 'x' }, /^provider is not an object$/],
    [{ models: {} }, /^models is not a list$/],
    [{ provider: { name: [] } }, /^provider\.name is not a single value$/],
    [[], /^it is not an object$/],
  ] as [Json, RegExp][]) {
    test(`another structure is a conflict: ${JSON.stringify(existing)}`, () => {
      const wanted = { provider: { name: 'x' }, models: [{ name: 'a' }] }
      assert.throws(
        () => changesTo(existing, wanted),
        (error) => error instanceof MergeConflict && message.test(error.message),
      )
    })
  }
})

function folderOf(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'claude-serve-launch-'))
  t.after(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

const settings: Json = { provider: { ours: { baseURL: 'http://127.0.0.1:5005/v1' } } }

const fileAt = (path: string, more: Partial<SettingsFile> = {}): SettingsFile => ({
  kind: 'file',
  path,
  format: 'json',
  settings,
  needsFolder: false,
  ...more,
})

/** Does what `launch` does with a file. Returns its content afterwards. */
function apply(file: SettingsFile): string {
  const plan = planFile(file)
  if (plan.skipReason !== null) assert.fail(plan.skipReason)
  if (plan.changes.length > 0) writeFile(plan.target, plan.text, plan.isNew)
  return readFileSync(file.path, 'utf8')
}

const wantedYaml: Json = { name: 'Ours', models: [{ name: 'new', apiBase: 'http://127.0.0.1:5005/v1' }] }
const ours = '{"ours":{"baseURL":"http://127.0.0.1:5005/v1"}}'

const texts: [title: string, format: 'json' | 'yaml', before: string, after: string][] = [
  [
    'JSON retains its tabs and its last line break',
    'json',
    '{\n\t"theme": "dark"\n}\n',
    '{\n\t"theme": "dark",\n\t"provider": {\n\t\t"ours": {\n\t\t\t"baseURL": "http://127.0.0.1:5005/v1"\n\t\t}\n\t}\n}\n',
  ],
  [
    'JSON retains its four spaces, without a last line break',
    'json',
    '{\n    "theme": "dark",\n    "provider": {}\n}',
    '{\n    "theme": "dark",\n    "provider": {\n        "ours": {\n            "baseURL": "http://127.0.0.1:5005/v1"\n        }\n    }\n}',
  ],
  [
    'JSON retains Windows line breaks',
    'json',
    '{\r\n  "theme": "dark"\r\n}\r\n',
    '{\r\n  "theme": "dark",\r\n  "provider": {\r\n    "ours": {\r\n      "baseURL": "http://127.0.0.1:5005/v1"\r\n    }\r\n  }\r\n}\r\n',
  ],
  ['an empty file gets all settings', 'json', '\n', `${JSON.stringify(settings, null, 2)}\n`],
  [
    'YAML retains its comments and its quotes',
    'yaml',
    '# mine\nname: "Mine" # really\nmodels:\n  # first\n  - name: old\n    note: \'a: b\'\nrules:\n  - be nice\n',
    '# mine\nname: "Mine" # really\nmodels:\n  # first\n  - name: old\n    note: \'a: b\'\n' +
      '  - name: new\n    apiBase: http://127.0.0.1:5005/v1\nrules:\n  - be nice\n',
  ],
  [
    'YAML with nothing but a comment retains it',
    'yaml',
    '# mine\n',
    '# mine\n\nname: Ours\nmodels:\n  - name: new\n    apiBase: http://127.0.0.1:5005/v1\n',
  ],
  [
    'YAML with an empty list gets its first entry',
    'yaml',
    'name: Mine\nmodels: []\n',
    'name: Mine\nmodels:\n  - name: new\n    apiBase: http://127.0.0.1:5005/v1\n',
  ],
]

const unclear: [title: string, format: 'json' | 'yaml', text: string, message: RegExp][] = [
  ['JSON with a comment', 'json', '// mine\n{}', /comments and trailing commas would be lost/],
  ['JSON with a trailing comma', 'json', '{"a":1,}', /comments and trailing commas would be lost/],
  ['JSON that ends too early', 'json', '{"a":', /not plain JSON/],
  ['JSON of another structure', 'json', '[]', /it is not an object/],
  ['invalid YAML', 'yaml', 'a: [1\nb: }', /it cannot be parsed as YAML/],
  ['YAML with two documents', 'yaml', 'a: 1\n---\nb: 2\n', /it cannot be parsed as YAML/],
  ['YAML of another structure', 'yaml', 'models: yes please\n', /models is not a list/],
  [
    'YAML whose address is used elsewhere',
    'yaml',
    'models: [{name: new, apiBase: &a http://x/v1}]\nb: *a',
    /changed safely/,
  ],
  [
    'YAML in which a change would affect another setting',
    'yaml',
    'a: &one\n  - name: x\nmodels: *one\n',
    /changed safely/,
  ],
]

describe('files', () => {
  for (const [title, format, before, after] of texts) {
    test(title, (t) => {
      const path = join(folderOf(t), 'settings')
      writeFileSync(path, before)
      const file = fileAt(path, { format, settings: format === 'json' ? settings : wantedYaml })
      assert.equal(apply(file), after)
      assert.equal(apply(file), after, 'a second time nothing is written')
      assert.equal(readFileSync(`${path}.bak`, 'utf8'), before)
      assert.deepEqual(readdirSync(join(path, '..')).sort(), ['settings', 'settings.bak'])
    })
  }

  for (const [title, format, text, message] of unclear) {
    test(`${title} is left unchanged`, (t) => {
      const path = join(folderOf(t), 'settings')
      writeFileSync(path, text)
      const { skipReason } = planFile(fileAt(path, { format, settings: format === 'json' ? settings : wantedYaml }))
      assert.match(skipReason ?? '', message)
      assert.equal(readFileSync(path, 'utf8'), text)
    })
  }

  test('a new file and its folders are private', (t) => {
    const path = join(folderOf(t), 'one', 'two', 'settings.json')
    assert.deepEqual(JSON.parse(apply(fileAt(path))), settings)
    assert.equal(statSync(path).mode & 0o777, 0o600)
    assert.equal(statSync(join(path, '..')).mode & 0o777, 0o700)
    assert.deepEqual(readdirSync(join(path, '..')), ['settings.json'])
  })

  test('a new file contains what is shown, in either format', (t) => {
    const folder = folderOf(t)
    const json = planFile(fileAt(join(folder, 'a')))
    const yaml = planFile(fileAt(join(folder, 'b'), { format: 'yaml', settings: [{ model_id: 'a' }] }))
    assert.ok(json.skipReason === null && yaml.skipReason === null)
    assert.equal(json.text, `${JSON.stringify(settings, null, 2)}\n`)
    assert.deepEqual(json.changes, [{ path: ['provider'], before: undefined, after: JSON.parse(ours) }])
    assert.deepEqual(parse(yaml.text), [{ model_id: 'a' }])
  })

  test('if the client is not installed, nothing is created', (t) => {
    const folder = join(folderOf(t), 'zed')
    const { skipReason } = planFile(fileAt(join(folder, 'settings.json'), { needsFolder: true }))
    assert.match(skipReason ?? '', /its folder does not exist/)
    mkdirSync(folder)
    assert.equal(planFile(fileAt(join(folder, 'settings.json'), { needsFolder: true })).skipReason, null)
  })

  test('each old version is saved under its own name, and the permissions stay', (t) => {
    const path = join(folderOf(t), 'settings')
    for (const [count, name] of [
      [1, 'settings.bak'],
      [2, 'settings.bak2'],
      [3, 'settings.bak3'],
    ]) {
      writeFileSync(path, `{"count":${count}}`)
      chmodSync(path, 0o640)
      apply(fileAt(path))
      assert.equal(readFileSync(join(path, '..', String(name)), 'utf8'), `{"count":${count}}`)
      assert.equal(statSync(path).mode & 0o777, 0o640)
    }
  })

  test('a link still points to its file', (t) => {
    const folder = folderOf(t)
    const [link, target] = [join(folder, 'link'), join(folder, 'dotfiles', 'settings.json')]
    mkdirSync(join(folder, 'dotfiles'))
    writeFileSync(target, '{}')
    symlinkSync(target, link)
    apply(fileAt(link))
    assert.ok(lstatSync(link).isSymbolicLink())
    assert.deepEqual(JSON.parse(readFileSync(target, 'utf8')), settings)
    assert.deepEqual(readdirSync(join(folder, 'dotfiles')).sort(), ['settings.json', 'settings.json.bak'])
  })

  test('the report of a change shows no secret', () => {
    const changes = [
      { path: ['x', 'url'], before: 'http://me:sekret-word@old/v1', after: 'http://127.0.0.1:5005/v1' },
      { path: ['x', 'headers'], before: undefined, after: { authorization: 'Bearer abcdefgh' } },
    ]
    const facts = { path: '/x', status: 'changed', reason: null, backup: '/x.bak' } as const
    const text = reportFile({ shown: '~/x', changes, facts }, { intro: '', language: '', text: '' })
    assert.match(text, /x\.url: "http:\/\/me:\*+@old\/v1" becomes "http:\/\/127\.0\.0\.1:5005\/v1"/)
    assert.doesNotMatch(text, /sekret|abcdefgh/)
  })

  test('a file that cannot be read or written is reported in one line', (t) => {
    const folder = folderOf(t)
    const isReported = (error: unknown) =>
      error instanceof CommandError && /^\S+ (cannot be|is not)/.test(error.message)
    assert.throws(() => planFile(fileAt(folder)), isReported)
    writeFileSync(join(folder, 'file'), '')
    assert.throws(() => planFile(fileAt(join(folder, 'file', 'settings.json'))), isReported)
    assert.throws(() => writeFile(join(folder, 'file', 'settings.json'), '{}', true), isReported)
    assert.deepEqual(readdirSync(folder), ['file'])
  })
})
