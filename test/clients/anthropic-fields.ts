// Cases of the Anthropic suite: fields that have no effect, that are reported as ignored, or that a version of the API
// refuses.
import assert from 'node:assert/strict'
import { test } from '../helpers/extended.ts'
import { step } from '../helpers/test-server.ts'
import { ask, askWithIgnored, errorOf, fromUser, textOf, toBody } from './anthropic-calls.ts'
import type { Subject } from './anthropic-subject.ts'

const older = { headers: { 'anthropic-version': '2023-06-01' } }
const newer = { headers: { 'anthropic-version': '2026-10-21' } }
const sampling = { temperature: 0.2, top_p: 0.9, top_k: 40 }

export function testFields({ client, server, version, Anthropic }: Subject): void {
  const { upstream } = server
  const messages = [fromUser('hi')]

  test(`the client requests version ${version} by default`, async () => {
    const answer = ask(client, { messages, temperature: 0.2 })
    if (version === '2023-06-01') assert.equal((await answer).type, 'message')
    else assert.match((await errorOf(answer, Anthropic.BadRequestError)).message, /temperature/)
  })

  test('with the older version, ignored fields are named in a header', async () => {
    const fields = { ...sampling, mcp_servers: [{ type: 'url', name: 'a', url: 'https://a' }], unheard_of: 1 }
    const { message, ignored } = await askWithIgnored(client, { messages, ...fields }, older)
    assert.equal(message.stop_reason, 'end_turn')
    assert.deepEqual(ignored?.split(', ').sort(), ['mcp_servers', 'temperature', 'top_k', 'top_p', 'unheard_of'])
  })

  test('with the older version, default values are not reported as ignored', async () => {
    const { ignored } = await askWithIgnored(client, { messages, temperature: 1, top_p: 1 }, older)
    assert.equal(ignored, null)
  })

  for (const [name, value] of Object.entries({ ...sampling, temperature: 1 })) {
    test(`with the newer version, ${name} is refused, whatever its value`, async () => {
      const error = await errorOf(ask(client, { messages, [name]: value }, newer), Anthropic.BadRequestError)
      assert.match(error.message, new RegExp(name))
      assert.equal(upstream.requests.length, 0)
    })
  }

  test('a field that would be ignored is refused if the client is strict', async () => {
    const headers = { ...older.headers, 'x-claude-serve-strict': 'true' }
    const error = await errorOf(ask(client, { messages, temperature: 0.2 }, { headers }), Anthropic.BadRequestError)
    assert.match(error.message, /temperature/)
    assert.equal(upstream.requests.length, 0)
  })

  test('fields whose loss does not matter are not reported', async () => {
    const { message, ignored } = await askWithIgnored(client, {
      messages: [fromUser([{ type: 'text', text: step({ text: 'Hello.' }), cache_control: { type: 'ephemeral' } }])],
      metadata: { user_id: 'someone' },
      service_tier: 'auto',
      cache_control: { type: 'ephemeral' },
      inference_geo: null,
      context_management: {},
    })
    assert.deepEqual([textOf(message), ignored], ['Hello.', null])
  })

  const invalid: [field: RegExp, what: string, body: Record<string, unknown>][] = [
    [/^model/, 'no model', { model: undefined }],
    [/^max_tokens/, 'no max_tokens', { max_tokens: undefined }],
    [/^max_tokens/, 'max_tokens of 0', { max_tokens: 0 }],
    [/^messages/, 'no messages', { messages: undefined }],
    [/^messages/, 'an empty list of messages', { messages: [] }],
    [/^messages/, 'messages that are a string', { messages: 'hi' }],
    [/^messages/, 'nothing but white space', { messages: [fromUser(' \n')] }],
    [/^messages\[0\]\.role/, 'an unknown role', { messages: [{ role: 'king', content: 'hi' }] }],
    [/^messages\[0\]\.content/, 'content that is a number', { messages: [{ role: 'user', content: 5 }] }],
    [/^system/, 'a system prompt that is an image', { system: [{ type: 'image' }] }],
    [/^stream/, 'a stream that is a number', { stream: 3 }],
    [/^tool_choice/, 'a choice without tools', { tool_choice: { type: 'any' } }],
    [/^thinking\.type/, 'an unknown thinking type', { thinking: { type: 'deep' } }],
    [/^output_config\.effort/, 'an unknown effort', { output_config: { effort: 'heroic' } }],
    [/^stop_sequences/, 'stop sequences that are a string', { stop_sequences: 'END' }],
  ]
  for (const [field, what, fields] of invalid) {
    test(`a request with ${what} is refused, and the error names the field`, async () => {
      const body = { ...toBody({ messages }), ...fields }
      const error = await errorOf(client.post('/v1/messages', { body }), Anthropic.BadRequestError)
      const { error: sentError } = error.error as { error: { type: string; message: string } }
      assert.equal(sentError.type, 'invalid_request_error')
      assert.match(sentError.message, field)
      assert.equal(upstream.requests.length, 0)
    })
  }
}
