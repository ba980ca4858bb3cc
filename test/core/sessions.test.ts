// The pure part of listing sessions: order, search, pages, and the sessions of which folders may be shown.
import assert from 'node:assert/strict'
import { mkdirSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  pageOfMessages,
  pageOfSessions,
  SessionAccess,
  type SessionInfo,
  type SessionMessage,
  searchSessions,
} from '../../src/core/sessions.ts'
import { AppError } from '../../src/errors.ts'
import { makeFolders } from '../helpers/test-server.ts'

const session = (id: string, updatedAtMs: number, more: Partial<SessionInfo> = {}): SessionInfo => ({
  id,
  title: id,
  firstPrompt: null,
  cwd: null,
  createdAtMs: null,
  updatedAtMs,
  ...more,
})

const message = (id: string, text = ''): SessionMessage => ({
  id,
  role: 'user',
  createdAtMs: null,
  content: [{ type: 'text', text }],
})

const idsOf = ({ items }: { items: readonly { id: string }[] }) => items.map(({ id }) => id)
const isRefusedCursor = (error: unknown) => error instanceof AppError && error.details.field === 'cursor'

test('sessions are sorted newest first, then by id', () => {
  const page = pageOfSessions([session('b', 1), session('a', 2), session('c', 1)], { limit: 50, cursor: null })
  assert.deepEqual(idsOf(page), ['a', 'c', 'b'])
  assert.equal(page.nextCursor, null)
})

test('pages of sessions neither repeat nor skip one while others are added and deleted', () => {
  let all = ['a', 'b', 'c', 'd', 'e'].map((id, index) => session(id, 100 - Math.floor(index / 2)))
  const seen: string[] = []
  let cursor: string | null = null
  for (let pages = 0; pages < 3; pages++) {
    const page = pageOfSessions(all, { limit: 2, cursor })
    seen.push(...idsOf(page))
    cursor = page.nextCursor
    // A new one arrives, and the one that the cursor names is deleted.
    all = [session(`new-${pages}`, 200 + pages), ...all.filter(({ id }) => id !== seen.at(-1))]
  }
  assert.deepEqual(seen, ['b', 'a', 'd', 'c', 'e'])
  assert.equal(cursor, null)
})

test('a page that ends with the last session has no next page', () => {
  const all = [session('a', 1), session('b', 2)]
  assert.equal(pageOfSessions(all, { limit: 2, cursor: null }).nextCursor, null)
  assert.deepEqual(pageOfSessions([], { limit: 2, cursor: null }), { items: [], nextCursor: null })
})

for (const cursor of ['x', 'W10', '', 'bnVsbA', Buffer.from('["1","a"]').toString('base64url'), 'WzEsImEiXQ==']) {
  test(`the cursor ${JSON.stringify(cursor)}, which no page returned, is refused`, () => {
    assert.throws(() => pageOfSessions([session('a', 1)], { limit: 1, cursor }), isRefusedCursor)
    assert.throws(() => pageOfMessages([message('a')], { limit: 1, cursor }), isRefusedCursor)
  })
}

test('a search finds text in titles and first prompts, in any case and Unicode normalization', () => {
  const all = [
    session('1', 1, { title: 'Fix the PARSER' }),
    session('2', 2, { firstPrompt: 'the parser of café menus' }),
    session('3', 3, { title: 'x', firstPrompt: 'y', cwd: '/parser' }),
  ]
  assert.deepEqual(
    searchSessions(all, 'parser').map(({ id }) => id),
    ['1', '2'],
  )
  assert.deepEqual(
    searchSessions(all, 'CAFE\u0301').map(({ id }) => id),
    ['2'],
  )
  // The query is text, not a pattern.
  assert.deepEqual(searchSessions(all, 'p.rser'), [])
})

test('pages of messages continue where they ended, also when the conversation has grown', () => {
  const all = ['a', 'b', 'c'].map((id) => message(id))
  const first = pageOfMessages(all, { limit: 2, cursor: null })
  assert.deepEqual(idsOf(first), ['a', 'b'])
  const second = pageOfMessages([...all, message('d')], { limit: 2, cursor: first.nextCursor })
  assert.deepEqual(idsOf(second), ['c', 'd'])
  assert.equal(second.nextCursor, null)
})

test('a page of messages continues after its last message even if earlier ones are gone', () => {
  const all = ['a', 'b', 'c'].map((id) => message(id))
  const { nextCursor } = pageOfMessages(all, { limit: 2, cursor: null })
  assert.deepEqual(idsOf(pageOfMessages(all.slice(1), { limit: 2, cursor: nextCursor })), ['c'])
  assert.throws(() => pageOfMessages(all.slice(2), { limit: 2, cursor: nextCursor }), isRefusedCursor)
})

test('a page of large messages ends early, but always has one message', () => {
  const large = 'x'.repeat(3 * 1024 ** 2)
  const all = [message('a', large + large), message('b', large), message('c', large)]
  const pages: string[][] = []
  let cursor: string | null = null
  do {
    const page = pageOfMessages(all, { limit: 200, cursor })
    pages.push(idsOf(page))
    cursor = page.nextCursor
  } while (cursor !== null)
  assert.deepEqual(pages, [['a'], ['b'], ['c']])
})

test('only sessions of folders below the roots are shown, with links resolved', async (t) => {
  const { root } = makeFolders(t)
  const [allowed, other] = [join(root, 'allowed'), join(root, 'allowed-not')]
  for (const folder of [allowed, other, join(allowed, 'sub')]) mkdirSync(folder)
  symlinkSync(other, join(allowed, 'out'))
  symlinkSync(join(allowed, 'sub'), join(other, 'in'))
  const folders = [allowed, join(allowed, 'sub'), join(allowed, 'gone'), join(other, 'in')]
  const refused = [other, join(allowed, 'out'), root, '/', 'allowed']
  const all = [...folders, ...refused, null].map((cwd, index) => session(String(index), index, { cwd }))
  const shown = await new SessionAccess([allowed]).allowed(all)
  assert.deepEqual(
    shown.map(({ cwd }) => cwd),
    folders,
  )
  assert.equal((await new SessionAccess(null).allowed(all)).length, all.length)
})

test('sessions of a folder are found by every path to it, and after it is gone', async (t) => {
  const { root } = makeFolders(t)
  const [folder, link] = [join(root, 'folder'), join(root, 'link')]
  mkdirSync(folder)
  symlinkSync(folder, link)
  const all = [folder, link, `${folder}/`, join(folder, 'sub'), root, null].map((cwd, index) =>
    session(String(index), index, { cwd }),
  )
  const found = async (cwd: string) => {
    const access = new SessionAccess(null)
    return (await access.within(all, await access.resolve(cwd))).map(({ id }) => id)
  }
  assert.deepEqual(await found(link), ['0', '1', '2'])
  rmSync(folder, { recursive: true })
  assert.deepEqual(await found(folder), ['0', '2'])
})

test('a folder outside the roots is refused, and so is a relative path', async () => {
  const codeOf = (cwd: string, roots: string[] | null) =>
    new SessionAccess(roots).resolve(cwd).then(
      () => null,
      (error: AppError) => error.code,
    )
  assert.equal(await codeOf('/', ['/usr']), 'cwd_not_allowed')
  assert.equal(await codeOf('usr', null), 'invalid_request')
})
