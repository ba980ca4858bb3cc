// The session routes over HTTP: what they return and what they do.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { SessionBlock } from '../../../src/core/sessions.ts'
import { resumeCommand } from '../../../src/surfaces/native/session-replies.ts'
import { MessageList, SessionList, SessionReply } from '../../../src/surfaces/native/session-reply-schemas.ts'
import { errorSummary, idOf, info, one, parse, setUp, three, two } from '../../helpers/session-app.ts'
import { makeFolders } from '../../helpers/test-server.ts'

test('a list has the data of the files and of the store for each session', async (t) => {
  const { send } = await setUp(t, { options: { holder: (id) => (id === two ? 'run_1' : null) } })
  const list = parse(SessionList, await send('GET', ''))
  assert.deepEqual(list, {
    sessions: [
      {
        session_id: two,
        title: 'title of b',
        first_prompt: 'a secret prompt of b',
        cwd: '/work',
        created_at: '1970-01-01T00:00:01.000Z',
        updated_at: '1970-01-01T00:00:02.000Z',
        model: null,
        running: 'run_1',
      },
      {
        session_id: one,
        title: 'title of a',
        first_prompt: 'a secret prompt of a',
        cwd: '/work',
        created_at: '1970-01-01T00:00:01.000Z',
        updated_at: '1970-01-01T00:00:02.000Z',
        model: 'claude-x',
        running: null,
      },
    ],
    next_cursor: null,
  })
})

test('pages cover the whole list', async (t) => {
  const sessions = Array.from({ length: 7 }, (_, index) => info(idOf(String(index)), { updatedAtMs: 100 - index }))
  const { send, files } = await setUp(t, { sessions })
  const seen: string[] = []
  let cursor = ''
  do {
    const page = parse(SessionList, await send('GET', `?limit=3&cursor=${cursor}&cwd=&q=`))
    seen.push(...page.sessions.map(({ session_id }) => session_id))
    cursor = page.next_cursor ?? ''
  } while (cursor !== '')
  assert.deepEqual(
    seen,
    sessions.map(({ id }) => id),
  )
  // The first page opens no more files than it needs.
  assert.deepEqual(files.calls, ['list null 4', 'list null null', 'list null null'])
})

test('a list can be searched and limited to a folder', async (t) => {
  const { root } = makeFolders(t)
  const sessions = [info(one, { cwd: root, title: 'About PARSERS' }), info(two), info(three, { cwd: root })]
  const { send } = await setUp(t, { sessions })
  const found = async (query: string) =>
    parse(SessionList, await send('GET', query)).sessions.map(({ session_id }) => session_id)
  assert.deepEqual(await found('?q=parser'), [one])
  assert.deepEqual(await found('?q=PROMPT%20of%20b'), [two])
  assert.deepEqual(await found(`?cwd=${root}/../${root.split('/').at(-1)}/`), [three, one])
  assert.deepEqual(await found(`?cwd=${root}&q=parser`), [one])
})

test('a session has the command that continues it, and its cost on this server', async (t) => {
  const { send } = await setUp(t)
  const known = parse(SessionReply, await send('GET', `/${one}`))
  assert.equal(known.cost_usd, 0.5)
  assert.deepEqual(known.usage, {
    runs: 2,
    input_tokens: 10,
    output_tokens: 20,
    cache_read_input_tokens: 30,
    cache_creation_input_tokens: 40,
    cache_read_share: 30 / 80,
  })
  assert.equal(known.resume_command, `cd '/work' && claude --resume ${one}`)
  const unknown = parse(SessionReply, await send('GET', `/${two}`))
  assert.deepEqual([unknown.cost_usd, unknown.usage, unknown.model], [null, null, null])
})

