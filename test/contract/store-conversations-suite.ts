// The part of the Store suite about conversations and their items. The rest is in store-suite.ts.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Conversation } from '../../src/core/store.ts'
import { AppError } from '../../src/errors.ts'
import { noonMs, type OpenStore } from './store-records.ts'

const conversation = (id: string, owner: string | null = null): Conversation => ({
  ...{ id, owner, createdAtMs: noonMs },
  metadata: { ticket: '42', 'mit Ümlaut': '🦉' },
})

const items = (...ids: string[]) => ids.map((id) => ({ id, item: { id, type: 'message', content: `wörd ${id} 🦉` } }))
const ascending = { after: null, limit: 100, order: 'asc' } as const

export function describeConversations(open: OpenStore): void {
  test('a conversation and its items are read as they were stored, also after a restart', async (t) => {
    const { store, reopen } = await open(t)
    await store.createConversation(conversation('conv_1', 'key_1'), items('a', 'b'))
    await store.createConversation(conversation('conv_2'), [])
    await store.addItems('conv_1', items('c'))
    await store.addItems('conv_2', items('a'))
    for (const next of [async () => store, reopen]) {
      const opened = await next()
      assert.deepEqual(await opened.conversation('conv_1'), conversation('conv_1', 'key_1'))
      assert.deepEqual(await opened.conversation('conv_2'), conversation('conv_2'))
      assert.equal(await opened.conversation('conv_3'), null)
      const found = await opened.items('conv_1', ascending)
      assert.deepEqual(
        found.map(({ id, item }) => ({ id, item })),
        items('a', 'b', 'c'),
      )
      assert.deepEqual(await opened.item('conv_1', 'b'), found[1])
      assert.equal(await opened.item('conv_2', 'b'), null)
    }
  })

  test('items are listed in both orders, page by page', async (t) => {
    const { store } = await open(t)
    await store.createConversation(conversation('conv_1'), items('a', 'b', 'c', 'd', 'e'))
    await store.createConversation(conversation('conv_2'), items('x'))
    for (const [order, ids] of [
      ['asc', ['a', 'b', 'c', 'd', 'e']],
      ['desc', ['e', 'd', 'c', 'b', 'a']],
    ] as const) {
      const listed: string[] = []
      let after: number | null = null
      for (;;) {
        const page = await store.items('conv_1', { after, limit: 2, order })
        if (page.length === 0) break
        listed.push(...page.map(({ id }) => id))
        after = page.at(-1)?.seq ?? null
      }
      assert.deepEqual(listed, ids)
    }
  })

  test('metadata is replaced; items and conversations are deleted', async (t) => {
    const { store, reopen } = await open(t)
    await store.createConversation(conversation('conv_1'), items('a', 'b'))
    await store.createConversation(conversation('conv_2'), items('a'))
    await store.updateConversation('conv_1', { other: 'x' })
    assert.equal(await store.deleteItem('conv_1', 'a'), true)
    assert.equal(await store.deleteItem('conv_1', 'a'), false)
    await store.deleteConversation('conv_2')
    await store.addItems('conv_2', items('late'))
    const opened = await reopen()
    assert.deepEqual((await opened.conversation('conv_1'))?.metadata, { other: 'x' })
    assert.deepEqual(
      (await opened.items('conv_1', ascending)).map(({ id }) => id),
      ['b'],
    )
    assert.equal(await opened.conversation('conv_2'), null)
    assert.deepEqual(await opened.items('conv_2', ascending), [])
  })

  test('a conversation that grows too large is left as it is, and room is made by deleting', async (t) => {
    const { store } = await open(t)
    await store.createConversation(conversation('conv_1'), [])
    const large = (id: string) => ({ id, item: 'x'.repeat(20_000_000) })
    await store.addItems('conv_1', [large('a'), large('b')])
    await assert.rejects(
      store.addItems('conv_1', [...items('small'), large('c')]),
      (error) => error instanceof AppError && error.code === 'invalid_request',
    )
    const idsOf = async () => (await store.items('conv_1', ascending)).map(({ id }) => id)
    assert.deepEqual(await idsOf(), ['a', 'b'])
    await store.deleteItem('conv_1', 'a')
    await store.addItems('conv_1', [large('c')])
    assert.deepEqual(await idsOf(), ['b', 'c'])
  })

  test('what may exceed the limits is kept, and the next addition is refused', async (t) => {
    const { store } = await open(t)
    await store.createConversation(conversation('conv_1', 'key_1'), [])
    const full = { id: 'full', item: 'x'.repeat(49_999_990) }
    await store.addItems('conv_1', [full])
    await store.requireRoom('conv_1', 8)
    const refused = (error: unknown) => error instanceof AppError && error.details.field === 'conversation'
    await assert.rejects(store.requireRoom('conv_1', 9), refused)
    await assert.rejects(store.addItems('conv_1', items('a')), refused)
    await store.addItems('conv_1', items('a'), { mayExceed: true })
    await assert.rejects(store.requireRoom('conv_1', 0), refused)
    assert.deepEqual(
      (await store.items('conv_1', ascending)).map(({ id }) => id),
      ['full', 'a'],
    )
    await store.requireRoom('conv_none', 1)
  })
}
