// The error answers of the document: which codes come with which status, in the format of each API.
import { AppError, type ErrorCode, errorCodes } from '../../src/errors.ts'
import { type ErrorGroup, errorGroups } from '../../src/http/error-groups.ts'
import { anthropicStatus, toErrorBody as toAnthropicBody } from '../../src/surfaces/anthropic/errors.ts'
import { toErrorBody as toMcpBody } from '../../src/surfaces/mcp/errors.ts'
import { toErrorBody as toNativeBody } from '../../src/surfaces/native/translate.ts'
import { ollamaStatus, toErrorBody as toOllamaBody } from '../../src/surfaces/ollama/errors.ts'
import { openaiStatus, toErrorBody as toOpenaiBody } from '../../src/surfaces/openai/shared/errors.ts'
import { meanings } from '../error-meanings.ts'
import type { Schema } from './json-schema.ts'
import { refTo } from './schemas.ts'

/** `either`: routes that answer as OpenAI or Anthropic, depending on the request. */
export type Surface = 'native' | 'openai' | 'anthropic' | 'ollama' | 'mcp' | 'either'

/** Errors of requests that reach no route: described once for all of them. */
export const everywhere: readonly ErrorCode[] = [
  'not_found',
  'method_not_allowed',
  'request_timeout',
  'url_too_long',
  'headers_too_large',
]

export const meaningOf = (code: ErrorCode): string => meanings[code][0]

/** An error in the format of an API: its status, the codes that programs compare, and the whole body. */
type Format = { status: number; words: string; body: unknown }

const sampleId = 'req_6f1d0c2b9a8e4d7f8b3a5c1e'

const formatIn: Record<Surface, (error: AppError) => Format> = {
  native: (error) => ({ status: error.status, words: `\`${error.code}\``, body: toNativeBody(error, sampleId) }),
  openai(error) {
    const body = toOpenaiBody(error)
    const { type, code } = body.error
    const words = code === null ? `\`${type}\`` : `\`${type}\`, \`${code}\``
    return { status: openaiStatus(error), words, body }
  },
  anthropic(error) {
    const body = toAnthropicBody(error, sampleId)
    return { status: anthropicStatus(error), words: `\`${body.error.type}\``, body }
  },
  ollama: (error) => ({ status: ollamaStatus(error), words: `\`${error.code}\``, body: toOllamaBody(error) }),
  mcp: (error) => ({ status: error.status, words: `\`${error.code}\``, body: toMcpBody(error, sampleId) }),
  either(error) {
    const [first, second] = [formatIn.openai(error), formatIn.anthropic(error)]
    if (first.status !== second.status) throw new Error(`${error.code} has different statuses on the two surfaces`)
    return { ...first, words: `${first.words} or ${second.words}` }
  },
}

type Documented = Format & { group: ErrorGroup; code: ErrorCode }

function documentError(surface: Surface, group: ErrorGroup, code: ErrorCode): Documented {
  return { group, code, ...formatIn[surface](new AppError(code, meaningOf(code).replaceAll('`', ''))) }
}

function bodySchema(surface: Surface, codes: readonly ErrorCode[]): Schema {
  switch (surface) {
    case 'native':
      return { allOf: [refTo('Error'), { properties: { code: { enum: [...codes] } } }] }
    case 'openai':
      return refTo('OpenAIError')
    case 'anthropic':
      return refTo('AnthropicError')
    case 'ollama':
      return refTo('OllamaError')
    case 'mcp':
      return refTo('McpError')
    case 'either':
      return { anyOf: [refTo('OpenAIError'), refTo('AnthropicError')] }
  }
}

const header = (name: string) => ({ [name]: { $ref: `#/components/headers/${name}` } })

function headersOf({ surface, status, isRun }: Kind, codes: readonly ErrorCode[]): Schema {
  const retried = codes.some((code) => errorCodes[code].retry)
  return {
    ...header('x-request-id'),
    ...(isRun ? header('x-run-id') : {}),
    ...(retried ? header('retry-after') : {}),
    ...(codes.includes('unauthorized') ? header('www-authenticate') : {}),
    ...(surface !== 'native' && surface !== 'mcp' && (status >= 500 || [402, 409, 429].includes(status))
      ? header('x-should-retry')
      : {}),
  }
}

const namedAs: Record<Surface, string> = {
  native: 'Native',
  openai: 'OpenAI',
  anthropic: 'Anthropic',
  ollama: 'Ollama',
  mcp: 'Mcp',
  either: 'Face',
}

const upperFirst = (name: string) => `${name.slice(0, 1).toUpperCase()}${name.slice(1)}`

/** `isRun`: of a route that starts a run, which may have started when it fails. */
type Kind = { surface: Surface; status: number; isRun: boolean }

function toResponse(kind: Kind, errors: readonly Documented[]): Schema {
  const byCode = new Map(errors.map((error) => [error.code, error]))
  const codes = [...byCode.keys()]
  const all = [...byCode.values()]
  const examples = Object.fromEntries(all.map(({ code, body }) => [code, { value: body }]))
  return {
    description: all.map(({ words, code }) => `- ${words}: ${meaningOf(code)}`).join('\n'),
    headers: headersOf(kind, codes),
    content: { 'application/json': { schema: bodySchema(kind.surface, codes), examples } },
  }
}

/** Error answers that several routes share are in the document once; `responses` collects them. */
export class ErrorResponses {
  readonly responses: Record<string, Schema> = {}

  /** Adds the error answers of a route; returns references by status. */
  add(surface: Surface, routeGroups: readonly ErrorGroup[]): Record<string, Schema> {
    const all = routeGroups.flatMap((group) => errorGroups[group].map((code) => documentError(surface, group, code)))
    const statuses = [...new Set(all.map(({ status }) => status))]
    const isRun = routeGroups.includes('run')
    const refs = statuses.map((status) => {
      const errors = all.filter((error) => error.status === status)
      const name = this.#name({ surface, status, isRun }, errors)
      return [String(status), { $ref: `#/components/responses/${name}` }] as const
    })
    return Object.fromEntries(refs)
  }

  /** Named after the groups whose codes it has. */
  #name(kind: Kind, errors: readonly Documented[]): string {
    const others = new Set(errors.map(({ group }) => group).filter((group) => group !== 'guard'))
    if (kind.isRun) others.add('run')
    const name = `${namedAs[kind.surface]}${kind.status}${[...others].map(upperFirst).join('')}`
    this.responses[name] ??= toResponse(kind, errors)
    return name
  }
}
