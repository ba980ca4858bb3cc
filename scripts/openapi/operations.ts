// The operations of the document, from the rows that register the routes.
import { type ErrorGroup, errorGroups } from '../../src/http/error-groups.ts'
import type { Answer, Route, RouteTable } from '../../src/http/routes.ts'
import { batchRoutes as messageBatchRoutes } from '../../src/surfaces/anthropic/batches/routes.ts'
import { anthropicRoutes } from '../../src/surfaces/anthropic/routes.ts'
import { mcpRoutes } from '../../src/surfaces/mcp/routes.ts'
import { chatRoutes } from '../../src/surfaces/native/chat-routes.ts'
import { loginRoutes } from '../../src/surfaces/native/login-routes.ts'
import { healthRoutes } from '../../src/surfaces/native/routes.ts'
import { runRoutes } from '../../src/surfaces/native/run-routes.ts'
import { Nothing } from '../../src/surfaces/native/server-schemas.ts'
import { sessionRoutes } from '../../src/surfaces/native/session-routes.ts'
import { ollamaRoutes } from '../../src/surfaces/ollama/routes.ts'
import { batchRoutes } from '../../src/surfaces/openai/batches/routes.ts'
import { conversationRoutes } from '../../src/surfaces/openai/conversations/routes.ts'
import { fileRoutes } from '../../src/surfaces/openai/files/routes.ts'
import { responseRoutes } from '../../src/surfaces/openai/responses/routes.ts'
import { openaiRoutes } from '../../src/surfaces/openai/routes.ts'
import { openapiRoutes } from '../../src/web/api-docs-routes.ts'
import { pageRoutes } from '../../src/web/page-routes.ts'
import type { ErrorResponses, Surface } from './errors.ts'
import { answerExamples, type Examples, requestExamples } from './examples.ts'
import type { Schema } from './json-schema.ts'
import { headerParameters, inPath, inQuery } from './parameters.ts'
import { idOf, refTo } from './schemas.ts'

const tables: readonly RouteTable<never>[] = [
  chatRoutes,
  runRoutes,
  sessionRoutes,
  openaiRoutes,
  responseRoutes,
  conversationRoutes,
  fileRoutes,
  batchRoutes,
  anthropicRoutes,
  messageBatchRoutes,
  ollamaRoutes,
  mcpRoutes,
  loginRoutes,
  healthRoutes,
  openapiRoutes,
  pageRoutes,
]

type Table = (typeof tables)[number]
type DocumentedAnswer = Answer & { ids: readonly string[] }
type Documented = Omit<Route<never>, 'answers'> & {
  scope: Table['scope']
  tags: readonly Table['tag'][]
  answers: Record<string, DocumentedAnswer>
}

function toDocumented(row: Route<never>, { tag, scope }: Table): Documented {
  const answers = Object.entries(row.answers).map(([status, answer]) => [
    status,
    { ...answer, ids: answer.json === undefined ? [] : [answer.json] },
  ])
  return { scope, ...row, tags: [tag], answers: Object.fromEntries(answers) }
}

/** A route that two APIs have is one operation. */
function merge(a: Documented, b: Documented): Documented {
  const answers = Object.entries(a.answers).map(([status, answer]) => [
    status,
    { ...answer, ids: [...answer.ids, ...(b.answers[status]?.ids ?? [])] },
  ])
  return { ...a, ...b, tags: [...a.tags, ...b.tags], answers: Object.fromEntries(answers) }
}

function documentedRoutes(): Documented[] {
  const byId = new Map<string, Documented>()
  for (const table of tables) {
    for (const row of table.routes) {
      const route = toDocumented(row, table)
      const other = byId.get(row.id)
      byId.set(row.id, other === undefined ? route : merge(other, route))
    }
  }
  return [...byId.values()]
}

const asExamples = (examples: Examples | undefined) =>
  examples === undefined
    ? {}
    : {
        examples: Object.fromEntries(
          Object.entries(examples).map(([name, { summary, value }]) => [name, { summary, value }]),
        ),
      }

function contentOf({ ids, events, lines, text }: DocumentedAnswer, key: string): Schema {
  const examples = asExamples(answerExamples[key])
  const [first, ...others] = ids.map(refTo)
  const schema = others.length === 0 ? first : { anyOf: [first, ...others] }
  return {
    ...(schema === undefined ? {} : { 'application/json': { schema, ...examples } }),
    ...(events === undefined
      ? {}
      : { 'text/event-stream': { schema: refTo(events), ...(schema === undefined ? examples : {}) } }),
    ...(lines === undefined ? {} : { 'application/x-ndjson': { schema: refTo(lines) } }),
    ...(text === undefined ? {} : { [text]: { schema: { type: 'string' } } }),
  }
}

