// Tests how a request to Claude Code itself becomes a run, as a pure function: fixtures in, fixtures out.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { toRunRequest } from '../../src/compat/agent-run.ts'
import { noOptions } from '../../src/core/agent.ts'
import { ChatRequest } from '../../src/surfaces/native/schemas.ts'
import { sessionId } from '../helpers/scripted-agent.ts'

const unchecked = { permissionMode: null, cwd: null, addDirs: null, roots: null }

test('a prompt alone becomes a new conversation without options', () => {
  for (const streaming of [true, false]) {
    assert.deepEqual(toRunRequest({ prompt: '/help @file --flag' }, unchecked, streaming), {
      prompt: [{ type: 'text', text: '/help @file --flag' }],
      session: { kind: 'new' },
      options: noOptions,
      streaming,
      plain: null,
      approvals: false,
      isAuxiliary: false,
    })
  }
})

test('blocks are passed on unchanged', () => {
  const prompt = [
    { type: 'text' as const, text: 'What is this?' },
    {
      type: 'image' as const,
      source: { type: 'base64' as const, media_type: 'image/png' as const, data: 'iVBORw0KGgo=' },
    },
    {
      type: 'document' as const,
      source: { type: 'text' as const, media_type: 'text/plain' as const, data: 'x' },
      title: 'T',
    },
  ]
  assert.deepEqual(toRunRequest({ prompt }, unchecked, false).prompt, prompt)
})

const sessions: [Partial<ChatRequest>, object][] = [
  [{}, { kind: 'new' }],
  [{ session_id: null, fork: null }, { kind: 'new' }],
  [{ session_id: sessionId }, { kind: 'continue', sessionId }],
  [
    { session_id: sessionId, fork: false },
    { kind: 'continue', sessionId },
  ],
  [
    { session_id: sessionId, fork: null },
    { kind: 'continue', sessionId },
  ],
  [
    { session_id: sessionId, fork: true },
    { kind: 'fork', sessionId },
  ],
]
for (const [fields, session] of sessions) {
  test(`${JSON.stringify(fields)} selects the session ${JSON.stringify(session)}`, () => {
    assert.deepEqual(toRunRequest({ prompt: 'hi', ...fields }, unchecked, false).session, session)
  })
}

test('every option is translated', () => {
  const body = ChatRequest.parse({
    prompt: 'hi',
    model: 'sonnet',
    fallback_model: 'haiku',
    system_prompt: 'S',
    append_system_prompt: 'A',
    max_budget_usd: 0.5,
    max_turns: 3,
    permission_mode: 'plan',
    allowed_tools: ['Read'],
    disallowed_tools: ['Bash'],
    tools: [],
    cwd: '/link',
    add_dirs: ['/link2'],
    effort: 'high',
    json_schema: { type: 'object' },
    mcp_servers: { a: { command: 'x' } },
    agents: { b: { description: 'd', prompt: 'p' } },
    setting_sources: [],
    timeout_s: 5,
    metadata: { team: 'x' },
  })
  const checked = { permissionMode: 'acceptEdits' as const, cwd: '/real', addDirs: ['/real2'], roots: null }
  assert.deepEqual(toRunRequest(body, checked, true).options, {
    model: 'sonnet',
    fallbackModel: 'haiku',
    systemPrompt: 'S',
    appendSystemPrompt: 'A',
    maxBudgetUsd: 0.5,
    maxTurns: 3,
    permissionMode: 'acceptEdits',
    allowedTools: ['Read'],
    disallowedTools: ['Bash'],
    tools: [],
    cwd: '/real',
    addDirs: ['/real2'],
    effort: 'high',
    jsonSchema: { type: 'object' },
    mcpServers: { a: { type: 'stdio', command: 'x' } },
    agents: { b: { description: 'd', prompt: 'p' } },
    settingSources: [],
  })
})

test('an empty system prompt differs from none', () => {
  const { options } = toRunRequest({ prompt: 'hi', system_prompt: '', append_system_prompt: '' }, unchecked, false)
  assert.deepEqual([options.systemPrompt, options.appendSystemPrompt], ['', ''])
})
