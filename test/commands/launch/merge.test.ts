// What `launch` makes of settings that are there already: what it adds, corrects and leaves alone, as values and as files.
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
  ['what is missing is added', { theme: 'dark' }, { provider: { x: 1 } }, { theme: 'dark', provider: { x: 1 } }],
  [
    'what is beside it stays',
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
    'an address is known under its other names',
    { url: 'http://a/x', api_url: 'http://a/x', apiBase: 'http://a/x', api_base: 'http://a/x', homepage: 'http://a/x' },
    { url: 'http://b/', api_url: 'http://b/', apiBase: 'http://b/', api_base: 'http://b/', homepage: 'http://b/' },
    { url: 'http://b/x', api_url: 'http://b/x', apiBase: 'http://b/x', api_base: 'http://b/x', homepage: 'http://a/x' },
  ],
  ['what is no address becomes one', { baseURL: 'later' }, { baseURL: 'http://b/v1' }, { baseURL: 'http://b/v1' }],
  ['a placeholder gives way to a key', { apiKey: 'none' }, { apiKey: '{env:K}' }, { apiKey: '{env:K}' }],
  ["the user's own key stays", { api_key: 'csk_own' }, { api_key: 'none' }, { api_key: 'csk_own' }],
  [
    'an entry of a list is known by its id, then by its name',
    [
      { id: 1, name: 'a', url: 'http://a/' },
      { name: 'b', note: 'x' },
    ],
    [{ id: 1, name: 'z', url: 'http://c/' }, { name: 'b', more: true }, { name: 'c' }, { model_id: 'd' }],
    [{ id: 1, name: 'a', url: 'http://c/' }, { name: 'b', note: 'x', more: true }, { name: 'c' }, { model_id: 'd' }],
  ],
  ['a list of plain values is the user’s', { roles: ['chat'] }, { roles: ['chat', 'edit'] }, { roles: ['chat'] }],
  ['names of every object are no settings', {}, { constructor: { a: 1 } }, { constructor: { a: 1 } }],
]

