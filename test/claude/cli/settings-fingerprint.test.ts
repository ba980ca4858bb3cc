// Which changes on disk make a ready process outdated.
import assert from 'node:assert/strict'
import { mkdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { readSettingsState } from '../../../src/claude/cli/settings-fingerprint.ts'
import { makeFolders, type TestFolders } from '../../helpers/test-server.ts'

type Side = 'configDir' | 'cwd'

function setUp(t: TestContext): {
  folders: TestFolders
  state: () => Promise<{ fingerprint: string; hasHooks: boolean }>
} {
  const folders = makeFolders(t)
  mkdirSync(folders.configDir)
  return { folders, state: async () => readSettingsState({ HOME: folders.home }, folders.cwd) }
}

function write(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(file, text)
}

const watched: [side: Side, name: string][] = [
  ['configDir', 'settings.json'],
  ['configDir', 'CLAUDE.md'],
  ['cwd', '.claude/settings.json'],
  ['cwd', '.claude/settings.local.json'],
  ['cwd', 'CLAUDE.md'],
  ['cwd', 'CLAUDE.local.md'],
  ['cwd', '.claude/CLAUDE.md'],
  ['cwd', '.mcp.json'],
  ['cwd', '.git/HEAD'],
  ['cwd', '.git/index'],
  ['cwd', '.git/logs/HEAD'],
]
for (const [side, name] of watched) {
  test(`creating, changing and deleting ${name} in the ${side} changes the fingerprint`, async (t) => {
    const { folders, state } = setUp(t)
    const file = join(folders[side], name)
    const seen = [(await state()).fingerprint]
    write(file, 'one')
    seen.push((await state()).fingerprint)
    // A tool that preserves the modification time still changes the length.
    write(file, 'longer')
    utimesSync(file, 1, 1)
    seen.push((await state()).fingerprint)
    write(file, 'shorty')
    seen.push((await state()).fingerprint)
    rmSync(file)
    seen.push((await state()).fingerprint)
    for (const [index, fingerprint] of seen.entries()) assert.notEqual(fingerprint, seen[index - 1])
  })
}

const folderNames: [side: Side, name: string][] = [
  ...(['agents', 'skills', 'commands', 'rules'] as const).map((name): [Side, string] => ['configDir', name]),
  ...(['agents', 'skills', 'commands', 'rules'] as const).map((name): [Side, string] => ['cwd', `.claude/${name}`]),
]
for (const [side, name] of folderNames) {
  test(`a new entry in ${name} in the ${side} changes the fingerprint`, async (t) => {
    const { folders, state } = setUp(t)
    const folder = join(folders[side], name)
    mkdirSync(folder, { recursive: true })
    utimesSync(folder, 1, 1)
    const before = await state()
    write(join(folder, 'entry.md'), 'x')
    assert.notEqual((await state()).fingerprint, before.fingerprint)
  })
}

test('a CLAUDE.md in a parent folder changes the fingerprint', async (t) => {
  const { folders, state } = setUp(t)
  const before = await state()
  write(join(dirname(folders.cwd), 'CLAUDE.md'), 'x')
  assert.notEqual((await state()).fingerprint, before.fingerprint)
})

test('the fingerprint stays equal without changes, and if only files change that the CLI itself writes constantly', async (t) => {
  const { folders, state } = setUp(t)
  write(join(folders.configDir, 'settings.json'), '{}')
  const { fingerprint } = await state()
  assert.equal((await state()).fingerprint, fingerprint)
  write(join(folders.configDir, '.claude.json'), '{}')
  write(join(folders.configDir, 'projects', 'x', 'y.jsonl'), '{}')
  write(join(folders.configDir, 'history.jsonl'), '{}')
  assert.equal((await state()).fingerprint, fingerprint)
})

test('missing folders are not an error', () => {
  assert.equal(readSettingsState({ HOME: '/nowhere/at/all' }, '/nowhere/else').hasHooks, false)
})

const settings: [text: string, expected: boolean][] = [
  ['{}', false],
  ['{"model":"sonnet","permissions":{"allow":["Bash"]}}', false],
  ['{"hooks":{"Stop":[]}}', true],
  ['{ "hooks" :\n{} }', true],
  ['{"enabledPlugins":{"a@b":true}}', true],
  ['{"statusLine":{}}', true],
  ['{"apiKeyHelper":"x"}', true],
  ['{"note":"no hooks here"}', false],
  ['not JSON', false],
]
for (const [text, expected] of settings) {
  for (const [side, name] of watched.filter(([, each]) => each.includes('settings'))) {
    test(`${name} in the ${side} with ${JSON.stringify(text)} ${expected ? 'brings' : 'brings no'} hooks`, async (t) => {
      const { folders, state } = setUp(t)
      write(join(folders[side], name), text)
      assert.equal((await state()).hasHooks, expected)
    })
  }
}

test('added and removed hooks are detected', async (t) => {
  const { folders, state } = setUp(t)
  const file = join(folders.configDir, 'settings.json')
  write(file, '{}')
  assert.equal((await state()).hasHooks, false)
  write(file, '{"hooks":{}}')
  assert.equal((await state()).hasHooks, true)
  write(file, '{}')
  assert.equal((await state()).hasHooks, false)
})

test('what the CLI notes in a file of its own changes nothing, from the first start on; MCP servers in it do', async (t) => {
  const { folders, state } = setUp(t)
  const file = join(folders.home, '.claude.json')
  const servers = { one: { command: 'x' } }
  const fingerprintWith = async (content: object) => {
    write(file, JSON.stringify(content))
    return (await state()).fingerprint
  }
  const without = (await state()).fingerprint
  const notes = [{}, { numStartups: 1 }, { projects: { '/a': { cost: 1 } } }, { mcpServers: {}, projects: {} }]
  for (const content of notes) assert.equal(await fingerprintWith(content), without, JSON.stringify(content))
  const withServer = await fingerprintWith({ mcpServers: servers })
  assert.notEqual(withServer, without)
  assert.equal(await fingerprintWith({ numStartups: 2, mcpServers: servers, projects: { '/a': {} } }), withServer)
  const inProject = await fingerprintWith({ projects: { '/a': { mcpServers: servers } } })
  assert.equal(new Set([without, withServer, inProject]).size, 3)
})
