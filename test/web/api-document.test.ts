// openapi.json: it is a valid OpenAPI document, matches what the server really does, and its examples fit its schemas.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Validator } from '@seriousme/openapi-schema-validator'
import { AppError, type ErrorCode, errorCodes } from '../../src/errors.ts'
import { anthropicStatus } from '../../src/surfaces/anthropic/errors.ts'
import { EventsQuery, RunsQuery, UsageQuery } from '../../src/surfaces/native/run-schemas.ts'
import { ChatRequest } from '../../src/surfaces/native/schemas.ts'
import { MessageListQuery, SessionListQuery } from '../../src/surfaces/native/session-schemas.ts'
import { ollamaStatus } from '../../src/surfaces/ollama/errors.ts'
import { openaiStatus } from '../../src/surfaces/openai/shared/errors.ts'
import { makeFolders } from '../helpers/test-server.ts'
import { pathFor, type Route, send, startWithRoutes } from '../security/posture-routes.ts'
import { assertFits, document, documentText, fits, type Operation, operations, resolve, walk } from './api-scene.ts'

test('the document is valid OpenAPI 3.1, by the schema of OpenAPI itself', async () => {
  const validator = new Validator()
  const { valid, errors } = await validator.validate(structuredClone(document))
  assert.ok(valid, JSON.stringify(errors, null, 2))
  assert.equal(validator.version, '3.1')
})

test('the validator detects an error', async () => {
  const broken = structuredClone(document)
  const operation = broken.paths['/v1/chat']?.post as Partial<Operation> | undefined
  assert.ok(operation)
  delete operation.responses
  Object.assign(operation, { parameters: [{ name: 'x' }] })
  assert.equal((await new Validator().validate(broken)).valid, false)
})

test('all references resolve, and all components are referenced', () => {
  const used = new Set<string>()
  walk(document, ({ $ref }) => {
    if (typeof $ref !== 'string') return
    resolve({ $ref }, [])
    used.add($ref)
  })
  const parts = Object.entries(document.components).flatMap(([kind, named]) =>
    kind === 'securitySchemes' ? [] : Object.keys(named).map((name) => `#/components/${kind}/${name}`),
  )
  assert.deepEqual(
    parts.filter((part) => !used.has(part)),
    [],
  )
})

test('each operation has an id, a summary and declared tags', () => {
  const ids = operations.map(({ operationId }) => operationId)
  assert.equal(new Set(ids).size, ids.length)
  const tags = (document.tags as { name: string }[]).map(({ name }) => name)
  for (const { operationId, tags: own, summary } of operations) {
    assert.match(operationId, /^[a-z][A-Za-z]+$/)
    assert.ok(summary.length > 0 && own.length > 0 && own.every((tag) => tags.includes(tag)), operationId)
  }
})

test('every error code is documented', () => {
  for (const code of Object.keys(errorCodes)) assert.ok(documentText.includes(`\`${code}\``), code)
})

const statusIn: Record<string, (error: AppError) => number> = {
  openai: openaiStatus,
  anthropic: anthropicStatus,
  ollama: ollamaStatus,
}

test('error answers are listed under the statuses that their codes have in each API', () => {
  let count = 0
  for (const { tags, responses } of operations) {
    const statusOf = statusIn[tags[0] ?? ''] ?? ((error) => error.status)
    for (const [status, response] of Object.entries(responses).filter(([each]) => each >= '400')) {
      const { content = {} } = resolve(response, []).found
      for (const code of Object.keys(content['application/json']?.examples ?? {})) {
        assert.ok(Object.hasOwn(errorCodes, code), code)
        assert.equal(String(statusOf(new AppError(code as ErrorCode, ''))), status, code)
        count++
      }
    }
  }
  assert.ok(count > 300)
})

/** Files of pages are not part of the API. */
const isOfPage = ({ path }: Route) => path.startsWith('/docs/') || path.startsWith('/ui/')

