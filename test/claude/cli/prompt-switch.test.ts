// How a prompt is written so that the CLI reads it as it is, and which prompts stay loaded in a process.
import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type TestContext, test } from 'node:test'
import { canSwitchTo, PromptSwitch, promptSettings, toAgentBody } from '../../../src/claude/cli/prompt-switch.ts'

const { options } = Object.values(promptSettings.pluginConfigs)[0] ?? assert.fail()

/** What the CLI does with the body of an agent's file. */
const asRead = (body: string): string =>
  body
    .trim()
    .replaceAll('$'.concat('{CLAUDE_PLUGIN_ROOT}'), '/folder')
    .replace(/\$\{user_config\.([^}]+)\}/g, (whole, name) => options[name] ?? whole)

const variable = '$'.concat('{CLAUDE_PLUGIN_ROOT}')
const option = '$'.concat('{user_config.ua}')
const prompts = [
  'You are brief.',
  'two\nlines',
  'ends with a line break\n',
  '\n\nbegins and ends with two\n\n',
  'a\r\nb\rc\r\n',
  ' ',
  '\n',
  '\t\u00a0',
  '\ufeffa byte order mark',
  'a\u2028separator',
  `a variable ${variable} of plugins`,
  `an option ${option} and ${option}`,
  `shell $HOME $ { } and ${variable}${variable}`,
  '---\nname: x\n---\nnot a header',
]

for (const prompt of prompts) {
  test(`the prompt ${JSON.stringify(prompt)} is read as it is`, () => {
    const body = toAgentBody(prompt)
    assert.equal(asRead(body), prompt)
    assert.ok(!body.includes('\r'))
  })
}

test('an ordinary prompt is written as it is', () => {
  assert.equal(toAgentBody('Be brief.\n\nBe $5 kind.'), 'Be brief.\n\nBe $5 kind.')
})

test('every character that is trimmed is an option, or stands in the way', () => {
  const trimmed = Array.from({ length: 0x10000 }, (_, code) => String.fromCharCode(code)).filter(
    (char) => char.trim() === '',
  )
  for (const char of trimmed) {
    const prompts = [`${char}x${char}`, `${char}x`, `x${char}`]
    const isSeparator = ['\u2028', '\u2029'].includes(char)
    for (const prompt of prompts) {
      assert.equal(canSwitchTo(prompt), !isSeparator)
      if (!isSeparator) assert.equal(asRead(toAgentBody(prompt)), prompt)
    }
  }
  assert.equal(canSwitchTo(''), false)
})

/** A CLI that loads the agents that it finds. */
function scene(t: TestContext) {
  const prompts = new PromptSwitch(mkdtempSync(join(tmpdir(), 'claude-serve-test-')))
  t.after(() => prompts.remove())
  const agentsFolder = join(prompts.folder, 'agents')
  const state = { loads: 0, agents: new Map<string, string>(), selected: '' }
  const control = {
    async reloadPlugins() {
      state.loads++
      state.agents = new Map(
        readdirSync(agentsFolder).map((file) => {
          const path = join(agentsFolder, file)
          assert.equal(statSync(path).mode & 0o777, 0o600)
          return [`claude-serve:${file.replace('.md', '')}`, readFileSync(path, 'utf8').split('---\n')[2] ?? '']
        }),
      )
      return { agents: [...state.agents.keys()].map((name) => ({ name })) }
    },
    async applySettings({ agent }: { agent: string }) {
      assert.ok(state.agents.has(agent), 'not loaded')
      state.selected = state.agents.get(agent) ?? ''
    },
  }
  const use = async (text: string) => {
    await prompts.use(control, text)
    assert.equal(asRead(state.selected), text)
    assert.deepEqual(readdirSync(agentsFolder), [], 'nothing stays on disk')
  }
  return { prompts, control, state, use }
}

test('the prompts used last stay loaded', async (t) => {
  const { prompts, state, use } = scene(t)
  for (let count = 1; count <= 9; count++) await use(`prompt ${count}`)
  assert.equal(state.loads, 9)
  await use('prompt 9')
  await use('prompt 2')
  await use('prompt 3')
  assert.equal(state.loads, 9)
  assert.deepEqual(
    ['prompt 3', 'prompt 2', 'prompt 1'].map((text) => prompts.distanceTo(text)),
    [0, 1, 2],
  )
  await use('prompt 10')
  assert.deepEqual(
    ['prompt 2', 'prompt 3', 'prompt 4', 'prompt 5'].map((text) => prompts.distanceTo(text)),
    [1, 1, 2, 1],
  )
  await use('prompt 1')
  assert.equal(state.loads, 11)
})

test('long prompts leave less room for others', async (t) => {
  const { prompts, use } = scene(t)
  const long = (char: string) => char.repeat(200_000)
  for (const text of ['short', long('a'), long('b'), long('c')]) await use(text)
  assert.deepEqual(
    [long('c'), long('b'), long('a'), 'short'].map((text) => prompts.distanceTo(text)),
    [0, 1, 2, 2],
  )
  await use('x'.repeat(600_000))
  assert.equal(prompts.distanceTo(long('c')), 2)
})

test('a prompt that was not loaded is an error, and nothing counts as loaded then', async (t) => {
  const { prompts, control, state, use } = scene(t)
  await use('one')
  await assert.rejects(
    prompts.use({ ...control, reloadPlugins: async () => ({ agents: [] }) }, 'two'),
    /did not load the prompt/,
  )
  assert.deepEqual(
    ['one', 'two'].map((text) => prompts.distanceTo(text)),
    [2, 2],
  )
  await use('one')
  assert.equal(state.loads, 2)
  await prompts.remove()
  assert.equal(existsSync(prompts.folder), false)
})