test('the resume command is safe in a shell', (t) => {
  const { root } = makeFolders(t)
  for (const name of ["it's", '$(touch x)', '`touch x`; touch y', ' -- "two"  words\\', 'ä€😀', '*']) {
    const cwd = join(root, name)
    mkdirSync(cwd)
    const command = resumeCommand({ id: one, cwd })
    assert.ok(command)
    const script = `claude() { printf '%s|' "$PWD" "$@"; }; ${command}`
    const options = { cwd: root, env: { PATH: '/usr/bin:/bin' }, encoding: 'utf8' } as const
    assert.equal(execFileSync('/bin/sh', ['-c', script], options), `${cwd}|--resume|${one}|`)
  }
  assert.equal(resumeCommand({ id: one, cwd: '/a\nb' }), null)
  assert.equal(resumeCommand({ id: one, cwd: null }), `claude --resume ${one}`)
})

const blocks: SessionBlock[] = [
  { type: 'text', text: 'x' },
  { type: 'thinking', text: 'hm' },
  { type: 'tool-use', toolId: 't', name: 'Bash', input: { command: 'ls' } },
  { type: 'tool-result', toolId: 't', isError: false, content: [{ type: 'image', mediaType: 'image/png', bytes: 9 }] },
  { type: 'document', mediaType: null, bytes: null },
  { type: 'other', name: 'redacted_thinking' },
]

test('messages come in pages, as typed blocks', async (t) => {
  const { send, files } = await setUp(t)
  files.talk = ['m1', 'm2', 'm3'].map((id) => ({ id, role: 'assistant', createdAtMs: 0, content: blocks }))
  const first = parse(MessageList, await send('GET', `/${one}/messages?limit=2`))
  assert.deepEqual(first.messages[0], {
    id: 'm1',
    role: 'assistant',
    created_at: '1970-01-01T00:00:00.000Z',
    content: [
      { type: 'text', text: 'x' },
      { type: 'thinking', thinking: 'hm' },
      { type: 'tool_use', id: 't', name: 'Bash', input: { command: 'ls' } },
      {
        type: 'tool_result',
        tool_use_id: 't',
        is_error: false,
        content: [{ type: 'image', media_type: 'image/png', bytes: 9 }],
      },
      { type: 'document', media_type: null, bytes: null },
      { type: 'other', name: 'redacted_thinking' },
    ],
  })
  const second = parse(MessageList, await send('GET', `/${one}/messages?limit=2&cursor=${first.next_cursor}`))
  assert.deepEqual([second.messages.map(({ id }) => id), second.next_cursor], [['m3'], null])
  assert.equal(errorSummary(await send('GET', `/${one}/messages?limit=x`)), '400 invalid_request limit')
  assert.equal(errorSummary(await send('GET', `/${one}/messages?cursor=x`)), '400 invalid_request cursor')
})

test('an id is not case-sensitive', async (t) => {
  const { send, files } = await setUp(t)
  assert.equal(parse(SessionReply, await send('GET', `/${one.toUpperCase()}`)).session_id, one)
  assert.deepEqual(files.calls, [`get ${one}`])
})

test('a renamed session is returned with its new title', async (t) => {
  const { send } = await setUp(t)
  assert.equal(parse(SessionReply, await send('PATCH', `/${one}`, { title: '  New  ' })).title, 'New')
  const long = '😀'.repeat(200)
  assert.equal(parse(SessionReply, await send('PATCH', `/${one}`, { title: long })).title, long)
})

test('a fork is a session of its own, also in the store', async (t) => {
  const { send, files, stored } = await setUp(t)
  const answer = await send('POST', `/${one}/fork`, { title: 'Mine' })
  const copy = parse(SessionReply, answer, 201)
  assert.deepEqual([copy.session_id, copy.title, copy.model, copy.cost_usd], [three, 'Mine', 'claude-x', null])
  assert.equal(answer.headers.location, `/v1/sessions/${three}`)
  assert.equal(stored.get(three)?.model, 'claude-x')
  assert.ok(files.calls.includes(`fork ${one} Mine`))
  assert.equal(errorSummary(await send('POST', `/${one}/fork`, { titel: 'x' })), '400 invalid_request titel')
})

