// Makes openapi.json, the description of the API for programs, from the schemas that the routes use. `npm run docs` writes it; a test
// fails if it is out of date.
import { readFileSync } from 'node:fs'
import { errorCodes } from '../src/errors.ts'
import { ErrorResponses, everywhere, meaningOf } from './openapi/errors.ts'
import type { Schema } from './openapi/json-schema.ts'
import { operationsByPath } from './openapi/operations.ts'
import { headerParameters, responseHeaders } from './openapi/parameters.ts'
import { componentSchemas } from './openapi/schemas.ts'

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }

const description = [
  'Your own Claude Code, as an HTTP API on your own machine. Four APIs in one: the native one, and those of OpenAI, Anthropic and Ollama for programs that speak them. And an MCP server, for agents that delegate.',
  [
    '- **Keys.** If the server has no keys, programs on this machine need none. Once a key exists (`claude-serve keys create`), every request except `GET /livez` and the files of the pages needs one, in `authorization` or `x-api-key`. Each route names the scope that it needs: `chat`, `agent` or `admin`, each of which includes those before it.',
    '- **Bodies** are JSON and declare it: `content-type: application/json`, even if they are empty. The native API refuses unknown fields and names the nearest known one. Null is the same as leaving a field out.',
    '- **Web pages** are refused, unless their origin is allowed and they send a key.',
    "- **Spellings.** The base URL of OpenAI's and Anthropic's paths may contain `/v1` once, twice or not at all, and their paths may end in a slash. Every path with `GET` also supports `HEAD`.",
  ].join('\n'),
  'On every route:',
  everywhere.map((code) => `- ${errorCodes[code].status} \`${code}\`: ${meaningOf(code)}`).join('\n'),
].join('\n\n')

const tags = [
  { name: 'native', description: 'Everything that Claude Code can do: prompts, runs, conversations, cost.' },
  {
    name: 'openai',
    description: 'For programs that speak to OpenAI: base URL `/v1`, any key if the server has none.',
  },
  {
    name: 'anthropic',
    description: 'For programs that speak to Anthropic: base URL `/`, any key if the server has none.',
  },
  {
    name: 'ollama',
    description: 'For programs that speak only to Ollama: base URL `/`, no key if the server has none.',
  },
  { name: 'mcp', description: 'For agents that delegate: an MCP server, over Streamable HTTP.' },
  { name: 'server', description: 'The server itself.' },
]

export function openapiDocument(): Schema {
  const book = new ErrorResponses()
  const paths = operationsByPath(book)
  const all = Object.values(paths).flatMap((methods) => Object.values(methods))
  const sent = all.map(({ requestBody }) => requestBody)
  const returned = [book.responses, ...all.map(({ responses }) => responses)]
  return {
    openapi: '3.1.0',
    info: { title: 'claude-serve', version, description, license: { name: 'MIT', identifier: 'MIT' } },
    servers: [{ url: 'http://127.0.0.1:5005', description: 'Where it listens by default' }],
    tags,
    paths,
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'A key in `authorization: Bearer …`.' },
        apiKey: { type: 'apiKey', in: 'header', name: 'x-api-key', description: 'The same key in its own header.' },
      },
      parameters: headerParameters,
      headers: responseHeaders,
      responses: book.responses,
      schemas: componentSchemas(sent, returned),
    },
  }
}

export const openapiText = (): string => `${JSON.stringify(openapiDocument(), null, 2)}\n`