describe('values', () => {
  for (const [title, existing, wanted, merged] of values) {
    test(title, () => {
      const before = structuredClone(existing)
      const made = withChanges(existing, changesTo(existing, wanted))
      assert.deepEqual(made, merged)
      assert.deepEqual(existing, before, 'what was given is not touched')
      assert.deepEqual(changesTo(made, wanted), [], 'a second time there is nothing to do')
    })
  }

  for (const [existing, said] of [
    [{ provider: [] }, /^provider is not an object$/],
    [{ provider: 'x' }, /^provider is not an object$/],
    [{ models: {} }, /^models is not a list$/],
    [{ provider: { name: [] } }, /^provider\.name is not one value$/],
    [[], /^it is not an object$/],
  ] as [Json, RegExp][]) {
    test(`another shape is left alone: ${JSON.stringify(existing)}`, () => {
      const wanted = { provider: { name: 'x' }, models: [{ name: 'a' }] }
      assert.throws(
        () => changesTo(existing, wanted),
        (fault) => fault instanceof MergeConflict && said.test(fault.message),
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

/** What `launch` does with a file. Gives what the file then holds. */
function apply(file: SettingsFile): string {
  const plan = planFile(file)
  if (plan.left !== null) assert.fail(plan.left)
  if (plan.changes.length > 0) writeFile(plan.target, plan.text, plan.isNew)
  return readFileSync(file.path, 'utf8')
}

const wantedYaml: Json = { name: 'Ours', models: [{ name: 'new', apiBase: 'http://127.0.0.1:5005/v1' }] }
const ours = '{"ours":{"baseURL":"http://127.0.0.1:5005/v1"}}'

const texts: [title: string, format: 'json' | 'yaml', before: string, after: string][] = [
  [
    'JSON keeps its tabs and its last line break',
    'json',
    '{\n\t"theme": "dark"\n}\n',
    '{\n\t"theme": "dark",\n\t"provider": {\n\t\t"ours": {\n\t\t\t"baseURL": "http://127.0.0.1:5005/v1"\n\t\t}\n\t}\n}\n',
  ],
  [
    'JSON keeps its four spaces, and no last line break',
    'json',
    '{\n    "theme": "dark",\n    "provider": {}\n}',
    '{\n    "theme": "dark",\n    "provider": {\n        "ours": {\n            "baseURL": "http://127.0.0.1:5005/v1"\n        }\n    }\n}',
  ],
  [
    'JSON keeps the line breaks of Windows',
    'json',
    '{\r\n  "theme": "dark"\r\n}\r\n',
    '{\r\n  "theme": "dark",\r\n  "provider": {\r\n    "ours": {\r\n      "baseURL": "http://127.0.0.1:5005/v1"\r\n    }\r\n  }\r\n}\r\n',
  ],
  ['an empty file gets all of it', 'json', '\n', `${JSON.stringify(settings, null, 2)}\n`],
  [
    'YAML keeps its comments and its quotes',
    'yaml',
    '# mine\nname: "Mine" # really\nmodels:\n  # first\n  - name: old\n    note: \'a: b\'\nrules:\n  - be nice\n',
    '# mine\nname: "Mine" # really\nmodels:\n  # first\n  - name: old\n    note: \'a: b\'\n' +
      '  - name: new\n    apiBase: http://127.0.0.1:5005/v1\nrules:\n  - be nice\n',
  ],
  [
    'YAML with nothing but a comment keeps it',
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

const unclear: [title: string, format: 'json' | 'yaml', text: string, said: RegExp][] = [
  ['JSON with a comment', 'json', '// mine\n{}', /comments and trailing commas would be lost/],
  ['JSON with a trailing comma', 'json', '{"a":1,}', /comments and trailing commas would be lost/],
  ['JSON that ends too early', 'json', '{"a":', /not plain JSON/],
  ['JSON of another shape', 'json', '[]', /it is not an object/],
  ['YAML that is none', 'yaml', 'a: [1\nb: }', /not YAML that can be read/],
  ['YAML of two documents', 'yaml', 'a: 1\n---\nb: 2\n', /not YAML that can be read/],
  ['YAML of another shape', 'yaml', 'models: yes please\n', /models is not a list/],
  [
    'YAML whose address is used elsewhere',
    'yaml',
    'models: [{name: new, apiBase: &a http://x/v1}]\nb: *a',
    /changed safely/,
  ],
  ['YAML where a change would reach further', 'yaml', 'a: &one\n  - name: x\nmodels: *one\n', /changed safely/],
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

  for (const [title, format, text, said] of unclear) {
    test(`${title} is left as it is`, (t) => {
      const path = join(folderOf(t), 'settings')
      writeFileSync(path, text)
      const { left } = planFile(fileAt(path, { format, settings: format === 'json' ? settings : wantedYaml }))
      assert.match(left ?? '', said)
      assert.equal(readFileSync(path, 'utf8'), text)
    })
  }

  test('a new file gets its folders, and both are for the user alone', (t) => {
    const path = join(folderOf(t), 'one', 'two', 'settings.json')
    assert.deepEqual(JSON.parse(apply(fileAt(path))), settings)
    assert.equal(statSync(path).mode & 0o777, 0o600)
    assert.equal(statSync(join(path, '..')).mode & 0o777, 0o700)
    assert.deepEqual(readdirSync(join(path, '..')), ['settings.json'])
  })

  test('a new file is what is shown, in either format', (t) => {
    const folder = folderOf(t)
    const json = planFile(fileAt(join(folder, 'a')))
    const yaml = planFile(fileAt(join(folder, 'b'), { format: 'yaml', settings: [{ model_id: 'a' }] }))
    assert.ok(json.left === null && yaml.left === null)
    assert.equal(json.text, `${JSON.stringify(settings, null, 2)}\n`)
    assert.deepEqual(json.changes, [{ path: ['provider'], before: undefined, after: JSON.parse(ours) }])
    assert.deepEqual(parse(yaml.text), [{ model_id: 'a' }])
  })

  test('where the client is not installed, nothing is made', (t) => {
    const folder = join(folderOf(t), 'zed')
    const { left } = planFile(fileAt(join(folder, 'settings.json'), { needsFolder: true }))
    assert.match(left ?? '', /no such folder/)
    mkdirSync(folder)
    assert.equal(planFile(fileAt(join(folder, 'settings.json'), { needsFolder: true })).left, null)
  })

  test('each old content is kept under a name of its own, and the permissions stay', (t) => {
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

  test('a link goes on pointing at its file', (t) => {
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

  test('what is told of a change shows no secret', () => {
    const changes = [
      { path: ['x', 'url'], before: 'http://me:sekret-word@old/v1', after: 'http://127.0.0.1:5005/v1' },
      { path: ['x', 'headers'], before: undefined, after: { authorization: 'Bearer abcdefgh' } },
    ]
    const facts = { path: '/x', status: 'changed', reason: null, backup: '/x.bak' } as const
    const text = reportFile({ shown: '~/x', changes, facts }, { intro: '', language: '', text: '' })
    assert.match(text, /x\.url: "http:\/\/me:\*+@old\/v1" becomes "http:\/\/127\.0\.0\.1:5005\/v1"/)
    assert.doesNotMatch(text, /sekret|abcdefgh/)
  })

  test('what cannot be read or written is told in one line', (t) => {
    const folder = folderOf(t)
    const isTold = (fault: unknown) => fault instanceof CommandError && /^\S+ (cannot be|is not)/.test(fault.message)
    assert.throws(() => planFile(fileAt(folder)), isTold)
    writeFileSync(join(folder, 'file'), '')
    assert.throws(() => planFile(fileAt(join(folder, 'file', 'settings.json'))), isTold)
    assert.throws(() => writeFile(join(folder, 'file', 'settings.json'), '{}', true), isTold)
    assert.deepEqual(readdirSync(folder), ['file'])
  })
})
