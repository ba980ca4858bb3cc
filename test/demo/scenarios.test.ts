// The demo model: each keyword triggers the behavior that its line of help promises.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { fitSchema } from '../../src/demo/fit-schema.ts'
import { type DemoContext, SCENARIOS, toDemoSteps } from '../../src/demo/scenarios.ts'
import { startUpstream } from '../../src/demo/upstream.ts'

const NOTHING: DemoContext = {
  images: 0,
  documents: 0,
  toolNames: [],
  hasSchemaTool: false,
  schema: undefined,
  turn: 1,
}

const steps = (prompt: string, context: Partial<DemoContext> = {}) => toDemoSteps(prompt, { ...NOTHING, ...context })
const first = (prompt: string, context: Partial<DemoContext> = {}) => steps(prompt, context)[0] ?? {}

test('an ordinary prompt is repeated, with the turn and a note that nothing left the machine', () => {
  const step = first('What is up?', { turn: 3 })
  assert.match(step.text ?? '', /demo model.*nothing left this machine.*turn 3.*What is up\?/s)
  assert.equal(step.tokens, 20)
  assert.equal(step.gap, 15)
})

test('a long prompt is repeated up to two hundred characters, and no character is broken', () => {
  const text = first('😀'.repeat(300)).text ?? ''
  assert.equal([...text].filter((character) => character === '😀').length, 200)
  assert.ok(text.isWellFormed())
})

test('keywords are whole words in any case, separated by any white space', () => {
  assert.ok(first('Please THINK.').thinking)
  assert.equal(first('rethink, thinker').thinking, undefined)
  assert.equal(first('give me an Error \n 429 please').status, 429)
  assert.equal(first('error 4290').status, undefined)
})

test('each error keyword triggers its error, even if other keywords are present', () => {
  for (const status of [401, 403, 404, 429, 500, 529]) assert.equal(first(`a long error ${status}`).status, status)
  assert.equal(first('error 429').retry_after, 7)
  assert.equal(first('error hang').hang, 'headers')
  assert.ok(first('error cut').cut)
  assert.equal(first('error refusal').stop_reason, 'refusal')
  assert.equal(first('error too long').stop_reason, 'max_tokens')
})

test('long and slow differ in length and pace, and markdown has a code block', () => {
  assert.deepEqual(first('long'), { tokens: 400, gap: 20 })
  assert.deepEqual(first('slow'), { tokens: 20, gap: 250 })
  assert.match(first('markdown').text ?? '', /^# .*```/s)
})

test('tools are called if they are offered, and the answer says so if they are not', () => {
  const offered = { toolNames: ['AskUserQuestion', 'Bash', 'Write'] }
  assert.equal(first('list files', offered).tool, 'Bash')
  assert.deepEqual(first('use a tool', offered).input, { command: 'ls', description: 'List files' })
  assert.equal(first('write a file', offered).tool, 'Write')
  assert.equal(first('ask me something', offered).tool, 'AskUserQuestion')
  assert.equal(steps('list files', offered).length, 2)
  assert.ok(steps('list files', offered)[1]?.text)
  for (const prompt of ['tool', 'list files', 'write a file', 'ask me']) {
    assert.equal(first(prompt).tool, undefined)
    assert.match(first(prompt).text ?? '', /not offer/)
  }
})

test("a caller's own tool is called with an input that fits its schema", () => {
  const schema = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] }
  const step = first('use the tool', { toolNames: ['weather'], inputSchemas: { weather: schema } })
  assert.equal(step.tool, 'weather')
  assert.deepEqual(step.input, { city: 'demo city' })
})

test('images and documents are counted', () => {
  assert.match(first('what is this?', { images: 1, documents: 2 }).text ?? '', /1 image and 2 documents/)
})

test('a JSON schema is answered with an object that fits it', () => {
  const schema = { type: 'object', properties: { n: { type: 'integer', minimum: 5 } }, required: ['n'] }
  const step = first('hello', { hasSchemaTool: true, schema, toolNames: ['StructuredOutput'] })
  assert.equal(step.tool, 'StructuredOutput')
  assert.deepEqual(step.input, { n: 5 })
})

test('every scenario has a line of help and works from its first keyword', () => {
  for (const scenario of SCENARIOS) {
    assert.ok(scenario.help)
    for (const keyword of scenario.keywords) assert.deepEqual(steps(keyword), scenario.steps(keyword, NOTHING))
  }
})

