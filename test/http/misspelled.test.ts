// A misspelled name of a required field: the error names both, on every API. Not for other problems of a body (see validate.test.ts).
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { z } from 'zod'
import { parseBody, parsePart, parseQuery } from '../../src/http/validate.ts'
import { startTestServer } from '../helpers/test-server.ts'

const strict = z.strictObject({ prompt: z.string(), model: z.string().optional() })
const loose = z.looseObject({
  max_tokens: z.int(),
  messages: z.array(z.looseObject({ role: z.string(), content: z.string() })),
})

const cases: [what: string, parse: () => unknown, message: string][] = [
  ['a strict body', () => parseBody(strict, { promt: 'x' }), 'prompt is required; promt is not a field of this request: did you mean prompt?'],
  ['nothing like it', () => parseBody(strict, {}), 'prompt is required'],
  ['a known field that is near', () => parseBody(z.strictObject({ name: z.string(), names: z.string().optional() }), { names: 'x' }), 'name is required'],
  ['a loose body', () => parseBody(loose, { max_token: 1, messages: [] }), 'max_tokens is required; max_token is not a field of this request: did you mean max_tokens?'],
  ['a nested field', () => parseBody(loose, { max_tokens: 1, messages: [{ role: 'user', contnet: 'x' }] }), 'messages[0].content is required; contnet is not a field of this request: did you mean content?'],
  ['a part of a body', () => parsePart(strict, { Prompts: 'x' }, 'tools[2]'), 'tools[2].prompt is required; Prompts is not a field of this request: did you mean prompt?'],
  ['a query', () => parseQuery(strict, { promtp: 'x' }), 'prompt is required; promtp is not a field of this request: did you mean prompt?'],
] // biome-ignore format: a table reads better with a line for each
for (const [what, parse, message] of cases) {
  test(`a misspelled required field: ${what}`, () => {
    assert.throws(parse, { code: 'invalid_request', message })
  })
}

test('every API names the misspelled field and the right one', { timeout: 60_000 }, async (t) => {
  const { url } = await startTestServer(t, { fake: 'well-behaved' })
  const messages = [{ role: 'user', content: 'x' }]
  const bodies: [path: string, body: object, wrong: string, right: string][] = [
    ['/v1/chat', { promt: 'x' }, 'promt', 'prompt'],
    ['/v1/chat/stream', { Promtp: 'x' }, 'Promtp', 'prompt'],
    ['/v1/chat/completions', { model: 'sonnet', mesages: messages }, 'mesages', 'messages'],
    ['/v1/responses', { model: 'sonnet', inptu: 'x' }, 'inptu', 'input'],
    ['/v1/messages', { model: 'sonnet', messages, max_token: 5 }, 'max_token', 'max_tokens'],
    ['/v1/messages', { modle: 'sonnet', messages, max_tokens: 5 }, 'modle', 'model'],
  ]
  for (const [path, body, wrong, right] of bodies) {
    const headers = { 'content-type': 'application/json', 'anthropic-version': '2023-06-01' }
    const answer = await fetch(`${url}${path}`, { method: 'POST', headers, body: JSON.stringify(body) })
    const text = await answer.text()
    assert.equal(answer.status, 400, text)
    for (const name of [wrong, right]) assert.match(text, new RegExp(`\\b${name}\\b`), `${path}: ${text}`)
  }
})
