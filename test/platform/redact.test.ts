// What is masked in logs and error messages, what stays, and that a masked JSON line is still JSON.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createLogger } from '../../src/log/logger.ts'
import { maskSecrets, maskValues, secretValues } from '../../src/platform/redact.ts'

const canary = 'C4nary7C4nary7C4nary7'
const jwt = `eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiI${canary}.sig_${canary}`
const pem = `-----BEGIN RSA PRIVATE KEY-----\nMIIE${canary}\n${canary}==\n-----END RSA PRIVATE KEY-----`

const secrets: [what: string, text: string][] = [
  ['an Anthropic key', `key sk-ant-api03-${canary} refused`],
  ['an Anthropic key inside a word', `prefix_sk-ant-${canary}`],
  ['an OpenAI key', `sk-proj-${canary}`],
  ['a key after a terminal color', `\u001b[32msk-${canary}\u001b[39m`],
  ['a key after an escaped line break', String.raw`line\nsk-${canary}`],
  ['a key in a URL-encoded text', `text%20sk-${canary}`],
  ['a bearer token', `Authorization: Bearer ${canary}`],
  ['a bearer token in any case', `authorization:bearer ${canary}`],
  ['a bearer token alone', `sent Bearer ${canary}`],
  ['a basic login', `authorization: Basic ${canary}==`],
  ['an x-api-key header', `x-api-key: ${canary}`],
  ['an x-api-key in an object', `{"x-api-key":"${canary} with a space"}`],
  ['an x-api-key in an object inside a string', String.raw`{"body":"{\"X-Api-Key\":\"${canary}\"}"}`],
  ['an x-api-key in a list of raw headers', `["Host","a","x-api-key","${canary}"]`],
  ['a variable of the environment', `ANTHROPIC_AUTH_TOKEN=${canary} claude -p`],
  ['a variable in an object', `{"AWS_SECRET":"${canary}"}`],
  ['a token in a URL', `GET /v1/runs?after=1&token=${canary}&limit=2`],
  ['a JSON web token', `cookie ${jwt}`],
  ['a JSON web token that was cut', 'eyJC4nary7C4nary7C4nary7'],
  ['a secret that begins like the placeholder of a hint', 'PASSWORD=<key>C4nary7 x-api-key: …C4nary7'],
  ['an AWS key id', 'AKIAC4NARY7C4NARY7XX'],
  ['a PEM block', pem],
  ['a PEM block in a JSON string', JSON.stringify({ pem })],
  ['a PEM block that was cut', pem.slice(0, 60)],
  ['a password in an address', `postgres://me:${canary}@db.example/claude`],
]
for (const [what, text] of secrets) {
  test(`${what} is masked, and masking again changes nothing`, () => {
    const once = maskSecrets(text)
    assert.doesNotMatch(once, /C4nary7|C4NARY7/)
    assert.match(once, /\*\*\*/)
    assert.equal(maskSecrets(once), once)
  })
}

const harmless = [
  'task-12345678 risk-assessment-report disk-usage-percent',
  'input_tokens: 1200, max_tokens=64',
  '{"usage":{"input_tokens":12},"apiKey":null,"authorization":false,"total":3}',
  'http://127.0.0.1:5005/v1/chat and mailto:me@example.com',
  'session 6f1f6a52-3f0e-4f1e-9a53-7a1d4b1c2d3e of run_0123456789abcdef',
  'claude-sonnet-4-5-20250929 with sk-dummy',
  "send it as 'authorization: Bearer <key>' or 'x-api-key: <key>'",
  'export CLAUDE_SERVE_API_KEY=<key>',
  'ANTHROPIC_AUTH_TOKEN=<your token> claude-serve',
  'curl -H "x-api-key: <key>" https://example.com/?key=<key>',
  '{"authorization": "Bearer <key>", "api_key": "<key>", "MY_TOKEN": "…"}',
  'postgres://user:<password>@host/runs',
]
for (const text of harmless) {
  test(`"${text}" is left unchanged`, () => {
    assert.equal(maskSecrets(text), text)
  })
}

test('a hostile line is masked in linear time', () => {
  const pieces = ['-----BEGIN A-----', 'x-api-key', '://a', 'eyJ-', 'sk-', 'bearer ', '[0;0;', 'A_', '\\\\', '   ']
  const startedAt = performance.now()
  for (const piece of pieces) maskSecrets(piece.repeat(Math.ceil(100_000 / piece.length)))
  assert.ok(performance.now() - startedAt < 5000)
})

test('values of secret variables are masked wherever they occur, except short ones', () => {
  const environment = {
    MY_API_KEY: 'plain "words" here',
    GH_TOKEN: 'on',
    HOME: '/home/someone-long',
    X_SECRET: undefined,
  }
  const values = secretValues(environment)
  assert.deepEqual(new Set(values), new Set(['plain "words" here', String.raw`plain \"words\" here`]))
  assert.equal(maskValues(JSON.stringify({ on: 'plain "words" here' }), values), '{"on":"***"}')
})

for (const logFormat of ['json', 'pretty'] as const) {
  test(`the ${logFormat} log masks messages, nested values, errors and their causes`, () => {
    const written: string[] = []
    const sink = { write: (line: string) => void written.push(line) }
    const log = createLogger({ logLevel: 'trace', logFormat }, { ANTHROPIC_API_KEY: 'operator-own-value' }, sink)
    log.info(`started with sk-ant-${canary}`)
    log.warn({ headers: { 'x-api-key': canary, list: [`Bearer ${canary}`] } }, 'nested')
    log.error(new Error(`outer sk-${canary}`, { cause: new Error(`inner ${jwt}`) }))
    log.debug({ text: 'operator-own-value', pem }, 'more')
    assert.equal(written.length, 4)
    assert.doesNotMatch(written.join(''), /C4nary7|operator-own-value/)
    if (logFormat === 'json') for (const line of written) assert.equal(typeof JSON.parse(line).time, 'string')
  })
}

test('one log call in the json log is one line, whatever the text contains', () => {
  const written: string[] = []
  const log = createLogger({ logLevel: 'info', logFormat: 'json' }, {}, { write: (line) => void written.push(line) })
  log.info({ path: '/a\n{"level":"fatal"}' }, 'b\r\n\u001b[2Jc')
  assert.equal(written.length, 1)
  const [line = ''] = written
  assert.equal(line.indexOf('\n'), line.length - 1)
  assert.equal(
    [...line.slice(0, -1)].every((character) => character >= ' '),
    true,
  )
})

test('the pretty log shows escape sequences of a request instead of sending them to the terminal', () => {
  const written: string[] = []
  const log = createLogger({ logLevel: 'info', logFormat: 'pretty' }, {}, { write: (line) => void written.push(line) })
  log.info({ path: '/\u001b]0;owned\u0007\u009b' }, 'title \u001b[2J')
  const text = written.join('')
  assert.equal(
    [...text].every((character) => character === '\n' || character >= ' '),
    true,
  )
  assert.doesNotMatch(text, /\u009b/)
  assert.match(text, /\\x1b\[2J/)
})