test('invented values fit schemas of every common kind', () => {
  const ajv = new Ajv2020({ strict: false, validateFormats: false })
  const schemas = [
    { type: 'object', properties: { a: { enum: ['x', 'y'] }, b: { const: 7 }, c: { default: 'd' } } },
    { type: 'object', required: ['a'], properties: { a: { type: ['string', 'null'], minLength: 12, maxLength: 12 } } },
    { type: 'object', properties: { a: { type: 'array', minItems: 3, uniqueItems: true, items: { type: 'string' } } } },
    { type: 'array', minItems: 2, uniqueItems: true, items: { enum: ['a', 'b'] } },
    { type: 'array', maxItems: 0, items: { type: 'string' } },
    { type: 'array', prefixItems: [{ type: 'string' }, { type: 'number' }], items: false },
    { type: 'integer', exclusiveMinimum: 3, multipleOf: 5 },
    { type: 'number', maximum: -2 },
    { type: 'integer', exclusiveMaximum: 0 },
    { anyOf: [{ type: 'boolean' }, { type: 'string' }] },
    {
      allOf: [
        { type: 'object', required: ['a'] },
        { properties: { a: { type: 'null' } }, required: ['b'] },
      ],
    },
    {
      $ref: '#/$defs/node',
      $defs: {
        node: {
          type: 'object',
          required: ['name', 'children'],
          properties: { name: { type: 'string' }, children: { type: 'array', items: { $ref: '#/$defs/node' } } },
        },
      },
    },
    { type: 'object', properties: { a: { type: 'string', pattern: '^\\d+$' }, when: { format: 'date' } } },
    {},
    true,
  ]
  for (const schema of schemas) {
    const value = fitSchema(schema)
    assert.ok(ajv.validate(schema, value), `${JSON.stringify(schema)} ${JSON.stringify(value)}`)
  }
})

test('a schema that refers to itself without end still gets an answer', () => {
  const schema = { $ref: '#/$defs/a', $defs: { a: { $ref: '#/$defs/a' } } }
  assert.notEqual(fitSchema(schema), undefined)
  const endless = {
    $ref: '#/$defs/a',
    $defs: { a: { type: 'object', required: ['a'], properties: { a: { $ref: '#/$defs/a' } } } },
  }
  assert.ok(JSON.stringify(fitSchema(endless)))
})

test('the upstream plays the scenarios if enabled, and a directive still takes precedence', async () => {
  const up = await startUpstream({ scenarios: true })
  try {
    const ask = async (messages: unknown[], tools: unknown[] = []) => {
      const body = JSON.stringify({ model: 'm', messages, tools })
      return JSON.parse(await (await fetch(`${up.url}/v1/messages`, { method: 'POST', body })).text())
    }
    const user = (...content: unknown[]) => ({ role: 'user', content })
    const text = (words: string) => ({ type: 'text', text: words })
    const hello = [user(text('hi')), { role: 'assistant', content: 'hi' }, user(text('hello there'))]
    const noise = [{ role: 'system', content: '# Environment: error 500' }]
    assert.match((await ask([...hello, ...noise])).content[0].text, /turn 2.*hello there/)
    assert.equal((await ask([user(text('think [[fake {"text":"scripted"}]]'))])).content[0].text, 'scripted')
    const image = { type: 'image', source: {} }
    assert.match((await ask([user(image, text('<system-reminder>long</system-reminder>'))])).content[0].text, /1 image/)

    const prompt = user(text('list files'))
    const [call] = (await ask([prompt], [{ name: 'Bash' }])).content
    assert.equal(call.name, 'Bash')
    const result = user({ type: 'tool_result', tool_use_id: call.id, content: 'a b' }, text('a remark of the CLI'))
    const after = await ask([prompt, { role: 'assistant', content: [call] }, result], [{ name: 'Bash' }])
    assert.match(after.content[0].text, /I called Bash/)

    const answer = { type: 'tool_result', tool_use_id: call.id, content: 'Structured output provided successfully' }
    const merged = user(answer, text('an error 403'))
    const refused = await fetch(`${up.url}/v1/messages`, {
      method: 'POST',
      body: JSON.stringify({ messages: [prompt, merged] }),
    })
    assert.equal(refused.status, 403)

    const note = user(text('Output token limit hit. Resume directly'))
    const resumed = await ask([user(text('error too long')), { role: 'assistant', content: 'This' }, note])
    assert.equal(resumed.stop_reason, 'max_tokens')
  } finally {
    await up.close()
  }
})
