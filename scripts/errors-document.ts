// The generated parts of docs/errors.md: every code as each face tells it, what it means and what to do; and one error in three shapes.
import { AppError, type ErrorCode, errorCodes } from '../src/errors.ts'
import { anthropicStatus, toErrorBody as toAnthropic } from '../src/surfaces/anthropic/errors.ts'
import { toErrorBody as toNative } from '../src/surfaces/native/translate.ts'
import { openaiStatus, toErrorBody as toOpenai } from '../src/surfaces/openai/shared/errors.ts'
import type { Part } from './documents.ts'
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
    const again = errorCodes[code].retry ? 'yes' : 'no'
    return `| \`${code}\` | ${error.status} | ${openaiCell(error)} | ${anthropicCell(error)} | ${again} | ${meanings[code].join(' ')} |`
  })
  const head =
    '| code | status | OpenAI: status, type, code | Anthropic: status, type | again? | what it means, and what to do |'
  return [head, '| --- | --- | --- | --- | --- | --- |', ...rows].join('\n')
}

/** One failure as each face tells it. */
function shapes(): string {
  const error = new AppError('model_not_found', 'there is no model "sonet"; did you mean sonnet?', { field: 'model' })
  const id = 'req_6f1d5c0a9b3e4f7281d0c4aa'
  const bodies = [toNative(error, id), toOpenai(error), toAnthropic(error, id)]
  return `\`\`\`json\n${bodies.map((body) => JSON.stringify(body)).join('\n')}\n\`\`\``
}

export const errorsParts: Part[] = [
  { file: 'docs/errors.md', name: 'errors', make: errorTable },
  { file: 'docs/errors.md', name: 'shapes', make: shapes },
]