function answerOf({ startsRun, reportsIgnoredFields }: Documented, answer: DocumentedAnswer, key: string): Schema {
  const headers = [
    'x-request-id',
    ...(startsRun ? ['x-run-id', 'idempotent-replayed'] : []),
    ...(answer.headers ?? []),
    ...(reportsIgnoredFields ? ['x-claude-serve-ignored'] : []),
  ]
  const content = contentOf(answer, key)
  return {
    description: answer.about,
    headers: Object.fromEntries(headers.map((name) => [name, { $ref: `#/components/headers/${name}` }])),
    ...(Object.keys(content).length === 0 ? {} : { content }),
  }
}

/** With a key if there are any, and always with the code of a login link; the list names the scope that the key needs. */
function securityOf({ scope }: Documented): Schema[] {
  if (scope === 'open') return []
  const scopes = scope === 'any' ? [] : [scope]
  const withKey = [{ bearer: scopes }, { apiKey: scopes }]
  return scope === 'login' ? withKey : [{}, ...withKey]
}

const bodyOf = ({ body, mayBeEmpty }: Documented) => body ?? (mayBeEmpty && Nothing)

function surfaceOf({ tags }: Documented): Surface {
  if (tags.includes('mcp')) return 'mcp'
  const compatible = tags.filter((tag) => tag === 'openai' || tag === 'anthropic' || tag === 'ollama')
  return compatible.length > 1 ? 'either' : (compatible[0] ?? 'native')
}

function errorsOf(route: Documented, book: ErrorResponses): Record<string, Schema> {
  const { scope, startsRun, errors = [] } = route
  const wanted = new Set<ErrorGroup>(['guard', ...errors])
  if (scope !== 'open') wanted.add('key')
  if (scope !== 'open' && scope !== 'any') wanted.add('scope')
  if (bodyOf(route) || route.form) wanted.add('body')
  if (startsRun) wanted.add('folder').add('model').add('run')
  // In the order of the table, so that the same errors get the same name.
  const ordered = (Object.keys(errorGroups) as ErrorGroup[]).filter((group) => wanted.has(group))
  return book.add(surfaceOf(route), ordered)
}

function requestBodyOf(route: Documented): Schema {
  const { form } = route
  if (form)
    return { requestBody: { required: true, content: { 'multipart/form-data': { schema: refTo(idOf(form)) } } } }
  const body = bodyOf(route)
  if (!body) return {}
  const content = { 'application/json': { schema: refTo(idOf(body)), ...asExamples(requestExamples[route.id]) } }
  return { requestBody: { required: true, content } }
}

function headersOf({ headers = [], tags, startsRun, reportsIgnoredFields }: Documented): Schema[] {
  const wanted = new Set(['x-request-id', ...headers])
  if (tags.includes('anthropic')) wanted.add('anthropic-version')
  if (startsRun) wanted.add('idempotency-key')
  if (reportsIgnoredFields) wanted.add('x-claude-serve-strict')
  const ordered = Object.keys(headerParameters).filter((name) => wanted.has(name))
  return ordered.map((name) => ({ $ref: `#/components/parameters/${name}` }))
}

function toOperation(route: Documented, book: ErrorResponses): Schema {
  const { id, tags, summary, about, params, query, answers } = route
  const good = Object.entries(answers).map(([status, answer]) => [status, answerOf(route, answer, `${id} ${status}`)])
  return {
    operationId: id,
    tags,
    summary,
    ...(about === undefined ? {} : { description: about }),
    security: securityOf(route),
    parameters: [...(params ? inPath(params) : []), ...(query ? inQuery(query) : []), ...headersOf(route)],
    ...requestBodyOf(route),
    responses: { ...errorsOf(route, book), ...Object.fromEntries(good) },
  }
}

/** Fastify's path in OpenAPI's syntax. */
function pathOf({ path, params }: Documented): string {
  const [only = ''] = Object.keys(params?.shape ?? {})
  return path.replaceAll(/:(\w+)/g, '{$1}').replace('*', `{${only}}`)
}

/** The error answers of the operations are collected in `book`. */
export function operationsByPath(book: ErrorResponses): Record<string, Record<string, Schema>> {
  const paths: Record<string, Record<string, Schema>> = {}
  for (const route of documentedRoutes()) {
    const path = pathOf(route)
    paths[path] = { ...paths[path], [route.method.toLowerCase()]: toOperation(route, book) }
  }
  return paths
}