test('a fork needs no body', async (t) => {
  const { send, files } = await setUp(t)
  assert.equal(parse(SessionReply, await send('POST', `/${one}/fork`), 201).title, 'a copy')
  parse(SessionReply, await send('POST', `/${one}/fork`, {}), 201)
  parse(SessionReply, await send('POST', `/${one}/fork`, { title: null }), 201)
  assert.equal(errorSummary(await send('POST', `/${one}/fork`, '{')), '400 invalid_request')
  assert.equal(files.calls.filter((call) => call === `fork ${one} null`).length, 3)
})

test('a session is deleted from files and store after an idle process has released it', async (t) => {
  const order: string[] = []
  const { send, files, stored } = await setUp(t, {
    options: {
      release: async (id) => {
        order.push(`release ${id}`, ...files.calls.filter((call) => call.startsWith('remove')))
        return true
      },
    },
  })
  const answer = await send('DELETE', `/${one}`)
  assert.deepEqual([answer.status, answer.body], [204, ''])
  assert.deepEqual(order, [`release ${one}`])
  assert.deepEqual([files.sessions.has(one), stored.has(one)], [false, false])
  assert.equal(errorSummary(await send('DELETE', `/${one}`)), '404 session_not_found')
})

const answered = {
  inputTokens: 1,
  outputTokens: 2,
  cacheReadInputTokens: 3,
  cacheCreationInputTokens: 4,
  costUsd: 0.25,
}

test('what a terminal used is added to what the runs of this server used, with its cost marked as estimated', async (t) => {
  const { send, files } = await setUp(t)
  const get = async (id: string) => parse(SessionReply, await send('GET', `/${id}`))
  files.contents.set(two, { model: 'claude-y', compactions: 2, all: answered, terminal: null })
  const elsewhere = await get(two)
  assert.deepEqual(
    [elsewhere.model, elsewhere.cost_usd, elsewhere.cost_is_estimated, elsewhere.compactions],
    ['claude-y', 0.25, true, 2],
  )
  assert.deepEqual(elsewhere.usage, {
    runs: 0,
    input_tokens: 1,
    output_tokens: 2,
    cache_read_input_tokens: 3,
    cache_creation_input_tokens: 4,
    cache_read_share: 3 / 8,
  })
  files.contents.set(one, { model: 'claude-y', compactions: 0, all: answered, terminal: answered })
  const both = await get(one)
  assert.deepEqual(
    [both.cost_usd, both.cost_is_estimated, both.usage?.runs, both.usage?.input_tokens, both.usage?.cache_read_share],
    [0.75, true, 2, 11, 33 / 88],
  )
  files.contents.set(one, { model: null, compactions: 0, all: answered, terminal: null })
  const here = await get(one)
  assert.deepEqual(
    [here.model, here.cost_usd, here.cost_is_estimated, here.usage?.input_tokens],
    ['claude-x', 0.5, false, 10],
  )
  const unpriced = { ...answered, costUsd: null }
  files.contents.set(one, { model: null, compactions: 0, all: unpriced, terminal: unpriced })
  const unknown = await get(one)
  assert.deepEqual([unknown.cost_usd, unknown.cost_is_estimated, unknown.usage?.input_tokens], [null, false, 11])
  const [, listed] = parse(SessionList, await send('GET', '')).sessions
  assert.equal(listed?.model, 'claude-x')
})

test('a file that cannot be read as a whole does not hide the session', async (t) => {
  const { send, files } = await setUp(t)
  files.content = async () => {
    throw new Error('too slow')
  }
  const { title, cost_usd, compactions } = parse(SessionReply, await send('GET', `/${one}`))
  assert.deepEqual([title, cost_usd, compactions], ['title of a', 0.5, 0])
})
