// Which requests can share a process, which process is reusable, and when a conversation continues in its process.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { allAbilities } from '../../../src/claude/cli/abilities.ts'
import { canContinue, type Profile, profileKey, type Turn, toProfile, toTurn } from '../../../src/claude/cli/profile.ts'
import {
  type Effort,
  noOptions,
  noPlainOptions,
  type PlainOptions,
  type RunOptions,
  type RunRequest,
} from '../../../src/core/agent.ts'

type Circumstances = {
  session?: RunRequest['session']
  rewind?: boolean
  promptSwitch?: boolean
  hasHooks?: boolean
  cwd?: string
}

const sessionId = '11111111-1111-4111-8111-111111111111'
const requestOf = (options: Partial<RunOptions>, session: RunRequest['session'] = { kind: 'new' }): RunRequest => ({
  runId: 'run_1',
  prompt: [{ type: 'text', text: 'hello' }],
  session,
  options: { ...noOptions, ...options },
  streaming: true,
  plain: null,
  approvals: false,
  isAuxiliary: false,
})

function profileOf(options: Partial<RunOptions>, circumstances: Circumstances = {}): Profile {
  const { session, rewind = true, promptSwitch = true, hasHooks = false, cwd = '/work' } = circumstances
  return toProfile(requestOf(options, session), { cwd, abilities: { ...allAbilities, rewind, promptSwitch }, hasHooks })
}

const toolless = { tools: [] }

const reusable: [title: string, options: Partial<RunOptions>, circumstances: Circumstances, expected: boolean][] = [
  ['one without tools', toolless, {}, true],
  [
    'one without tools, with a prompt, model and schema',
    { ...toolless, systemPrompt: 'S', model: 'm', jsonSchema: {} },
    {},
    true,
  ],
  [
    'one without tools and without settings, although there are hooks',
    { ...toolless, settingSources: [] },
    { hasHooks: true },
    true,
  ],
  ['one that does not mention tools', {}, {}, false],
  ['one with a tool', { tools: ['Read'] }, {}, false],
  ['one with servers', { ...toolless, mcpServers: { a: { type: 'stdio', command: 'x' } } }, {}, false],
  ['one with agents', { ...toolless, agents: { a: { description: 'd', prompt: 'p' } } }, {}, false],
  ['one with a budget', { ...toolless, maxBudgetUsd: 1 }, {}, false],
  ['one with hooks in its settings', toolless, { hasHooks: true }, false],
  ['one that continues a conversation', toolless, { session: { kind: 'continue', sessionId } }, false],
  ['one that copies a conversation', toolless, { session: { kind: 'fork', sessionId } }, false],
  ['one for a CLI that cannot rewind a conversation', toolless, { rewind: false }, false],
]
for (const [title, options, circumstances, expected] of reusable) {
  test(`a process is ${expected ? '' : 'not '}reusable: ${title}`, () => {
    assert.equal(profileOf(options, circumstances).reusable, expected)
  })
}

const prompts: [
  title: string,
  options: Partial<RunOptions>,
  circumstances: Circumstances,
  expected: Profile['prompt'],
][] = [
  ['none', {}, {}, { kind: 'claude-code', append: null }],
  ['an addition', { appendSystemPrompt: 'A' }, {}, { kind: 'claude-code', append: 'A' }],
  ['a text with tools', { systemPrompt: 'S' }, {}, { kind: 'fixed', text: 'S' }],
  ['a text and an addition', { systemPrompt: 'S', appendSystemPrompt: 'A' }, {}, { kind: 'fixed', text: 'S\n\nA' }],
  ['a text without tools', { ...toolless, systemPrompt: 'S' }, {}, { kind: 'by-turn' }],
  ['a text that begins with a space', { ...toolless, systemPrompt: ' S' }, {}, { kind: 'by-turn' }],
  ['an empty text', { ...toolless, systemPrompt: '' }, {}, { kind: 'fixed', text: '' }],
  [
    'a text, if the CLI cannot switch prompts',
    { ...toolless, systemPrompt: 'S' },
    { promptSwitch: false },
    { kind: 'fixed', text: 'S' },
  ],
  [
    'a text, if the CLI cannot rewind',
    { ...toolless, systemPrompt: 'S' },
    { rewind: false },
    { kind: 'fixed', text: 'S' },
  ],
]
for (const [title, options, circumstances, expected] of prompts) {
  test(`the base of the system prompt: ${title}`, () => {
    assert.deepEqual(profileOf(options, circumstances).prompt, expected)
  })
}

test('requests that differ only in what a turn brings share a process', () => {
  const one = profileOf({ ...toolless, systemPrompt: 'S', model: 'a' })
  const other = profileOf({ ...toolless, systemPrompt: 'another', model: 'b', appendSystemPrompt: 'A' })
  assert.equal(profileKey(one), profileKey(other))
})

