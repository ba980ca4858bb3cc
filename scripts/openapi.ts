// Makes openapi.json, the description of the API for programs, from the schemas that the routes go by. `npm run docs` writes it; a test
// fails where it is out of date.
import { readFileSync } from 'node:fs'
import { errorCodes } from '../src/errors.ts'
import { ErrorResponses, everywhere, meaningOf } from './openapi/errors.ts'
import type { Schema } from './openapi/json-schema.ts'
import { toOperation } from './openapi/operations.ts'
import { headerParameters, responseHeaders } from './openapi/parameters.ts'
import { routes } from './openapi/routes.ts'
import { componentSchemas } from './openapi/schemas.ts'

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }

const description = [
  'Your own Claude Code, as an HTTP API on your own machine. Three APIs in one: the native one, and those of OpenAI and Anthropic, for programs that know these.',
  [
    '- **Keys.** On this machine and without keys nothing needs to be sent. Once there is a key (`claude-serve keys create`), every request but `GET /livez` and the files of the pages needs one, in `authorization` or in `x-api-key`; what the key must be able to do stands with each route: `chat`, `agent` or `admin`, each of which includes those before it.',
    '- **Bodies** are JSON and say so: `content-type: application/json`, also where there is nothing to say. An unknown field of the native API is refused, and the nearest known one named. Null is the same as leaving a field out.',
    '- **Web pages** are refused, unless their origin is allowed and they bring a key.',
    "- **Spellings.** The base URL of OpenAI's and Anthropic's paths may have `/v1` once, twice or not at all, and their paths may end in a slash. Where a path has `GET` it has `HEAD` too.",
  ].join('\n'),
  'On any route:',
  everywhere.map((code) => `- ${errorCodes[code].status} \`${code}\`: ${meaningOf(code)}`).join('\n'),
].join('\n\n')

const tags = [
  { name: 'native', description: 'Claude Code with all that it can do: prompts, runs, conversations, cost.' },
  {
    name: 'openai',
    description: 'For programs that speak to OpenAI: base URL `/v1`, any key where the server has none.',
  },
  {
    name: 'anthropic',
    description: 'For programs that speak to Anthropic: base URL `/`, any key where the server has none.',
  },
  { name: 'server', description: 'The server itself.' },
]

function pathsWith(book: ErrorResponses): Record<string, Record<string, Schema>> {
  const paths: Record<string, Record<string, Schema>> = {}
  for (const route of routes) paths[route.path] = { ...paths[route.path], [route.method]: toOperation(route, book) }
  return paths
}

export function openapiDocument(): Schema {
  const book = new ErrorResponses()
  const paths = pathsWith(book)
  return {
    openapi: '3.1.0',
    info: { title: 'claude-serve', version, description, license: { name: 'MIT', identifier: 'MIT' } },
    servers: [{ url: 'http://127.0.0.1:5005', description: 'Where it listens by default' }],
    tags,
    paths,
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'A key in `authorization: Bearer …`.' },
        apiKey: { type: 'apiKey', in: 'header', name: 'x-api-key', description: 'The same in a header of its own.' },
      },
      parameters: headerParameters,
      headers: responseHeaders,
      responses: book.responses,
      schemas: componentSchemas(),
    },
  }
}

export const openapiText = (): string => `${JSON.stringify(openapiDocument(), null, 2)}\n`
