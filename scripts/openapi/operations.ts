// Every route of the document. What a route needs is declared here a second time; a test compares it with the routes of a real server.

import { type ErrorResponses, type Group, groups, type Surface } from './errors.ts'
import { answerExamples, type Examples, requestExamples } from './examples.ts'
import type { Schema } from './json-schema.ts'
import { refTo } from './schemas.ts'

/** Who may call a route: see auth/authenticate.ts. */
type Need = 'open' | 'any' | 'login' | 'chat' | 'agent' | 'admin'

/** `json` and `events` name schemas, `text` is a media type, `headers` are names of response headers. */
type Answer = {
  about: string
  json?: string | readonly string[]
  events?: string
  text?: string
  headers?: readonly string[]
}

export type Route = {
  method: 'get' | 'post' | 'patch' | 'delete'
  path: string
  id: string
  tag: readonly string[]
  needs: Need
  surface: Surface
  summary: string
  about?: string
  parameters?: readonly Schema[]
  /** Names of request headers. */
  headers?: readonly string[]
  /** The schema of the body. */
  body?: string
  answers: Record<number, Answer>
  /** Errors beyond those that every route can return. */
  errors?: readonly Group[]
}

const withoutSummary = (examples: Examples | undefined) =>
  examples === undefined
    ? {}
    : {
        examples: Object.fromEntries(
          Object.entries(examples).map(([name, { summary, value }]) => [name, { summary, value }]),
        ),
      }

const jsonSchema = (names: string | readonly string[]): Schema =>
  typeof names === 'string' ? refTo(names) : { anyOf: names.map(refTo) }

function contentOf({ json, events, text }: Answer, key: string): Schema {
  const examples = withoutSummary(answerExamples[key])
  return {
    ...(json === undefined ? {} : { 'application/json': { schema: jsonSchema(json), ...examples } }),
    ...(events === undefined
      ? {}
      : { 'text/event-stream': { schema: refTo(events), ...(json === undefined ? examples : {}) } }),
    ...(text === undefined ? {} : { [text]: { schema: { type: 'string' } } }),
  }
}

function answerOf(answer: Answer, key: string): Schema {
  const headers = ['x-request-id', ...(answer.headers ?? [])]
  const content = contentOf(answer, key)
  return {
    description: answer.about,
    headers: Object.fromEntries(headers.map((name) => [name, { $ref: `#/components/headers/${name}` }])),
    ...(Object.keys(content).length === 0 ? {} : { content }),
  }
}

/** With a key if there are any, and always with the code of a login link; the list names the scope that the key needs. */
function securityOf(needs: Need): Schema[] {
  if (needs === 'open') return []
  const scopes = needs === 'any' ? [] : [needs]
  const withKey = [{ bearer: scopes }, { apiKey: scopes }]
  return needs === 'login' ? withKey : [{}, ...withKey]
}

function errorsOf({ needs, surface, body, errors = [] }: Route, book: ErrorResponses): Record<string, Schema> {
  const byNeed: Group[] = needs === 'open' ? [] : needs === 'any' ? ['key'] : ['key', 'scope']
  const wanted = new Set<Group>(['guard', ...byNeed, ...(body === undefined ? [] : (['body'] as const)), ...errors])
  // In the order of the table, so that the same errors get the same name.
  const ordered = (Object.keys(groups) as Group[]).filter((group) => wanted.has(group))
  return book.add(surface, ordered)
}

function bodyOf({ id, body }: Route): Schema {
  if (body === undefined) return {}
  const content = { 'application/json': { schema: refTo(body), ...withoutSummary(requestExamples[id]) } }
  return { requestBody: { required: true, content } }
}

export function toOperation(route: Route, book: ErrorResponses): Schema {
  const { id, tag, needs, summary, about, parameters = [], headers = [], answers } = route
  const named = ['x-request-id', ...headers].map((name) => ({ $ref: `#/components/parameters/${name}` }))
  const good = Object.entries(answers).map(([status, answer]) => [status, answerOf(answer, `${id} ${status}`)])
  return {
    operationId: id,
    tags: tag,
    summary,
    ...(about === undefined ? {} : { description: about }),
    security: securityOf(needs),
    parameters: [...parameters, ...named],
    ...bodyOf(route),
    responses: { ...errorsOf(route, book), ...Object.fromEntries(good) },
  }
}