test('the order of setting sources does not matter, and naming all of them is the same as naming none', () => {
  const key = (settingSources: RunOptions['settingSources']) => profileKey(profileOf({ settingSources }))
  assert.equal(key(['local', 'user']), key(['user', 'local']))
  assert.equal(key(['local', 'project', 'user']), key(null))
  assert.notEqual(key([]), key(null))
})

const differences: [field: string, options: Partial<RunOptions>, circumstances?: Circumstances][] = [
  ['model', { model: 'm' }],
  ['fallbackModel', { fallbackModel: 'm' }],
  ['systemPrompt', { systemPrompt: 'S' }],
  ['appendSystemPrompt', { appendSystemPrompt: 'A' }],
  ['maxBudgetUsd', { maxBudgetUsd: 1 }],
  ['maxTurns', { maxTurns: 1 }],
  ['permissionMode', { permissionMode: 'plan' }],
  ['allowedTools', { allowedTools: ['Bash'] }],
  ['an empty list of allowed tools', { allowedTools: [] }],
  ['disallowedTools', { disallowedTools: ['Bash'] }],
  ['tools', { tools: ['Bash'] }],
  ['no tools', { tools: [] }],
  ['addDirs', { addDirs: ['/a'] }],
  ['effort', { effort: 'low' }],
  ['jsonSchema', { jsonSchema: { type: 'object' } }],
  ['mcpServers', { mcpServers: { a: { type: 'stdio', command: 'x' } } }],
  ['agents', { agents: { a: { description: 'd', prompt: 'p' } } }],
  ['settingSources', { settingSources: ['user'] }],
  ['the folder', {}, { cwd: '/elsewhere' }],
]
for (const [field, options, circumstances] of differences) {
  test(`requests that differ in what is fixed when a process is spawned do not share one: ${field}`, () => {
    assert.notEqual(profileKey(profileOf(options, circumstances)), profileKey(profileOf({})))
  })
}

test('a list of one entry with a comma is not the list of its halves', () => {
  const key = (allowedTools: string[]) => profileKey(profileOf({ allowedTools }))
  assert.notEqual(key(['a,b']), key(['a', 'b']))
})

test('a turn carries the prompt, the model and the whole system prompt', () => {
  const options = { systemPrompt: 'S', appendSystemPrompt: 'A', model: 'm' }
  const prompt = [{ type: 'text', text: 'hello' }]
  const { thinking } = noPlainOptions
  const rest = { prompt, history: null, persist: true, clientTools: [], effort: null, thinking, maxOutputTokens: null }
  assert.deepEqual(toTurn(requestOf(options)), { ...rest, systemPrompt: 'S\n\nA', model: 'm' })
  assert.deepEqual(toTurn(requestOf({ appendSystemPrompt: 'A' })), { ...rest, systemPrompt: null, model: null })
})

test('the CLI writes the file of an agent that is to be kept; a reusable process never does', () => {
  const circumstances = { cwd: '/work', abilities: allAbilities, hasHooks: false }
  const persistOf = (options: Partial<RunOptions>, persist?: boolean) =>
    toProfile({ ...requestOf(options), ...(persist === undefined ? {} : { persist }) }, circumstances).persist
  assert.deepEqual([persistOf({}), persistOf({}, true), persistOf({}, false)], [true, true, false])
  assert.deepEqual([persistOf(toolless), persistOf(toolless, false)], [false, false])
})

const plainRequestOf = (options: Partial<RunOptions>, plain: Partial<PlainOptions> = {}): RunRequest => ({
  ...requestOf(options, { kind: 'history', messages: [] }),
  plain: { ...noPlainOptions, ...plain },
})

const plainProfileOf = (options: Partial<RunOptions>, plain: Partial<PlainOptions> = {}): Profile =>
  toProfile(plainRequestOf(options, plain), {
    cwd: '/work',
    abilities: allAbilities,
    hasHooks: false,
  })

const tool = { name: 't', description: 'T', inputSchema: { type: 'object' } }
const thinkingOff = { isOff: true, budgetTokens: null, display: null }

const plainTurns: [what: string, options: Partial<RunOptions>, plain?: Partial<PlainOptions>][] = [
  ['effort', { effort: 'low' }],
  ['thinking', {}, { thinking: thinkingOff }],
  ['thinking budget', {}, { thinking: { isOff: false, budgetTokens: 2048, display: null } }],
  ['display of thinking', {}, { thinking: { isOff: false, budgetTokens: null, display: 'omitted' } }],
  ['output limit', {}, { maxOutputTokens: 5 }],
  ['stop sequences', {}, { stopSequences: ['x'] }],
  ['tools', {}, { tools: [tool] }],
  ['model', { model: 'm' }],
  ['system prompt', { systemPrompt: 'another' }],
  ['required output', {}, { requiredOutput: 'call' }],
]
for (const [what, options, plain] of plainTurns) {
  test(`plain requests share a process whatever their ${what}`, () => {
    const [one, other] = [
      plainProfileOf({ systemPrompt: 'S' }),
      plainProfileOf({ systemPrompt: 'S', ...options }, plain),
    ]
    assert.ok(one.reusable)
    assert.equal(profileKey(other), profileKey(one))
  })
}

