// Cases of the Anthropic suite: fields that mean nothing here, that are told as such, and that a version of the API refuses.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { step } from '../helpers/test-server.ts'
import { ask, askAndTell, failureOf, fromUser, textOf, toBody } from './anthropic-calls.ts'
import type { Subject } from './anthropic-suite.ts'

const older = { headers: { 'anthropic-version': '2023-06-01' } }
const newer = { headers: { 'anthropic-version': '2026-10-21' } }
const sampling = { temperature: 0.2, top_p: 0.9, top_k: 40 }

export function testFields({ client, server, version, Anthropic }: Subject): void {
  const { upstream } = server
  const messages = [fromUser('hi')]

  test(`the client asks for version ${version} by itself`, async () => {
    const answer = ask(client, { messages, temperature: 0.2 })
    if (version === '2023-06-01') assert.equal((await answer).type, 'message')
    else assert.match((await failureOf(answer, Anthropic.BadRequestError)).message, /temperature/)
  })

  test('in the older version what cannot be honored is named in a header', async () => {
    const given = { ...sampling, mcp_servers: [{ type: 'url', name: 'a', url: 'https://a' }], unheard_of: 1 }
    const { message, ignored } = await askAndTell(client, { messages, ...given }, older)
    assert.equal(message.stop_reason, 'end_turn')
    assert.deepEqual(ignored?.split(', ').sort(), ['mcp_servers', 'temperature', 'top_k', 'top_p', 'unheard_of'])
  })

  test('in the older version the usual values ask for nothing', async () => {
    const { ignored } = await askAndTell(client, { messages, temperature: 1, top_p: 1 }, older)
    assert.equal(ignored, null)
  })

  for (const [name, value] of Object.entries({ ...sampling, temperature: 1 })) {
    test(`in the newer version ${name} is refused, whatever its value`, async () => {
      const error = await failureOf(ask(client, { messages, [name]: value }, newer), Anthropic.BadRequestError)
      assert.match(error.message, new RegExp(name))
      assert.equal(upstream.requests.length, 0)
    })
  }

  test('what cannot be honored is refused where the client is strict', async () => {
    const headers = { ...older.headers, 'x-claude-serve-strict': 'true' }
    const error = await failureOf(ask(client, { messages, temperature: 0.2 }, { headers }), Anthropic.BadRequestError)
    assert.match(error.message, /temperature/)
    assert.equal(upstream.requests.length, 0)
  })

  test('what clients send and loses nothing is not even named', async () => {
    const { message, ignored } = await askAndTell(client, {
      messages: [fromUser([{ type: 'text', text: step({ text: 'Hello.' }), cache_control: { type: 'ephemeral' } }])],
      metadata: { user_id: 'someone' },
      service_tier: 'auto',
      cache_control: { type: 'ephemeral' },
      inference_geo: null,
      context_management: {},
    })
    assert.deepEqual([textOf(message), ignored], ['Hello.', null])
  })

  const bad: [field: RegExp, what: string, body: Record<string, unknown>][] = [
    [/^model/, 'no model', { model: undefined }],
    [/^max_tokens/, 'no max_tokens', { max_tokens: undefined }],
    [/^max_tokens/, 'max_tokens of nothing', { max_tokens: 0 }],
    [/^messages/, 'no messages', { messages: undefined }],
    [/^messages/, 'an empty list of messages', { messages: [] }],
    [/^messages/, 'messages that are a text', { messages: 'hi' }],
    [/^messages/, 'nothing but white space', { messages: [fromUser(' \n')] }],
    [/^messages\[0\]\.role/, 'an unknown role', { messages: [{ role: 'king', content: 'hi' }] }],
    [/^messages\[0\]\.content/, 'content that is a number', { messages: [{ role: 'user', content: 5 }] }],
    [/^system/, 'a system prompt that is a picture', { system: [{ type: 'image' }] }],
    [/^stream/, 'a stream that is a number', { stream: 3 }],
    [/^tool_choice/, 'a choice without tools', { tool_choice: { type: 'any' } }],
    [/^thinking\.type/, 'an unknown thinking', { thinking: { type: 'deep' } }],
    [/^output_config\.effort/, 'an unknown effort', { output_config: { effort: 'heroic' } }],
    [/^stop_sequences/, 'stop sequences that are a text', { stop_sequences: 'END' }],
  ]
  for (const [field, what, given] of bad) {
    test(`a request with ${what} is refused by the name of the field`, async () => {
      const body = { ...toBody({ messages }), ...given }
      const error = await failureOf(client.post('/v1/messages', { body }), Anthropic.BadRequestError)
      const { error: told } = error.error as { error: { type: string; message: string } }
      assert.equal(told.type, 'invalid_request_error')
      assert.match(told.message, field)
      assert.equal(upstream.requests.length, 0)
    })
  }
}
