// The generated parts of docs/errors.md: every code on every surface, its meaning and its fix; and one error in five formats.
import { AppError, type ErrorCode, errorCodes } from '../src/errors.ts'
import { anthropicStatus, toErrorBody as toAnthropic } from '../src/surfaces/anthropic/errors.ts'
import { toErrorBody as toMcp } from '../src/surfaces/mcp/errors.ts'
import { toErrorBody as toNative } from '../src/surfaces/native/translate.ts'
import { ollamaStatus, toErrorBody as toOllama } from '../src/surfaces/ollama/errors.ts'
import { openaiStatus, toErrorBody as toOpenai } from '../src/surfaces/openai/shared/errors.ts'
import type { Part } from './document-part.ts'
import { meanings } from './error-meanings.ts'

const openaiCell = (error: AppError): string => {
  const { type, code } = toOpenai(error).error
  return `${openaiStatus(error)} \`${type}\`${code === null ? '' : `, \`${code}\``}`
}

const anthropicCell = (error: AppError): string =>
  `${anthropicStatus(error)} \`${toAnthropic(error, null).error.type}\``

function errorTable(): string {
  const rows = (Object.keys(errorCodes) as ErrorCode[]).map((code) => {
    const error = new AppError(code, '')
    const canRetry = errorCodes[code].retry ? 'yes' : 'no'
    return `| \`${code}\` | ${error.status} | ${openaiCell(error)} | ${anthropicCell(error)} | ${ollamaStatus(error)} | ${canRetry} | ${meanings[code].join(' ')} |`
  })
  const head =
    '| code | status | OpenAI: status, type, code | Anthropic: status, type | Ollama: status | retry? | meaning and fix |'
  return [head, '| --- | --- | --- | --- | --- | --- | --- |', ...rows].join('\n')
}

/** One error in the format of each surface. */
function formats(): string {
  const error = new AppError('model_not_found', 'there is no model "sonet"; did you mean sonnet?', { field: 'model' })
  const id = 'req_6f1d5c0a9b3e4f7281d0c4aa'
  const bodies = [toNative(error, id), toOpenai(error), toAnthropic(error, id), toOllama(error), toMcp(error, id)]
  return `\`\`\`json\n${bodies.map((body) => JSON.stringify(body)).join('\n')}\n\`\`\``
}

export const errorsParts: Part[] = [
  { file: 'docs/errors.md', name: 'errors', make: errorTable },
  { file: 'docs/errors.md', name: 'shapes', make: formats },
]
