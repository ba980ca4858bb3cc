// The arguments of a call in an earlier answer: JSON in a string, as OpenAI has it, or an object, as some programs send it.
import { invalidField } from '../../../errors.ts'
import { shapeError } from '../../../http/validate.ts'

type Given = string | Record<string, unknown> | null | undefined

export function parseArguments(given: Given, param: string): Record<string, unknown> {
  if (given !== null && typeof given === 'object') return given
  if (given === null || given === undefined || given.trim() === '') return {}
  const fault = invalidField(param, 'must be a JSON object, written as a string')
  let parsed: unknown
  try {
    parsed = JSON.parse(given)
  } catch {
    throw fault
  }
  if (parsed === null || typeof parsed !== 'object' || Array.isArray(parsed)) throw fault
  const misshapen = shapeError(parsed)
  if (misshapen !== null) throw invalidField(param, misshapen.replace('the body ', ''))
  return parsed as Record<string, unknown>
}