/** A path of the server in the document's syntax. */
const unified = (path: string) => path.replace('/models/*', '/models/{model}').replaceAll(/:(\w+)/g, '{$1}')

const scopeOf = ({ security }: Operation): string => {
  if (security.length === 0) return 'open'
  const needsNoneSometimes = Object.keys(security[0] ?? {}).length === 0
  const [bearer, apiKey] = needsNoneSometimes ? security.slice(1) : security
  assert.deepEqual(bearer?.bearer, apiKey?.apiKey)
  const scope = bearer?.bearer?.[0] ?? 'any'
  assert.equal(needsNoneSometimes, scope !== 'login')
  return scope
}

test('the routes of a real server and their scopes are those of the document', async (t) => {
  const folders = makeFolders(t)
  const { server, routes } = await startWithRoutes(t, { folders, fake: 'well-behaved' })
  const real = new Map<string, string>()
  const others: Route[] = []
  for (const route of routes.filter((each) => !isOfPage(each) && each.methods.join() !== 'HEAD')) {
    const [method = ''] = route.methods
    const known = operations.find((operation) => operation.method === method && operation.path === unified(route.path))
    if (known === undefined || route.methods.length > 1) others.push(route)
    else real.set(known.operationId, route.scope)
  }
  assert.deepEqual(
    Object.fromEntries([...real].toSorted()),
    Object.fromEntries(operations.map((each) => [each.operationId, scopeOf(each)] as const).toSorted()),
  )
  // Routes that the document leaves out only return errors.
  assert.ok(others.length > 10)
  for (const route of others) {
    const method = route.methods.includes('POST') ? 'POST' : (route.methods[0] ?? '')
    const { status } = await send(server, { method, path: pathFor(route) })
    assert.ok([404, 405, 501].includes(status), `${method} ${route.path} answered ${status}`)
  }
})

test('every GET route of a real server has a HEAD route, as the document says', async (t) => {
  const { routes } = await startWithRoutes(t, { fake: 'well-behaved' })
  const pathsOf = (method: string) =>
    routes.filter(({ methods }) => methods.join() === method).map(({ path, surface }) => `${path} ${surface}`)
  assert.deepEqual(pathsOf('HEAD').toSorted(), pathsOf('GET').toSorted())
})

for (const operation of operations) {
  const { operationId, path, method, requestBody, parameters, responses } = operation

  test(`the examples of ${operationId} fit`, () => {
    const own = ['paths', path, method.toLowerCase()]
    const contents = [
      ...(requestBody === undefined ? [] : [{ content: requestBody.content, location: [...own, 'requestBody'] }]),
      ...Object.entries(responses).map(([status, response]) => {
        const { found, location } = resolve(response, [...own, 'responses', status])
        return { content: found.content ?? {}, location }
      }),
    ]
    for (const { content, location } of contents) {
      for (const [type, { examples = {} }] of Object.entries(content)) {
        for (const { value } of Object.values(examples)) assertFits(value, [...location, 'content', type, 'schema'])
      }
    }
    for (const [index, { example }] of parameters.entries()) {
      if (example !== undefined) assertFits(example, [...own, 'parameters', String(index), 'schema'])
    }
  })

  test(`the path of ${operationId} names its parameters`, () => {
    const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
    const documented = parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name)
    assert.deepEqual(documented, named)
  })
}

for (const { operationId, requestBody } of operations) {
  // A form is described by its fields.
  if (requestBody?.content['application/json'] === undefined) continue
  test(`${operationId} has an example to start with`, () => {
    const examples = requestBody.content['application/json']?.examples ?? {}
    assert.ok(Object.keys(examples).length > 0)
  })
}

