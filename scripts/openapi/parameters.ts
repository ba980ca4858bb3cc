// Headers, and the parameters of paths and queries. Those of queries come from the schemas that the routes check them with.
import type { z } from 'zod'
import { EventsQuery, RunParams, RunsQuery, UsageQuery } from '../../src/surfaces/native/run-schemas.ts'
import { MessageListQuery, SessionListQuery } from '../../src/surfaces/native/session-schemas.ts'
import { ItemsQuery, RetrieveQuery } from '../../src/surfaces/openai/responses/schemas.ts'
import type { Schema } from './json-schema.ts'
import { parameterSchema } from './schemas.ts'

const text = { type: 'string' }

/** A number in a query is a text there; for the document it is a number. */
const count = (minimum: number, maximum: number, usual?: number): Schema => ({
  type: 'integer',
  minimum,
  maximum,
  ...(usual === undefined ? {} : { default: usual }),
})

type QueryWords = Record<string, { about: string; schema?: Schema }>

/** Throws where the words are not for just the parameters that there are. */
function queryOf({ shape }: z.ZodObject, words: QueryWords): Schema[] {
  const [known, told] = [Object.keys(shape), Object.keys(words)].map((names) => names.toSorted().join())
  if (known !== told) throw new Error(`the query has ${known}, and there are words for ${told}`)
  return Object.entries(shape).map(([name, rule]) => ({
    name,
    in: 'query',
    description: words[name]?.about ?? '',
    schema: words[name]?.schema ?? parameterSchema(rule),
  }))
}

const limit = { about: 'How many a page has at most.', schema: count(1, 200, 50) }
const cursor = { about: 'The `next_cursor` of the page before.' }

export const queries = {
  runs: queryOf(RunsQuery, {
    status: { about: 'Only runs of this status.' },
    session_id: { about: 'Only runs of this conversation.' },
    limit,
    cursor,
  }),
  events: queryOf(EventsQuery, {
    after: {
      about: 'Goes on after the event of this number; before `last-event-id`.',
      schema: count(0, Number.MAX_SAFE_INTEGER),
    },
    events: { about: '`full` adds thinking, tools and more. The numbers are those of what is told: ask as before.' },
  }),
  usage: queryOf(UsageQuery, {
    from: { about: 'A day in UTC, or a time. Default: 30 days before `to`.' },
    to: { about: 'A day in UTC, or a time. Default: now.' },
    group_by: { about: 'What to group by.' },
  }),
  sessions: queryOf(SessionListQuery, {
    cwd: { about: 'Only conversations of this folder and those below it.' },
    q: { about: 'Only those whose title or first prompt has this text.' },
    limit,
    cursor,
  }),
  messages: queryOf(MessageListQuery, { limit, cursor }),
  response: queryOf(RetrieveQuery, {
    stream: { about: 'Whether to give its events, live if it still runs.' },
    starting_after: {
      about: 'With `stream`: goes on after the event with this `sequence_number`.',
      schema: count(0, Number.MAX_SAFE_INTEGER),
    },
  }),
  responseItems: queryOf(ItemsQuery, {
    limit: { about: limit.about, schema: count(1, 100, 20) },
    order: { about: 'By time.' },
    after: { about: 'Goes on after the item of this id.' },
  }),
  /** Without effect for OpenAI, which gives all. */
  models: [
    {
      name: 'limit',
      in: 'query',
      description: "How many a page has at most, in Anthropic's shape.",
      schema: count(1, 1000, 20),
    },
    { name: 'after_id', in: 'query', description: "Goes on after this name, in Anthropic's shape.", schema: text },
    { name: 'before_id', in: 'query', description: "Goes back from this name, in Anthropic's shape.", schema: text },
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
  session: inPath('id', "The id of a conversation, the CLI's own.", { type: 'string', format: 'uuid' }, sampleSession),
  request: inPath('request_id', 'What the run waits for: see its `pending`.', text, sampleRequest),
  response: inPath('id', 'The id of a response that was stored.', text, sampleResponse),
  model: inPath('model', 'A name. The slash in `agent/sonnet` may be written as it is, or as `%2F`.', text, 'sonnet'),
}

const header = (name: string, description: string, schema: Schema = text): Schema => ({
  name,
  in: 'header',
  description,
  schema,
})

/** Headers of requests. */
export const headerParameters: Record<string, Schema> = {
  'x-request-id': header('x-request-id', 'A name of your own for the request; the answer and the log carry it.', {
    type: 'string',
    pattern: '^[A-Za-z0-9._-]{1,64}$',
  }),
  'idempotency-key': header(
    'idempotency-key',
    "A name of your own for the run: the same key and body within 24 hours get the first run's answer, and never a second run.",
    { type: 'string', pattern: '^[\\x21-\\x7e]{1,255}$' },
  ),
  'last-event-id': header('last-event-id', 'Goes on after the event of this number, as browsers do.', {
    type: 'integer',
    minimum: 0,
  }),
  'x-claude-serve-strict': header('x-claude-serve-strict', '`true`: a field that would have no effect is refused.', {
    type: 'string',
    enum: ['true'],
  }),
  'anthropic-version': header(
    'anthropic-version',
    "The version of Anthropic's API that is meant. Default: 2023-06-01.",
    {
      type: 'string',
      examples: ['2023-06-01'],
    },
  ),
}

/** Headers of answers. */
export const responseHeaders: Record<string, Schema> = {
  'x-request-id': { description: 'The request, as the log names it. `request-id` has the same.', schema: text },
  'x-run-id': { description: 'The run that the request began.', schema: text },
  'idempotent-replayed': {
    description: 'That this is the answer of an earlier run with the same `idempotency-key`.',
    schema: { const: 'true' },
  },
  'retry-after': { description: 'When to try again, in seconds.', schema: { type: 'integer' } },
  'www-authenticate': { description: 'How a key is to be sent.', schema: { const: 'Bearer' } },
  'x-should-retry': {
    description: 'Keeps SDKs from sending the request again: a run has begun, or it would be in vain.',
    schema: { const: 'false' },
  },
  'x-claude-serve-ignored': {
    description: 'The fields of the request that have no effect, with commas between them.',
    schema: text,
  },
  'x-claude-serve-estimate': { description: 'What of the answer is an estimate.', schema: { const: 'input_tokens' } },
  location: { description: 'Where what was made is to be found.', schema: text },
}
