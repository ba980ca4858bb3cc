// Parses the arguments of a call in an earlier answer: JSON in a string, as OpenAI defines it, or an object, as some
// programs send it.
import { invalidField } from '../../../errors.ts'
import { shapeError } from '../../../http/validate.ts'

type CallArguments = string | Record<string, unknown> | null | undefined

export function parseArguments(value: CallArguments, param: string): Record<string, unknown> {
  if (value !== null && typeof value === 'object') return value
  if (value === null || value === undefined || value.trim() === '') return {}
  const error = invalidField(param, 'must be a JSON object, written as a string')
  let parsed: unknown
  try {
    parsed = JSON.parse(value)
  } catch {
    throw error
  }
  if (parsed === null || typeof parsed !== 'object' || Array.isArray(parsed)) throw error
  const problem = shapeError(parsed)
  if (problem !== null) throw invalidField(param, problem.replace('the body ', ''))
  return parsed as Record<string, unknown>
}