/** Queries are declared as strings and documented as numbers: both must accept the same values. */
for (const [id, schema] of [
  ['listRuns', RunsQuery],
  ['followRun', EventsQuery],
  ['getUsage', UsageQuery],
  ['listSessions', SessionListQuery],
  ['listSessionMessages', MessageListQuery],
] as const) {
  test(`the documented ranges in the query of ${id} are those that the server accepts`, () => {
    const parameters = operations.find(({ operationId }) => operationId === id)?.parameters ?? []
    const documented = parameters.filter((parameter) => parameter.in === 'query')
    assert.deepEqual(
      documented.map(({ name }) => name),
      Object.keys(schema.shape),
    )
    for (const { name, schema: own } of documented.filter((parameter) => parameter.schema.type === 'integer')) {
      const { minimum, maximum, default: usual } = own as Record<string, number | undefined>
      assert.ok(minimum !== undefined && maximum !== undefined)
      const accepts = (value: number) => schema.safeParse({ [name]: String(value) }).success
      assert.deepEqual([minimum - 1, minimum, maximum, maximum + 1].map(accepts), [false, true, true, false], name)
      const left = schema.safeParse({}).data as Record<string, unknown> | undefined
      assert.equal(left?.[name], usual, name)
    }
  })
}

const program = { command: 'node' }
const remote = { type: 'http', url: 'http://127.0.0.1:9' }
const picture = { type: 'base64', media_type: 'image/png', data: 'iVBORw0KGgo=' }

/** The document must accept and refuse the same bodies as the server, as far as a schema can. */
for (const [body, isGood] of [
  [{ prompt: 'hi' }, true],
  [{}, false],
  [{ prompt: 1 }, false],
  [{ prompt: [] }, false],
  [{ prompt: [{ type: 'text', text: 'hi' }] }, true],
  [{ prompt: [{ type: 'image', source: picture }] }, true],
  [{ prompt: [{ type: 'image', source: { ...picture, media_type: 'image/bmp' } }] }, false],
  [{ prompt: [{ type: 'video' }] }, false],
  [{ prompt: 'hi', stranger: 1 }, false],
  [{ prompt: 'hi', session_id: null, fork: null, tools: null, metadata: null }, true],
  [{ prompt: 'hi', session_id: 'me' }, false],
  [{ prompt: 'hi', cwd: '/a\nb' }, false],
  [{ prompt: 'hi', cwd: '/\u0085' }, false],
  [{ prompt: 'hi', cwd: '/grün' }, true],
  [{ prompt: 'hi', max_turns: 0 }, false],
  [{ prompt: 'hi', max_turns: 1.5 }, false],
  [{ prompt: 'hi', max_budget_usd: 0 }, false],
  [{ prompt: 'hi', effort: 'high' }, true],
  [{ prompt: 'hi', effort: 'huge' }, false],
  [{ prompt: 'hi', tools: [] }, true],
  [{ prompt: 'hi', tools: ['Bash(ls)'] }, false],
  [{ prompt: 'hi', allowed_tools: ['Bash(ls)'] }, true],
  [{ prompt: 'hi', mcp_servers: { one: program, two: { type: 'stdio', ...program }, three: remote } }, true],
  [{ prompt: 'hi', mcp_servers: { one: { type: 'stdio' } } }, false],
  [{ prompt: 'hi', mcp_servers: { 'a b': program } }, false],
  [{ prompt: 'hi', mcp_servers: { one: { ...remote, command: 'node' } } }, false],
  [{ prompt: 'hi', agents: { one: { description: 'a', prompt: 'b', model: 'sonnet' } } }, true],
  [{ prompt: 'hi', agents: { one: { description: 'a' } } }, false],
  [{ prompt: 'hi', metadata: { a: 1 } }, false],
  [{ prompt: 'hi', metadata: { a: 'x'.repeat(513) } }, false],
] as const) {
  test(`${isGood ? 'accepted' : 'refused'} by the document and by the server: ${JSON.stringify(body).slice(0, 90)}`, () => {
    assert.equal(ChatRequest.safeParse(body).success, isGood)
    assert.equal(fits(body, 'ChatRequest'), isGood)
  })
}