test('plain requests with a schema, or with a system prompt that must be fixed at spawn, have their own processes', () => {
  const key = profileKey(plainProfileOf({ systemPrompt: 'S' }))
  assert.notEqual(profileKey(plainProfileOf({ systemPrompt: 'S', jsonSchema: { type: 'object' } })), key)
  assert.notEqual(profileKey(plainProfileOf({ systemPrompt: '' })), key)
})

test('agent requests of different efforts have different processes, plain requests share one', () => {
  const efforts: (Effort | null)[] = [null, 'low', 'medium', 'high', 'xhigh', 'max']
  const keysOf = (profiles: readonly Profile[]) => new Set(profiles.map(profileKey)).size
  assert.equal(keysOf(efforts.map((effort) => profileOf({ ...toolless, effort }))), efforts.length)
  assert.equal(keysOf(efforts.map((effort) => plainProfileOf({ systemPrompt: 'S', effort }))), 1)
})

test("a plain turn carries effort, thinking, limit, tools and history; an agent's carries no effort", () => {
  const plain = { thinking: thinkingOff, maxOutputTokens: 7, tools: [tool] }
  assert.deepEqual(toTurn(plainRequestOf({ systemPrompt: 'S', effort: 'max' }, plain)), {
    prompt: [{ type: 'text', text: 'hello' }],
    systemPrompt: 'S',
    model: null,
    history: [],
    persist: true,
    clientTools: [tool],
    effort: 'max',
    thinking: thinkingOff,
    maxOutputTokens: 7,
  })
  assert.equal(toTurn(requestOf({ effort: 'max' })).effort, null)
})

type Continuation = [
  title: string,
  first: Partial<RunOptions>,
  next: Partial<RunOptions>,
  expected: boolean,
  cwd?: string,
]

const continuations: Continuation[] = [
  ['nothing', {}, {}, true],
  [
    'the same options with tools',
    { systemPrompt: 'S', model: 'm', maxTurns: 3 },
    { systemPrompt: 'S', model: 'm', maxTurns: 3 },
    true,
  ],
  ['the same options without tools', { ...toolless, systemPrompt: 'S' }, { ...toolless, systemPrompt: 'S' }, true],
  ['no system prompt, after it started with one', { ...toolless, systemPrompt: 'S' }, toolless, true],
  ['no system prompt, after a process was spawned with one', { systemPrompt: 'S' }, {}, true],
  ['another system prompt', { ...toolless, systemPrompt: 'S' }, { ...toolless, systemPrompt: 'T' }, false],
  ['a system prompt, after it started with none', {}, { systemPrompt: 'S' }, false],
  ['an addition, after it started with none', {}, { appendSystemPrompt: 'A' }, false],
  ['the same addition', { appendSystemPrompt: 'A' }, { appendSystemPrompt: 'A' }, true],
  ['no addition, after it started with one', { appendSystemPrompt: 'A' }, {}, true],
  ['another addition', { appendSystemPrompt: 'A' }, { appendSystemPrompt: 'B' }, false],
  ['another model', { model: 'a' }, { model: 'b' }, false],
  ['no model, after it started with one', { model: 'a' }, {}, false],
  ['a model, after it started with none', {}, { model: 'a' }, false],
  ['a budget', {}, { maxBudgetUsd: 1 }, false],
  ['another limit of turns', {}, { maxTurns: 1 }, false],
  ['other tools', {}, toolless, false],
  ['other rules', {}, { allowedTools: ['Bash'] }, false],
  ['another effort', { effort: 'low' }, { effort: 'high' }, false],
  ['a schema', {}, { jsonSchema: { type: 'object' } }, false],
  ['another permission mode', {}, { permissionMode: 'plan' }, false],
  ['the default permission mode by its name', {}, { permissionMode: 'default' }, true],
  ['other setting sources', {}, { settingSources: [] }, false],
  ['another folder', {}, {}, false, '/elsewhere'],
]
for (const [title, first, next, expected, cwd] of continuations) {
  test(`a process ${expected ? 'continues' : 'does not continue'} its conversation if the next turn requests ${title}`, () => {
    const held: { profile: Profile; turn: Turn } = { profile: profileOf(first), turn: toTurn(requestOf(first)) }
    const request = requestOf(next, { kind: 'continue', sessionId })
    const circumstances: Circumstances = { session: request.session, ...(cwd === undefined ? {} : { cwd }) }
    const wanted = { profile: profileOf(next, circumstances), turn: toTurn(request) }
    assert.equal(canContinue(held, wanted), expected)
  })
}
