// Headers, and the parameters of paths and queries. Query parameters come from the schemas that the routes validate them with.
import { z } from 'zod'
import { type Schema, tidy } from './json-schema.ts'

const text = { type: 'string' }

/** A number in a query is a string for its schema, which has the range of the number as a keyword of its own. */
function parameterOf(name: string, rule: z.ZodType): Schema {
  const { integer, description, example, ...schema } = tidy(z.toJSONSchema(rule, { io: 'input' }) as Schema)
  const usual = rule.safeParse(undefined).data
  const range = { type: 'integer', ...(integer as object), ...(usual === undefined ? {} : { default: usual }) }
  if (description === undefined) throw new Error(`the parameter ${name} lacks a description`)
  return {
    name,
    description,
    schema: integer === undefined ? schema : range,
    ...(example === undefined ? {} : { example }),
  }
}

export const inQuery = ({ shape }: z.ZodObject): Schema[] =>
  Object.entries(shape).map(([name, rule]) => ({ in: 'query', ...parameterOf(name, rule) }))

export const inPath = ({ shape }: z.ZodObject): Schema[] =>
  Object.entries(shape).map(([name, rule]) => ({ in: 'path', required: true, ...parameterOf(name, rule) }))

const header = (name: string, description: string, schema: Schema = text): Schema => ({
  name,
  in: 'header',
  description,
  schema,
})

/** Headers of requests, in the order in which operations list them. */
export const headerParameters: Record<string, Schema> = {
  'x-request-id': header('x-request-id', 'Your own id for the request; it is in the answer and the log.', {
    type: 'string',
    pattern: '^[A-Za-z0-9._-]{1,64}$',
  }),
  'anthropic-version': header('anthropic-version', "The version of Anthropic's API. Default: 2023-06-01.", {
    type: 'string',
    examples: ['2023-06-01'],
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
  'mcp-session-id': header('mcp-session-id', 'The MCP session, from the answer to `initialize`.'),
  'mcp-protocol-version': header('mcp-protocol-version', 'The revision of MCP that was agreed on.'),
  'x-claude-serve-strict': header('x-claude-serve-strict', '`true`: fields that would have no effect are refused.', {
    type: 'string',
    enum: ['true'],
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
  'mcp-session-id': { description: 'The MCP session.', schema: text },
  location: { description: 'The path of the created resource.', schema: text },
}
