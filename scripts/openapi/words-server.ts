// Schemas of the few answers that have no declaration of their own in the code: what supervisors and health checks read.
import type { Schema } from './json-schema.ts'

const told = (description: string, schema: Schema): Schema => ({ description, ...schema })

const object = (description: string, properties: Record<string, Schema>, optional: string[] = []): Schema => ({
  description,
  type: 'object',
  properties,
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
  additionalProperties: false,
})

const ability = (description: string) =>
  told(description, { type: 'string', enum: ['not_checked', 'in_use', 'not_available'] })

export const serverSchemas: Record<string, Schema> = {
  Nothing: {
    description:
      'Nothing is to be said. What counts is that the request calls itself JSON, as no foreign web page can.',
    type: 'object',
  },
  Document: { description: 'An OpenAPI document.', type: 'object' },
  Liveness: object('The server answers.', { status: { const: 'ok' } }),
  Readiness: object(
    'Whether runs can be taken, and which undocumented abilities of the CLI are in use. Without those requests are served all the same, but colder.',
    {
      status: told('`not_ready` where the CLI cannot be run.', { type: 'string', enum: ['ready', 'not_ready'] }),
      logged_in: told('Whether the CLI is logged in; null until that is known.', { type: ['boolean', 'null'] }),
      abilities: object('What the CLI can do.', {
        reuse_processes: ability('Processes without tools serve unrelated conversations.'),
        switch_system_prompts: ability('They do so under other system prompts.'),
      }),
      error: told('What to do where the CLI cannot be run.', { type: 'string' }),
    },
    ['error'],
  ),
  Unhealthy: object('The CLI cannot be run.', {
    status: { const: 'error' },
    error: told('Why, and what to do.', { type: 'string' }),
  }),
}
