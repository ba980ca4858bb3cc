// Schemas of the few answers without a declaration in the code: those for supervisors and health checks.
import type { Schema } from './json-schema.ts'

const described = (description: string, schema: Schema): Schema => ({ description, ...schema })

const object = (description: string, properties: Record<string, Schema>, optional: string[] = []): Schema => ({
  description,
  type: 'object',
  properties,
  required: Object.keys(properties).filter((name) => !optional.includes(name)),
  additionalProperties: false,
})

const ability = (description: string) =>
  described(description, { type: 'string', enum: ['not_checked', 'in_use', 'not_available'] })

export const serverSchemas: Record<string, Schema> = {
  Nothing: {
    description: 'No fields. The request must still declare JSON, which a foreign web page cannot.',
    type: 'object',
  },
  Document: { description: 'An OpenAPI document.', type: 'object' },
  Liveness: object('The server answers.', { status: { const: 'ok' } }),
  Readiness: object(
    'Whether the server can accept runs, and which undocumented abilities of the CLI are in use. Without them requests are served all the same, but slower.',
    {
      status: described('`not_ready` if the CLI cannot be run.', { type: 'string', enum: ['ready', 'not_ready'] }),
      logged_in: described('Whether the CLI is logged in; null if not known yet.', { type: ['boolean', 'null'] }),
      abilities: object('What the CLI can do.', {
        reuse_processes: ability('Processes without tools serve unrelated conversations.'),
        switch_system_prompts: ability('They do so with different system prompts.'),
      }),
      error: described('What to do if the CLI cannot be run.', { type: 'string' }),
    },
    ['error'],
  ),
  Unhealthy: object('The CLI cannot be run.', {
    status: { const: 'error' },
    error: described('Why, and what to do.', { type: 'string' }),
  }),
}
