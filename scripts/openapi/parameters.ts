// Headers, and the parameters of paths and queries. Query parameters come from the schemas that the routes validate them with.
import type { z } from 'zod'
import { EventsQuery, RunParams, RunsQuery, UsageQuery } from '../../src/surfaces/native/run-schemas.ts'
import { MessageListQuery, SessionListQuery } from '../../src/surfaces/native/session-schemas.ts'
import { ItemsQuery, RetrieveQuery } from '../../src/surfaces/openai/responses/schemas.ts'
import type { Schema } from './json-schema.ts'
import { parameterSchema } from './schemas.ts'

const text = { type: 'string' }

/** A number in a query string, which the document describes as a number. */
const count = (minimum: number, maximum: number, usual?: number): Schema => ({
  type: 'integer',
  minimum,
  maximum,
  ...(usual === undefined ? {} : { default: usual }),
})

type QueryWords = Record<string, { about: string; schema?: Schema }>

/** Throws unless the descriptions are for exactly the parameters of the query. */
function queryOf({ shape }: z.ZodObject, words: QueryWords): Schema[] {
  const [known, described] = [Object.keys(shape), Object.keys(words)].map((names) => names.toSorted().join())
  if (known !== described) throw new Error(`the query has ${known}, but ${described} are described`)
  return Object.entries(shape).map(([name, rule]) => ({
    name,
    in: 'query',
    description: words[name]?.about ?? '',
    schema: words[name]?.schema ?? parameterSchema(rule),
  }))
}

const limit = { about: 'The maximum number of entries on a page.', schema: count(1, 200, 50) }
const cursor = { about: 'The `next_cursor` of the previous page.' }

export const queries = {
  runs: queryOf(RunsQuery, {
    status: { about: 'Only runs with this status.' },
    session_id: { about: 'Only runs of this conversation.' },
    limit,
    cursor,
  }),
  events: queryOf(EventsQuery, {
    after: {
      about: 'Continues after the event with this number; takes precedence over `last-event-id`.',
      schema: count(0, Number.MAX_SAFE_INTEGER),
    },
    events: {
      about: '`full` adds thinking, tools and more. Events are numbered as sent: use the same value as before.',
    },
  }),
  usage: queryOf(UsageQuery, {
    from: { about: 'A day in UTC, or a time. Default: 30 days before `to`.' },
    to: { about: 'A day in UTC, or a time. Default: now.' },
    group_by: { about: 'What to group by.' },
  }),
  sessions: queryOf(SessionListQuery, {
    cwd: { about: 'Only conversations in this folder and below it.' },
    q: { about: 'Only conversations with this text in their title or first prompt.' },
    limit,
    cursor,
  }),
  messages: queryOf(MessageListQuery, { limit, cursor }),
  response: queryOf(RetrieveQuery, {
    stream: { about: 'Whether to stream its events, live if it is still running.' },
    starting_after: {
      about: 'With `stream`: continues after the event with this `sequence_number`.',
      schema: count(0, Number.MAX_SAFE_INTEGER),
    },
  }),
  responseItems: queryOf(ItemsQuery, {
    limit: { about: limit.about, schema: count(1, 100, 20) },
    order: { about: 'The order by time.' },
    after: { about: 'Continues after the item with this id.' },
  }),
  /** No effect in OpenAI's format, which lists all. */
  models: [
    {
      name: 'limit',
      in: 'query',
      description: "The maximum number of entries on a page, in Anthropic's format.",
      schema: count(1, 1000, 20),
    },
    { name: 'after_id', in: 'query', description: "Continues after this name, in Anthropic's format.", schema: text },
    { name: 'before_id', in: 'query', description: "Ends before this name, in Anthropic's format.", schema: text },
  ] as Schema[],
}

const inPath = (name: string, description: string, schema: Schema, example: string): Schema => ({
  name,
  in: 'path',
  required: true,
  description,
  schema,
  example,
})

export const sampleRun = 'run_6f1d0c2b9a8e4d7f8b3a5c1e0d9f7a42'
export const sampleResponse = 'resp_0b4e7a1d9c2f4658a3e1b7d05c6f8294'
export const sampleSession = '4f203e9b-7c1d-4a58-9e06-2b8d5f1c7a30'
export const sampleRequest = 'ask_0b7e4d5c92f14a6e8d3b1f6a5c7e9d20'

export const paths = {
  run: inPath('id', 'The id of a run.', parameterSchema(RunParams.shape.id), sampleRun),
  session: inPath('id', 'The id of a conversation in the CLI.', { type: 'string', format: 'uuid' }, sampleSession),
  request: inPath('request_id', 'What the run is waiting for: see `pending` of the run.', text, sampleRequest),
  response: inPath('id', 'The id of a stored response.', text, sampleResponse),
  model: inPath('model', 'A model name. The slash in `agent/sonnet` may be sent as it is or as `%2F`.', text, 'sonnet'),
}

const header = (name: string, description: string, schema: Schema = text): Schema => ({
  name,
  in: 'header',
  description,
  schema,
})

/** Headers of requests. */
export const headerParameters: Record<string, Schema> = {
  'x-request-id': header('x-request-id', 'Your own id for the request; it is in the answer and the log.', {
    type: 'string',
    pattern: '^[A-Za-z0-9._-]{1,64}$',
  }),
  'idempotency-key': header(
    'idempotency-key',
    "Your own key for the run: the same key and body within 24 hours return the first run's answer and never start a second run.",
    { type: 'string', pattern: '^[\\x21-\\x7e]{1,255}$' },
  ),
  'last-event-id': header('last-event-id', 'Continues after the event with this number, as browsers send it.', {
    type: 'integer',
    minimum: 0,
  }),
  'x-claude-serve-strict': header('x-claude-serve-strict', '`true`: fields that would have no effect are refused.', {
    type: 'string',
    enum: ['true'],
  }),
  'anthropic-version': header('anthropic-version', "The version of Anthropic's API. Default: 2023-06-01.", {
    type: 'string',
    examples: ['2023-06-01'],
  }),
}

/** Headers of answers. */
export const responseHeaders: Record<string, Schema> = {
  'x-request-id': { description: 'The id of the request in the log. `request-id` has the same value.', schema: text },
  'x-run-id': { description: 'The run that the request started.', schema: text },
  'idempotent-replayed': {
    description: 'Present if this is the answer of an earlier run with the same `idempotency-key`.',
    schema: { const: 'true' },
  },
  'retry-after': { description: 'How long to wait before trying again, in seconds.', schema: { type: 'integer' } },
  'www-authenticate': { description: 'How to send a key.', schema: { const: 'Bearer' } },
  'x-should-retry': {
    description: 'Keeps SDKs from retrying: a run has started, or a retry would fail too.',
    schema: { const: 'false' },
  },
  'x-claude-serve-ignored': {
    description: 'The fields of the request that have no effect, separated by commas.',
    schema: text,
  },
  'x-claude-serve-estimate': {
    description: 'Which part of the answer is an estimate.',
    schema: { const: 'input_tokens' },
  },
  location: { description: 'The path of the created resource.', schema: text },
}
