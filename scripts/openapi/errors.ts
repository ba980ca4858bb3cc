// The error answers of the document: which codes come with which status, in the words of each API. Statuses and words are those of the
// code itself; here is only which routes can meet which errors, and when.
import { AppError, type ErrorCode, errorCodes } from '../../src/errors.ts'
import { anthropicStatus, toErrorBody as toAnthropicBody } from '../../src/surfaces/anthropic/errors.ts'
import { toErrorBody as toNativeBody } from '../../src/surfaces/native/translate.ts'
import { openaiStatus, toErrorBody as toOpenaiBody } from '../../src/surfaces/openai/shared/errors.ts'
import { meanings } from '../error-meanings.ts'
import type { Schema } from './json-schema.ts'
import { refTo } from './schemas.ts'

/** `faces`: routes that speak as OpenAI or Anthropic, whichever the request is for. */
export type Surface = 'native' | 'openai' | 'anthropic' | 'faces'

/** What routes have in common. `door` comes with all of them. */
export const groups = {
  door: ['invalid_request', 'host_not_allowed', 'origin_not_allowed', 'internal'],
  key: ['unauthorized', 'rate_limited'],
  scope: ['insufficient_scope'],
  body: ['body_too_large', 'unsupported_media_type'],
  folder: ['cwd_not_found', 'cwd_not_allowed'],
  model: ['model_not_found'],
  run: [
    'budget_exceeded',
    'conflict',
    'queue_full',
    'cancelled',
    'interrupted',
    'sandbox_mismatch',
    'claude_failed',
    'claude_not_found',
    'claude_not_logged_in',
    'overloaded',
    'shutting_down',
    'timeout',
  ],
  mode: ['permission_mode_not_allowed'],
  oneRun: ['run_not_found'],
  ask: ['not_found'],
  response: ['not_found'],
  session: ['session_not_found'],
  held: ['conflict'],
  files: ['overloaded', 'timeout', 'not_implemented'],
  cli: ['claude_not_found', 'claude_not_logged_in', 'claude_failed'],
} as const satisfies Record<string, readonly ErrorCode[]>

export type Group = keyof typeof groups

/** What no route has to itself: told once, for all of them. */
export const everywhere: readonly ErrorCode[] = [
  'not_found',
  'method_not_allowed',
  'request_timeout',
  'url_too_long',
  'headers_too_large',
]

export const meaningOf = (code: ErrorCode): string => meanings[code][0]

/** An error as an API tells it: its status, the words that programs compare, and the whole body. */
type Shape = { status: number; words: string; body: unknown }

const sampleId = 'req_6f1d0c2b9a8e4d7f8b3a5c1e'

const shapeIn: Record<Surface, (error: AppError) => Shape> = {
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
  faces(error) {
    const [first, second] = [shapeIn.openai(error), shapeIn.anthropic(error)]
    if (first.status !== second.status) throw new Error(`the faces tell ${error.code} by different statuses`)
    return { ...first, words: `${first.words} or ${second.words}` }
  },
}

type Told = Shape & { group: Group; code: ErrorCode }

function tell(surface: Surface, group: Group, code: ErrorCode): Told {
  return { group, code, ...shapeIn[surface](new AppError(code, meaningOf(code).replaceAll('`', ''))) }
}

function bodySchema(surface: Surface, codes: readonly ErrorCode[]): Schema {
  switch (surface) {
    case 'native':
      return { allOf: [refTo('Error'), { properties: { code: { enum: [...codes] } } }] }
    case 'openai':
      return refTo('OpenAIError')
    case 'anthropic':
      return refTo('AnthropicError')
    case 'faces':
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
    ...(surface !== 'native' && (status >= 500 || [402, 409, 429].includes(status)) ? header('x-should-retry') : {}),
  }
}

const namedAs: Record<Surface, string> = { native: 'Native', openai: 'OpenAI', anthropic: 'Anthropic', faces: 'Face' }

const upperFirst = (name: string) => `${name.slice(0, 1).toUpperCase()}${name.slice(1)}`

/** `isRun`: of a route that starts a run, which may have begun when it fails. */
type Kind = { surface: Surface; status: number; isRun: boolean }

function toResponse(kind: Kind, errors: readonly Told[]): Schema {
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

/** Error answers that several routes have stand in the document once; `responses` has all that were asked for. */
export class ErrorResponses {
  readonly responses: Record<string, Schema> = {}

  /** References by status, for a route that can meet these errors. */
  of(surface: Surface, given: readonly Group[]): Record<string, Schema> {
    const all = given.flatMap((group) => groups[group].map((code) => tell(surface, group, code)))
    const statuses = [...new Set(all.map(({ status }) => status))]
    const isRun = given.includes('run')
    const refs = statuses.map((status) => {
      const errors = all.filter((error) => error.status === status)
      const name = this.#name({ surface, status, isRun }, errors)
      return [String(status), { $ref: `#/components/responses/${name}` }] as const
    })
    return Object.fromEntries(refs)
  }

  /** By the groups that it has codes of. */
  #name(kind: Kind, errors: readonly Told[]): string {
    const others = new Set(errors.map(({ group }) => group).filter((group) => group !== 'door'))
    if (kind.isRun) others.add('run')
    const name = `${namedAs[kind.surface]}${kind.status}${[...others].map(upperFirst).join('')}`
    this.responses[name] ??= toResponse(kind, errors)
    return name
  }
}
